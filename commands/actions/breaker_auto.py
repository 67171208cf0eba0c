"""Breaker auto: the circuit breaker of an upstream decides by itself again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.actions.action import Options
from commands.actions.ordering import OfPlan, Ordered
from commands.grammar.arguments import Word
from commands.ports import Draft


@dataclass(frozen=True)
class BreakerAutoArgs(Options):
    """Arguments of `/gw breaker auto`."""

    upstream: Annotated[str, Word("an upstream of /gw upstreams, or * for what was ordered of all")]


@dataclass(frozen=True, kw_only=True)
class BreakerAutoOf(OfPlan, BreakerAutoArgs):
    """`/gw breaker auto` as the way back from a plan."""


class BreakerAuto(Ordered[BreakerAutoArgs]):
    """Takes away whatever forces it."""

    name = "breaker auto"
    path = ("gw", "breaker", "auto")
    summary = "Plan to have a circuit breaker decide by itself again."
    example = "/gw breaker auto user-service"
    look_at = "/gw breaker"
    instead = "Ask the admin API of each pod: DELETE /admin/circuit-breaker/overrides/{id}."
    args = BreakerAutoArgs
    undo = "/gw breaker open or /gw breaker closed forces it again"

    def says(self, args: BreakerAutoArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Whose."""
        upstream = draft.settled["upstream"]
        return f"Have {'the breakers' if upstream == '*' else f'the breaker of {upstream}'} decide by itself again"


ACTION = BreakerAuto()
