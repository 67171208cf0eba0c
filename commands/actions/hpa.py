"""HPA: other bounds of the autoscaler, for a while; it goes on deciding between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from commands.actions.action import Action, Leasable
from commands.actions.altering import Alteration
from commands.domain.plan import Plan
from commands.errors import Malformed
from commands.grammar.arguments import Option
from commands.ports import Draft


@dataclass(frozen=True)
class HpaArgs(Leasable):
    """Arguments of `/gw hpa bounds`."""

    fewest: Annotated[int | None, Option("--min", "the fewest workers that it may set")] = None
    most: Annotated[int | None, Option("--max", "the most workers that it may set")] = None


@dataclass(frozen=True, kw_only=True)
class HpaBefore(HpaArgs):
    """The way back, to what was there before. Limits are for what people ask for."""

    exact: bool = True


class Hpa(Alteration[HpaArgs]):
    """What to do instead of a scale that the autoscaler would undo."""

    name = "hpa bounds"
    path = ("gw", "hpa", "bounds")
    summary = "Plan other bounds of the autoscaler, for a while."
    example = "/gw hpa bounds --min 6 --for 1h"
    temporary = True
    instead = "The local gateway has no autoscaler: /gw scale sets its workers."
    args = HpaArgs
    undo = "/gw undo puts back the bounds"

    def check(self, args: HpaArgs) -> None:
        """At least one of them, and one worker at least."""
        given = [one for one in (args.fewest, args.most) if one is not None]
        if not given:
            raise Malformed("Say --min, --max, or both.", example=self.example)
        if min(given) < 1:
            raise Malformed("Bounds are numbers of workers, from 1.", example=self.example)

    def says(self, args: HpaArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """From which to which."""
        now, then = (f"{one['fewest']} to {one['most']}" for one in (draft.before, draft.settled))
        return f"Let the autoscaler of {service} keep {then} workers, not {now}"

    def back(self, draft: Draft) -> str:
        """With what was there."""
        return f"/gw hpa bounds --min {draft.before['fewest']} --max {draft.before['most']}"

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any]:
        """The bounds before."""
        return ACTION, HpaBefore(fewest=plan.before["fewest"], most=plan.before["most"])


ACTION = Hpa()
