"""Who asks most, and what takes longest: the lists that operators look at first when a gateway is flooded or slow."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query

from gateway.telemetry.ledger import Ledger
from gateway.telemetry.talkers import By, Order

Since = Annotated[float, Query(gt=0, le=900, allow_inf_nan=False)]
Limit = Annotated[int, Query(ge=1, le=500)]


def top_routes(ledger: Ledger, collect: Callable[[], Awaitable[None]]) -> APIRouter:
    """GET /admin/top/talkers, /admin/top/slow and /admin/top/attackers."""
    router = APIRouter(prefix="/top")

    @router.get("/talkers")
    async def talkers(
        by: By = "address", order: Order = "requests", since_seconds: Since = 900, limit: Limit = 20
    ) -> dict[str, Any]:
        await collect()
        return ledger.talkers.answer(by, order, time.time() - since_seconds, limit)

    @router.get("/slow")
    async def slow(
        route: Annotated[str | None, Query(max_length=200)] = None, since_seconds: Since = 900, limit: Limit = 20
    ) -> dict[str, Any]:
        await collect()
        return ledger.slow.answer(time.time() - since_seconds, route, limit)

    @router.get("/attackers")
    async def attackers(since_seconds: Since = 900, limit: Limit = 20) -> dict[str, Any]:
        await collect()
        return ledger.attackers.answer(time.time() - since_seconds, limit)

    return router
