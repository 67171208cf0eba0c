"""What the two actions share that force a circuit breaker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from commands.actions import breaker_auto
from commands.actions.action import Action, Leasable
from commands.actions.ordering import Ordered
from commands.domain.plan import Plan
from commands.errors import Malformed
from commands.grammar.arguments import Word
from commands.presentation.words import lasting

_LONGEST = timedelta(hours=12)


@dataclass(frozen=True)
class BreakerArgs(Leasable):
    """Arguments of `/gw breaker open` and `/gw breaker closed`."""

    upstream: Annotated[str, Word("an upstream of /gw upstreams, or * for all")]


class Forced(Ordered[BreakerArgs]):
    """For a while; then it decides by what it has counted."""

    temporary: ClassVar[bool] = True
    look_at: ClassVar[str] = "/gw breaker"
    instead: ClassVar[str] = "Ask the admin API of each pod: POST /admin/circuit-breaker/overrides."
    args = BreakerArgs
    parts: ClassVar[tuple[str, ...]] = ("upstream",)
    undo: ClassVar[str] = "/gw undo, or /gw breaker auto"

    def check(self, args: BreakerArgs) -> None:
        """The gateway forgets such an order after a day."""
        if args.lasts is not None and args.lasts > _LONGEST:
            hint = "It can be renewed before it ends."
            raise Malformed(
                f"A breaker is forced for {lasting(_LONGEST)} at most.", hint=hint, example=f"{self.example} --for 2h"
            )

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any]:
        """Its own order is taken away, and no other."""
        return breaker_auto.ACTION, breaker_auto.BreakerAutoOf(upstream=plan.after["upstream"], of=plan.id)


def whose(upstream: str) -> str:
    """`the breaker of users`, `all breakers`."""
    return "all breakers" if upstream == "*" else f"the breaker of {upstream}"
