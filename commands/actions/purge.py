"""Purge: part of the response cache is forgotten, or has to be asked about first (runbook 003)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from commands.actions.action import Options
from commands.actions.ordering import Ordered
from commands.errors import Malformed
from commands.grammar.arguments import Flag, Word
from commands.ports import Draft
from commands.presentation.words import cut
from commands.redaction import MASK

_URL = re.compile(r"(https?://[!-.0-~]+)?/[!-~]*")
_TAG = re.compile(r"[!-~]+")
_LONGEST = 2000


class Scope(StrEnum):
    """What is named; `key` is what others call the URL."""

    URL = "url"
    KEY = "key"
    PREFIX = "prefix"
    TAG = "tag"


@dataclass(frozen=True)
class PurgeArgs(Options):
    """Arguments of `/gw purge`."""

    scope: Annotated[Scope, Word("url, prefix or tag; to forget everything, /gw purge all")]
    value: Annotated[str, Word("a URL or path as /catalogue/7?lang=en, its beginning, or a tag")]
    soft: Annotated[bool, Flag("--soft", "keep it, and ask upstreams whether it has changed")] = False


class Purge(Ordered[PurgeArgs]):
    """Cannot be taken back, and need not be: the next request fetches the answer anew. All of a host is dangerous."""

    name = "purge"
    path = ("gw", "purge")
    summary = "Plan to have the cache forget a URL, a prefix or a tag."
    example = "/gw purge prefix /catalogue --soft"
    instead = "Ask the admin API of each pod: POST /cache/purge."
    args = PurgeArgs
    undo = "not needed: what is asked for again is fetched again"

    def check(self, args: PurgeArgs) -> None:
        """A URL or a path, or a tag; and not everything by another name."""
        known = _TAG if args.scope is Scope.TAG else _URL
        if len(args.value) > _LONGEST or MASK in args.value or not known.fullmatch(args.value):
            hint = "A URL begins with /, for all hosts, or with http:// and the host, as upstreams are told it."
            raise Malformed(f"“{cut(args.value, 60)}” is no {args.scope.value}.", hint=hint, example=self.example)
        if args.scope is Scope.PREFIX and args.value == "/" and not args.soft:
            hint = "/gw purge all does that; --soft asks upstreams first, and spares them."
            raise Malformed("That is everything.", hint=hint, example="/gw purge prefix / --soft")

    def said(self, args: PurgeArgs) -> dict[str, Any]:
        """As the gateway calls it."""
        by = Scope.URL if args.scope is Scope.KEY else args.scope
        return {"by": by.value, "value": args.value, "soft": args.soft}

    def says(self, args: PurgeArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """What, and how."""
        by, value = draft.settled["by"], cut(draft.settled["value"], 200)
        if draft.settled["soft"]:
            return f"Have {service} ask upstreams about what it has cached of the {by} {value}"
        return f"Have {service} forget what it has cached of the {by} {value}"


ACTION = Purge()
