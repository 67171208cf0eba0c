"""Loglevel auto: the log has the level of the settings again."""

from __future__ import annotations

from dataclasses import dataclass

from commands.actions.action import Options
from commands.actions.ordering import OfPlan, Ordered
from commands.ports import Draft


@dataclass(frozen=True)
class LoglevelAutoArgs(Options):
    """Arguments of `/gw loglevel auto`."""


@dataclass(frozen=True, kw_only=True)
class LoglevelAutoOf(OfPlan, LoglevelAutoArgs):
    """`/gw loglevel auto` as the way back from a plan."""


class LoglevelAuto(Ordered[LoglevelAutoArgs]):
    """Takes away whatever gives it another."""

    name = "loglevel auto"
    path = ("gw", "loglevel", "auto")
    summary = "Plan to log from the level on that the settings say."
    example = "/gw loglevel auto"
    look_at = "/gw overrides"
    instead = "In a cluster: /gw env LOG_LEVEL --unset."
    args = LoglevelAutoArgs
    undo = "/gw loglevel sets it again"

    def says(self, args: LoglevelAutoArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """In a few words."""
        return f"Have {service} log from the level on that the settings say"


ACTION = LoglevelAuto()
