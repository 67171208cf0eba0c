"""Limit: so many requests to a route in a span of time, for each client, for a while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from commands.actions import limit_auto
from commands.actions.action import Action, Leasable
from commands.actions.ordering import Ordered
from commands.domain.plan import Plan
from commands.errors import Malformed
from commands.grammar.arguments import Option, Word
from commands.ports import Draft
from commands.presentation.words import counted, lasting

_LONGEST = timedelta(days=1)
_KINDS = ("ip", "user", "api_key", "route")


@dataclass(frozen=True)
class LimitArgs(Leasable):
    """Arguments of `/gw limit`."""

    route: Annotated[str, Word("a route, by its id in the settings")]
    number: Annotated[int, Word("how many requests")]
    window: Annotated[timedelta, Word("in how long, as 60s", lead="per")]
    by: Annotated[str, Option("--by", "for each what: ip, user, api_key, route, or two as ip+route")] = ""


class Limit(Ordered[LimitArgs]):
    """For a flood, or an upstream that can take no more."""

    name = "limit"
    path = ("gw", "limit")
    summary = "Plan another rate limit of a route, for a while."
    example = "/gw limit login 10 per 60s for 1h"
    temporary = True
    look_at = "/gw overrides"
    instead = "In a cluster the settings are a ConfigMap: /gw config set."
    args = LimitArgs
    parts = ("route",)
    undo = "/gw undo, or /gw limit auto"

    def check(self, args: LimitArgs) -> None:
        """What the gateway would take."""
        if args.number < 1:
            hint = "To let nothing through: /gw route disable."
            raise Malformed("A limit is one request at least.", hint=hint, example=self.example)
        if not timedelta(seconds=1) <= args.window <= _LONGEST:
            raise Malformed(f"A limit counts in one second up to {lasting(_LONGEST)}.", example=self.example)
        parts = args.by.split("+") if args.by else []
        if len(parts) > 2 or len(set(parts)) < len(parts) or not set(parts) <= set(_KINDS):
            raise Malformed(f"“{args.by[:60]}” is nothing to count by.", hint="Known:", allowed=_KINDS)

    def said(self, args: LimitArgs) -> dict[str, Any]:
        """As the gateway counts."""
        seconds = int(args.window.total_seconds())
        return {"route": args.route, "limit": args.number, "seconds": seconds, "by": args.by}

    def says(self, args: LimitArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """How many."""
        return (
            f"Limit the route {draft.settled['route']} to {counted(args.number, 'request')} in {lasting(args.window)}"
        )

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any]:
        """Its own order is taken away, and no other."""
        return limit_auto.ACTION, limit_auto.LimitAutoOf(route=plan.after["route"], of=plan.id)


ACTION = Limit()
