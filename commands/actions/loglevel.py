"""Loglevel: the gateway says more, or less, for a while."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from commands.actions import loglevel_auto
from commands.actions.action import Action, Leasable
from commands.actions.ordering import Ordered
from commands.domain.plan import Plan
from commands.grammar.arguments import Word
from commands.ports import Draft


class Level(StrEnum):
    """How much is said."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class LoglevelArgs(Leasable):
    """Arguments of `/gw loglevel`."""

    level: Annotated[Level, Word("debug, info, warning or error")]


class Loglevel(Ordered[LoglevelArgs]):
    """A flood of lines ends by itself."""

    name = "loglevel"
    path = ("gw", "loglevel")
    summary = "Plan another level of the gateway's log, for a while."
    example = "/gw loglevel debug for 15m"
    temporary = True
    look_at = "/gw overrides"
    instead = "In a cluster: /gw env LOG_LEVEL=debug."
    args = LoglevelArgs
    undo = "/gw undo, or /gw loglevel auto"

    def said(self, args: LoglevelArgs) -> dict[str, Any]:
        """As the gateway writes it."""
        return {"level": args.level.value.upper()}

    def says(self, args: LoglevelArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Which one."""
        return f"Have {service} log from level {draft.settled['level']} on"

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any]:
        """Its own order is taken away, and no other."""
        return loglevel_auto.ACTION, loglevel_auto.LoglevelAutoOf(of=plan.id)


ACTION = Loglevel()
