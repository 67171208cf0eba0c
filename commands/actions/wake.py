"""Wake: as many workers as there were before `/gw zero`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from commands.actions.action import Options
from commands.actions.altering import Alteration
from commands.grammar.arguments import Word
from commands.ports import Draft
from commands.presentation.words import counted


@dataclass(frozen=True)
class WakeArgs(Options):
    """Arguments of `/gw wake`."""

    workers: Annotated[int, Word("how many; as many as before, when left out")] = 0


class Wake(Alteration[WakeArgs]):
    """Starts the workers again; an autoscaler takes over from there."""

    name = "wake"
    path = ("gw", "wake")
    summary = "Plan to start the workers again that /gw zero has stopped."
    example = "/gw wake"
    instead = "The local gateway always has a worker: /gw scale sets how many."
    args = WakeArgs
    undo = "/gw zero stops them again"

    def said(self, args: WakeArgs) -> dict[str, Any]:
        """The adapter keeps it within the limits."""
        return {"replicas": args.workers}

    def says(self, args: WakeArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """How many."""
        return f"Wake {service} with {counted(draft.settled['replicas'], 'worker')}"

    def back(self, draft: Draft) -> str:  # noqa: ARG002 - nothing is kept
        """The other way round."""
        return "/gw zero"

    def course(self, done: int, total: int) -> str:
        """How many are there."""
        return f"{done} of {total} workers ready"


ACTION = Wake()
