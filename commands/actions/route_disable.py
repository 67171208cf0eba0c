"""Route disable: a route is answered with 503, and its upstream is asked nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from commands.actions import route_enable
from commands.actions.action import Action, Leasable
from commands.actions.ordering import Ordered
from commands.domain.plan import Plan
from commands.grammar.arguments import Word
from commands.ports import Draft
from commands.registry import ActionClass


@dataclass(frozen=True)
class RouteDisableArgs(Leasable):
    """Arguments of `/gw route disable`."""

    route: Annotated[str, Word("a route, by its id in the settings")]


class RouteDisable(Ordered[RouteDisableArgs]):
    """An outage of the route, so it needs a second person."""

    name = "route disable"
    path = ("gw", "route", "disable")
    summary = "Plan to pass on nothing of a route, for a while."
    example = "/gw route disable reports --for 30m"
    klass = ActionClass.DANGEROUS
    temporary = True
    look_at = "/gw overrides"
    instead = "In a cluster the settings are a ConfigMap: /gw config set."
    args = RouteDisableArgs
    parts = ("route",)
    undo = "/gw undo, or /gw route enable"

    def says(self, args: RouteDisableArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Which one, and what that means."""
        return f"Disable the route {draft.settled['route']}: its requests are answered with 503"

    def touches(self, draft: Draft) -> str:
        """Which one."""
        return str(draft.settled["route"])

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any]:
        """Its own order is taken away, and no other."""
        return route_enable.ACTION, route_enable.RouteEnableOf(route=plan.after["route"], of=plan.id)


ACTION = RouteDisable()
