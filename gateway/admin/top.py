"""Who asks most, and what takes longest: the lists that operators look at first when a gateway is flooded or slow."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query

from gateway.admin.access import needs
from gateway.admin.answers import Answer, Moment
from gateway.admin.endpoints import endpoints
from gateway.telemetry.ledger import Ledger
from gateway.telemetry.talkers import By, Order

Since = Annotated[float, Query(gt=0, le=900, allow_inf_nan=False)]
Limit = Annotated[int, Query(ge=1, le=500)]


class Talkers(Answer):
    """Those with the most, and what all others have together."""

    class Counts(Answer):
        """Requests, those of them that were refused (4xx) or failed (5xx), and bytes of bodies, both ways."""

        requests: int
        refused: int
        failed: int
        bytes: int

    class Talker(Counts):
        """One of them; which of the two it is told by is what was asked for."""

        address: str = ""
        client: str = ""

    by: By
    order: Order
    since: Moment
    talkers: list[Talker]
    others: Counts


class Slowest(Answer):
    """Records of the log, the slowest first."""

    since: Moment
    requests: list[dict[str, Any]]


class Attackers(Answer):
    """Who has sent the most that looks like attacks, and how many of each kind there were from everybody."""

    class Attacker(Answer):
        """An address; of IPv6 its network."""

        src_ip: str
        count: int
        categories: dict[str, int]

    since: Moment
    detected: dict[str, int]
    attackers: list[Attacker]


def top_routes(ledger: Ledger, collect: Callable[[], Awaitable[None]]) -> APIRouter:
    """GET /admin/top/talkers, /admin/top/slow and /admin/top/attackers."""
    router = endpoints("/admin/top", tag="telemetry")

    @router.get("/talkers", **needs("viewer", answer=Talkers))
    async def talkers(
        by: By = "address", order: Order = "requests", since_seconds: Since = 900, limit: Limit = 20
    ) -> dict[str, Any]:
        """Who asks most."""
        await collect()
        return ledger.talkers.answer(by, order, time.time() - since_seconds, limit)

    @router.get("/slow", **needs("viewer", answer=Slowest))
    async def slow(
        route: Annotated[str | None, Query(max_length=200)] = None, since_seconds: Since = 900, limit: Limit = 20
    ) -> dict[str, Any]:
        """The requests that took longest."""
        await collect()
        return ledger.slow.answer(time.time() - since_seconds, route, limit)

    @router.get("/attackers", **needs("viewer", answer=Attackers))
    async def attackers(since_seconds: Since = 900, limit: Limit = 20) -> dict[str, Any]:
        """Who sends what looks like attacks."""
        await collect()
        return ledger.attackers.answer(time.time() - since_seconds, limit)

    return router
