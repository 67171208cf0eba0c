"""Resume: `kubectl rollout resume deployment/api-gateway`."""

from __future__ import annotations

from dataclasses import dataclass

from commands.actions.action import Options
from commands.actions.altering import Alteration
from commands.ports import Draft


@dataclass(frozen=True)
class ResumeArgs(Options):
    """`/gw resume` takes none of its own."""


class Resume(Alteration[ResumeArgs]):
    """What was changed meanwhile is rolled out at once."""

    name = "resume"
    path = ("gw", "resume")
    summary = "Plan to resume rollouts: what was changed meanwhile is rolled out."
    example = "/gw resume"
    instead = "The local gateway has no rollouts: /gw restart replaces its workers, /gw undo and /gw scale the count."
    args = ResumeArgs
    undo = "/gw pause holds back what comes later; what has begun goes on"

    def says(self, args: ResumeArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """In a few words."""
        return f"Resume the rollout of {service}"

    def back(self, draft: Draft) -> str:  # noqa: ARG002 - nothing is kept
        """The other way round."""
        return "/gw pause"

    def course(self, done: int, total: int) -> str:  # noqa: ARG002 - nothing is counted
        """In fewer."""
        return "rollouts go on"


ACTION = Resume()
