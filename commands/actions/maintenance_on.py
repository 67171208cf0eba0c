"""Maintenance on: the Service sends to a page that says that work is going on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from commands.actions import maintenance_off
from commands.actions.action import Action, Leasable
from commands.actions.ordering import Ordered
from commands.domain.plan import Plan
from commands.grammar.arguments import Option
from commands.ports import Draft
from commands.registry import ActionClass


@dataclass(frozen=True)
class MaintenanceOnArgs(Leasable):
    """Arguments of `/gw maintenance on`."""

    service: Annotated[str, Option("--service", "the Service; the one that sends to the gateway, when left out")] = ""


class MaintenanceOn(Ordered[MaintenanceOnArgs]):
    """Nobody reaches the gateway until it is off again, which it is by itself after a while."""

    name = "maintenance on"
    path = ("gw", "maintenance", "on")
    summary = "Plan to show everybody the maintenance page instead, for a while."
    example = "/gw maintenance on --for 30m"
    klass = ActionClass.DANGEROUS
    temporary = True
    needs = ""
    args = MaintenanceOnArgs
    parts = ("service",)
    undo = "/gw undo, or /gw maintenance off"

    def says(self, args: MaintenanceOnArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """For whom."""
        return f"Show the maintenance page instead of {service}"

    def touches(self, draft: Draft) -> str:
        """The Service."""
        return str(draft.settled["service"])

    def course(self, done: int, total: int) -> str:
        """By the endpoints."""
        return f"the page is shown: {done} of {total} of its ready pods are endpoints"

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any]:
        """To whom it sent before."""
        return maintenance_off.ACTION, maintenance_off.MaintenanceOffArgs(service=plan.after["service"])


ACTION = MaintenanceOn()
