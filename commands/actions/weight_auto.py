"""Weight auto: targets of an upstream get the shares that the settings give them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.actions.action import Options
from commands.actions.ordering import OfPlan, Ordered
from commands.grammar.arguments import Word
from commands.ports import Draft


@dataclass(frozen=True)
class WeightAutoArgs(Options):
    """Arguments of `/gw weight auto`."""

    upstream: Annotated[str, Word("an upstream of /gw upstreams")]


@dataclass(frozen=True, kw_only=True)
class WeightAutoOf(OfPlan, WeightAutoArgs):
    """`/gw weight auto` as the way back from a plan."""


class WeightAuto(Ordered[WeightAutoArgs]):
    """Takes away whatever gives them other weights."""

    name = "weight auto"
    path = ("gw", "weight", "auto")
    summary = "Plan to weigh the targets of an upstream as the settings say."
    example = "/gw weight auto user-service"
    look_at = "/gw upstreams"
    instead = "In a cluster: /gw switch sends all requests to another Deployment."
    args = WeightAutoArgs
    undo = "/gw weight gives them other weights again"

    def says(self, args: WeightAutoArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Of which upstream."""
        return f"Weigh the targets of the upstream {draft.settled['upstream']} as the settings say"


ACTION = WeightAuto()
