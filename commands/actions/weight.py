"""Weight: targets of an upstream get other shares of the requests: a canary, or blue/green in one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from commands.actions import weight_auto
from commands.actions.action import Action, Leasable
from commands.actions.ordering import Ordered
from commands.domain.plan import Plan
from commands.errors import Malformed
from commands.grammar.arguments import Rest, Word
from commands.ports import Draft
from commands.presentation.words import cut

_HEAVIEST = 1000


@dataclass(frozen=True)
class WeightArgs(Leasable):
    """Arguments of `/gw weight`."""

    upstream: Annotated[str, Word("an upstream of /gw upstreams")]
    weights: Annotated[str, Rest("target=weight, as blue=0 green=1; 0 is no requests")]


class Weight(Ordered[WeightArgs]):
    """All of them change at one moment. The settings are for what is to stay."""

    name = "weight"
    path = ("gw", "weight")
    summary = "Plan other shares of the requests for targets of an upstream, for a while."
    example = "/gw weight user-service blue=9 green=1 --for 1h"
    temporary = True
    look_at = "/gw upstreams"
    instead = "In a cluster: /gw switch sends all requests to another Deployment."
    args = WeightArgs
    parts = ("upstream",)
    undo = "/gw undo, or /gw weight auto"

    def check(self, args: WeightArgs) -> None:
        """Each of them is a name and a number."""
        self.said(args)

    def said(self, args: WeightArgs) -> dict[str, Any]:
        """By target."""
        weights = dict(_weight(word, self.example) for word in args.weights.split())
        if len(weights) < len(args.weights.split()):
            raise Malformed("A target has one weight.", example=self.example)
        return {"upstream": args.upstream, "weights": weights}

    def says(self, args: WeightArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Whom, and how much."""
        said = ", ".join(f"{name} {weight}" for name, weight in draft.settled["weights"].items())
        return f"Weigh the targets of the upstream {draft.settled['upstream']}: {said}"

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any]:
        """Its own order is taken away, and no other."""
        return weight_auto.ACTION, weight_auto.WeightAutoOf(upstream=plan.after["upstream"], of=plan.id)


def _weight(word: str, example: str) -> tuple[str, int]:
    name, given, number = word.rpartition("=")
    if not (given and name and number.isascii() and number.isdigit()) or int(number) > _HEAVIEST:
        hint = f"Write target=weight for each, from 0 to {_HEAVIEST:,}; how long it lasts is --for 1h."
        raise Malformed(f"“{cut(word, 60)}” is no weight.", hint=hint, example=example)
    return name, int(number)


ACTION = Weight()
