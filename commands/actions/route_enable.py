"""Route enable: a route that was disabled is served again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.actions.action import Options
from commands.actions.ordering import OfPlan, Ordered
from commands.grammar.arguments import Word
from commands.ports import Draft


@dataclass(frozen=True)
class RouteEnableArgs(Options):
    """Arguments of `/gw route enable`."""

    route: Annotated[str, Word("a route, by its id in the settings")]


@dataclass(frozen=True, kw_only=True)
class RouteEnableOf(OfPlan, RouteEnableArgs):
    """`/gw route enable` as the way back from a plan."""


class RouteEnable(Ordered[RouteEnableArgs]):
    """Takes away whatever disables it."""

    name = "route enable"
    path = ("gw", "route", "enable")
    summary = "Plan to serve a route again that was disabled."
    example = "/gw route enable reports"
    look_at = "/gw overrides"
    instead = "In a cluster the settings are a ConfigMap: /gw config set."
    args = RouteEnableArgs
    undo = "/gw route disable switches it off again"

    def says(self, args: RouteEnableArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Which one."""
        return f"Serve the route {draft.settled['route']} again"

    def back(self, draft: Draft) -> str:
        """The other way round."""
        return f"/gw route disable {draft.settled['route']}"


ACTION = RouteEnable()
