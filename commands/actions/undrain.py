"""Undrain: a target gets requests again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.actions.action import Options
from commands.actions.ordering import OfPlan, Ordered
from commands.grammar.arguments import Word
from commands.ports import Draft


@dataclass(frozen=True)
class UndrainArgs(Options):
    """Arguments of `/gw undrain`."""

    upstream: Annotated[str, Word("an upstream of /gw upstreams")]
    target: Annotated[str, Word("one of its targets, by its name or its address")]


@dataclass(frozen=True, kw_only=True)
class UndrainOf(OfPlan, UndrainArgs):
    """`/gw undrain` as the way back from a plan."""


class Undrain(Ordered[UndrainArgs]):
    """Takes away whatever drains it."""

    name = "undrain"
    path = ("gw", "undrain")
    summary = "Plan to send requests to a drained target again."
    example = "/gw undrain user-service blue"
    look_at = "/gw upstreams"
    instead = "In a cluster: /gw undo, or /gw pod delete for a pod that was put aside."
    args = UndrainArgs
    undo = "/gw drain drains it again"

    def says(self, args: UndrainArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Which one."""
        return f"Send requests to {draft.settled['target']} of the upstream {draft.settled['upstream']} again"

    def back(self, draft: Draft) -> str:
        """The other way round."""
        return f"/gw drain {draft.settled['upstream']} {draft.settled['target']}"


ACTION = Undrain()
