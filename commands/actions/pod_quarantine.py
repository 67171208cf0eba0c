"""Pod quarantine: out of the service by its labels, and running on, so that somebody can look at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.actions.action import Options
from commands.actions.altering import Alteration
from commands.grammar.arguments import Word
from commands.ports import Draft


@dataclass(frozen=True)
class PodQuarantineArgs(Options):
    """Arguments of `/gw pod quarantine`."""

    pod: Annotated[str, Word("a pod of /gw pods")]


class PodQuarantine(Alteration[PodQuarantineArgs]):
    """Keeps a pod for a look, without requests."""

    name = "pod quarantine"
    path = ("gw", "pod", "quarantine")
    summary = "Plan to take one pod out of the service and keep it running, for a look at it."
    example = "/gw pod quarantine api-gateway-7d9c5b-x2x4k"
    instead = "The local gateway has no pods: /gw restart replaces its workers."
    args = PodQuarantineArgs
    undo = "not needed, since a new one takes its place; /gw pod delete ends it once it was looked at"

    def says(self, args: PodQuarantineArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Which one."""
        return f"Quarantine the pod {draft.settled['pod']}"

    def course(self, done: int, total: int) -> str:
        """Whether there are as many as are wanted."""
        return f"it is out of the service; {done} of {total} workers available"


ACTION = PodQuarantine()
