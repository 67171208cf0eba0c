"""Pod delete: `kubectl delete pod`, for one that is stuck; a new one takes its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.actions.action import Options
from commands.actions.altering import Alteration
from commands.grammar.arguments import Word
from commands.ports import Draft


@dataclass(frozen=True)
class PodDeleteArgs(Options):
    """Arguments of `/gw pod delete`."""

    pod: Annotated[str, Word("a pod of /gw pods")]


class PodDelete(Alteration[PodDeleteArgs]):
    """Ends one copy."""

    name = "pod delete"
    path = ("gw", "pod", "delete")
    summary = "Plan to delete one pod; a new one takes its place."
    example = "/gw pod delete api-gateway-7d9c5b-x2x4k"
    instead = "The local gateway has no pods: a worker that dies is replaced by itself, /gw restart replaces all."
    args = PodDeleteArgs
    undo = "not needed, since a new one takes its place"

    def says(self, args: PodDeleteArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Which one."""
        return f"Delete the pod {draft.settled['pod']}"

    def course(self, done: int, total: int) -> str:
        """Whether there are as many as are wanted."""
        return f"it is gone; {done} of {total} workers available"


ACTION = PodDelete()
