"""Purge all: the whole response cache is forgotten, and every request goes to an upstream until it is full again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from commands.actions.action import Options
from commands.actions.ordering import Ordered
from commands.grammar.arguments import Flag
from commands.ports import Draft
from commands.registry import ActionClass


@dataclass(frozen=True)
class PurgeAllArgs(Options):
    """Arguments of `/gw purge all`."""

    soft: Annotated[bool, Flag("--soft", "keep it, and ask upstreams whether it has changed")] = False


class PurgeAll(Ordered[PurgeAllArgs]):
    """Upstreams that live by the cache may fall over without it, so it needs a second person."""

    name = "purge all"
    path = ("gw", "purge", "all")
    summary = "Plan to have the cache forget everything."
    example = "/gw purge all --soft"
    klass = ActionClass.DANGEROUS
    instead = "Ask the admin API of each pod: POST /cache/purge."
    args = PurgeAllArgs
    undo = "none; the cache fills again with what is asked for"

    def said(self, args: PurgeAllArgs) -> dict[str, Any]:
        """As the gateway calls it."""
        return {"by": "all", "value": "", "soft": args.soft}

    def says(self, args: PurgeAllArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """All of it."""
        how = "ask upstreams about" if draft.settled["soft"] else "forget"
        return f"Have {service} {how} everything that it has cached"


ACTION = PurgeAll()
