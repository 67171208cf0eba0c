"""What orders have to know of routes: by name, their keys in the settings, and how much of all requests they get."""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import timedelta

from bot.adapters.gateway.orders.order import Document, Scene, percent
from commands.errors import NotFound
from commands.presentation.words import lasting

LEVEL = "logging.level"


def limit_key(route: str) -> str:
    """Of a route's limits."""
    return f"routes.{route}.rate_limit"


def switch_key(route: str) -> str:
    """Of whether a route is served."""
    return f"routes.{route}.enabled"


def named_route(scene: Scene, document: Document, name: str) -> Document:
    """One route of the settings. Raises NotFound, which lists those there are."""
    for one in document["routes"]:
        if one["id"] == name:
            return dict(one)
    known = [one["id"] for one in document["routes"]]
    raise NotFound(f"{scene.service} has no route {name[:60]!r}.", hint="It has", allowed=known)


def limits_of(route: Document, document: Document) -> list[Document]:
    """Its own limits, or those that routes without any have."""
    own = route["rate_limit"]
    found = document["rate_limiting"]["default_limit"] if own is None else own
    return list(found or [])


def limit_words(limits: Sequence[Document]) -> str:
    """`10 in 1 min for each ip`."""
    each = [f"{one['limit']:,} in {_span(one)} for each {one.get('key_type', 'ip')}" for one in limits]
    return "; ".join(each) or "no limit"


def _span(limit: Document) -> str:
    return lasting(timedelta(seconds=limit["window_secs"]))


async def share_of(scene: Scene, routes: Set[str]) -> str:
    """How much of what clients ask for goes to these routes."""
    rows = (await scene.get("/admin/metrics/summary", window=60))["by_route"]
    whole = sum(row["requests"] for row in rows)
    if not whole:
        return "none in the last minute"
    part = sum(row["requests"] for row in rows if row["route"] in routes)
    return f"{percent(part / whole)} of those of the last minute"
