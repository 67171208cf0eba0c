"""Switch: a Service sends to the pods of another Deployment, from blue to green, in one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from commands.actions.action import Action, Options
from commands.actions.altering import Alteration
from commands.domain.plan import Plan
from commands.grammar.arguments import Option, Word
from commands.ports import Draft
from commands.registry import ActionClass


@dataclass(frozen=True)
class SwitchArgs(Options):
    """Arguments of `/gw switch`."""

    to: Annotated[str, Word("the Deployment whose pods are to get the requests")]
    service: Annotated[str, Option("--service", "the Service; the one that sends to the gateway, when left out")] = ""


class Switch(Alteration[SwitchArgs]):
    """Moves all requests at once, so it needs pods that are ready there, and a second person."""

    name = "switch"
    path = ("gw", "switch")
    summary = "Plan to send all requests to another Deployment (blue/green)."
    example = "/gw switch api-gateway-green"
    klass = ActionClass.DANGEROUS
    instead = "The local gateway is one set of workers: start the other version beside it, and point its clients there."
    args = SwitchArgs
    parts = ("service",)
    undo = "/gw undo sends them where they went before"

    def says(self, args: SwitchArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Who gets them."""
        return f"Send all requests of {draft.settled['service']} to {draft.settled['to']}"

    def back(self, draft: Draft) -> str:
        """To whom they went."""
        return f"/gw switch {draft.before['to']} --service {draft.before['service']}" if draft.before["to"] else ""

    def touches(self, draft: Draft) -> str:
        """The Service."""
        return str(draft.settled["service"])

    def course(self, done: int, total: int) -> str:
        """By the endpoints."""
        return f"{done} of {total} ready pods are its endpoints"

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any] | None:
        """Back to where they went, where one Deployment is that."""
        return (ACTION, SwitchArgs(to=plan.before["to"], service=plan.before["service"])) if plan.before["to"] else None


ACTION = Switch()
