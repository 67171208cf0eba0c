"""Drain: a target of an upstream gets no more requests, for a while; what is under way there ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from commands.actions import undrain
from commands.actions.action import Action, Leasable
from commands.actions.ordering import Ordered
from commands.domain.plan import Plan
from commands.grammar.arguments import Word
from commands.ports import Draft


@dataclass(frozen=True)
class DrainArgs(Leasable):
    """Arguments of `/gw drain`."""

    upstream: Annotated[str, Word("an upstream of /gw upstreams")]
    target: Annotated[str, Word("one of its targets, by its name or its address")]


class Drain(Ordered[DrainArgs]):
    """The others take its share."""

    name = "drain"
    path = ("gw", "drain")
    summary = "Plan to send no more requests to a target of an upstream, for a while."
    example = "/gw drain user-service blue --for 30m"
    temporary = True
    look_at = "/gw upstreams"
    instead = "In a cluster: /gw pod quarantine takes one pod out of its Service."
    args = DrainArgs
    parts = ("upstream", "target")
    undo = "/gw undo, or /gw undrain"

    def says(self, args: DrainArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Which one."""
        return f"Drain {draft.settled['target']} of the upstream {draft.settled['upstream']}"

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any]:
        """Its own order is taken away, and no other."""
        upstream, target = plan.after["upstream"], plan.after["target"]
        return undrain.ACTION, undrain.UndrainOf(upstream=upstream, target=target, of=plan.id)


ACTION = Drain()
