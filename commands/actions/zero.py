"""Zero: `kubectl scale --replicas=0`, which is a full outage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from commands.actions import wake
from commands.actions.action import Action, Options
from commands.actions.altering import Alteration
from commands.domain.plan import Plan
from commands.ports import Draft
from commands.registry import ActionClass


@dataclass(frozen=True)
class ZeroArgs(Options):
    """`/gw zero` takes none of its own."""


class Zero(Alteration[ZeroArgs]):
    """Stops every worker. The count before is kept on the Deployment."""

    name = "zero"
    path = ("gw", "zero")
    summary = "Plan to stop every worker: a full outage."
    example = "/gw zero"
    klass = ActionClass.DANGEROUS
    instead = "The local gateway always has a worker. Stop it where it was started."
    args = ZeroArgs
    undo = "/gw undo, or /gw wake"

    def says(self, args: ZeroArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """In a few words."""
        return f"Stop every worker of {service}"

    def course(self, done: int, total: int) -> str:  # noqa: ARG002 - what is left is counted
        """How many are left."""
        return f"{total} still stopping" if total else "no worker runs"

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any]:
        """The count before."""
        return wake.ACTION, wake.WakeArgs(workers=plan.before["replicas"])


ACTION = Zero()
