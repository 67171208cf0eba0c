"""Maintenance off: the Service sends to the gateway again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.actions.action import Options
from commands.actions.ordering import Ordered
from commands.grammar.arguments import Option
from commands.ports import Draft


@dataclass(frozen=True)
class MaintenanceOffArgs(Options):
    """Arguments of `/gw maintenance off`."""

    service: Annotated[str, Option("--service", "the Service; the one in maintenance, when left out")] = ""


class MaintenanceOff(Ordered[MaintenanceOffArgs]):
    """Puts back the selector that was kept on the Service."""

    name = "maintenance off"
    path = ("gw", "maintenance", "off")
    summary = "Plan to send requests to the gateway again."
    example = "/gw maintenance off"
    needs = ""
    args = MaintenanceOffArgs
    undo = "/gw maintenance on shows the page again"

    def says(self, args: MaintenanceOffArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """In a few words."""
        return f"End the maintenance of {service}"

    def back(self, draft: Draft) -> str:  # noqa: ARG002 - nothing is kept
        """The other way round."""
        return "/gw maintenance on"

    def course(self, done: int, total: int) -> str:
        """By the endpoints."""
        return f"{done} of {total} ready pods get requests again"


ACTION = MaintenanceOff()
