"""Pause: `kubectl rollout pause deployment/api-gateway`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from commands.actions import resume
from commands.actions.action import Action, Options
from commands.actions.altering import Alteration
from commands.domain.plan import Plan
from commands.ports import Draft


@dataclass(frozen=True)
class PauseArgs(Options):
    """`/gw pause` takes none of its own."""


class Pause(Alteration[PauseArgs]):
    """Changes of the template are taken and wait until somebody resumes."""

    name = "pause"
    path = ("gw", "pause")
    summary = "Plan to pause rollouts: changes wait until they are resumed."
    example = "/gw pause"
    instead = "The local gateway has no rollouts: /gw restart replaces its workers, /gw undo and /gw scale the count."
    args = PauseArgs
    undo = "/gw undo, or /gw resume"

    def says(self, args: PauseArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """In a few words."""
        return f"Pause the rollout of {service}"

    def course(self, done: int, total: int) -> str:  # noqa: ARG002 - nothing is counted
        """In fewer."""
        return "paused"

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any]:  # noqa: ARG002 - it has no arguments
        """The other way round."""
        return resume.ACTION, resume.ResumeArgs()


ACTION = Pause()
