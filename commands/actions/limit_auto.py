"""Limit auto: a route has the rate limits of the settings again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.actions.action import Options
from commands.actions.ordering import OfPlan, Ordered
from commands.grammar.arguments import Word
from commands.ports import Draft


@dataclass(frozen=True)
class LimitAutoArgs(Options):
    """Arguments of `/gw limit auto`."""

    route: Annotated[str, Word("a route, by its id in the settings")]


@dataclass(frozen=True, kw_only=True)
class LimitAutoOf(OfPlan, LimitAutoArgs):
    """`/gw limit auto` as the way back from a plan."""


class LimitAuto(Ordered[LimitAutoArgs]):
    """Takes away whatever gives it others."""

    name = "limit auto"
    path = ("gw", "limit", "auto")
    summary = "Plan to limit a route as the settings say."
    example = "/gw limit auto login"
    look_at = "/gw overrides"
    instead = "In a cluster the settings are a ConfigMap: /gw config set."
    args = LimitAutoArgs
    undo = "/gw limit gives it another limit again"

    def says(self, args: LimitAutoArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Which one."""
        return f"Limit the route {draft.settled['route']} as the settings say"


ACTION = LimitAuto()
