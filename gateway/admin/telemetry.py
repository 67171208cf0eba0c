"""The admin API's side of what was observed: records of the log, errors, and figures."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from gateway.admin.access import needs
from gateway.admin.answers import Answer, Moment
from gateway.admin.endpoints import endpoints
from gateway.supervisor.gateway import Gateway

Since = Annotated[float, Query(gt=0, le=86_400, allow_inf_nan=False)]


class Logs(Answer):
    """Records that match, the oldest first."""

    records: list[dict[str, Any]]
    total_matched: int
    truncated: bool
    kept_since: Moment
    missed: int


class Errors(Answer):
    """Answers of 5xx and broken ones, by what they have in common."""

    class Group(Answer):
        """Of one route, status and type."""

        route: str
        status: int
        error_type: str
        count: int
        first_seen: Moment
        last_seen: Moment
        example: dict[str, Any] | None

    total: int
    since: Moment
    kept_since: Moment
    groups: list[Group]


class Summary(Answer):
    """Requests, errors and latencies of a while."""

    class Counts(Answer):
        """Of a part of the requests."""

        requests: int
        errors: int
        error_rate: float
        p95_ms: float | None

    class Window(Counts):
        """Of all of them, in so many seconds."""

        seconds: int
        rps: float
        p50_ms: float | None
        p99_ms: float | None

    class Route(Counts):
        """Of one route."""

        route: str

    at: Moment
    uptime_seconds: float
    requests_total: int
    errors_total: int
    window: Window
    by_route: list[Route]


def telemetry_routes(gateway: Gateway) -> APIRouter:
    """What is read of the log and of the counters. Records are redacted, so whoever may look may read them."""
    router = endpoints("/admin", tag="telemetry")

    @router.get("/logs", **needs("viewer", answer=Logs))
    async def logs(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] | None = None,
        grep: Annotated[str | None, Query(max_length=200)] = None,
        since_seconds: Since = 900,
    ) -> dict[str, Any]:
        """The newest records of the log."""
        await gateway.fleet.collect()
        since = time.time() - since_seconds
        return gateway.ledger.recent.found(limit=limit, level=level, grep=grep, since=since)

    @router.get("/errors", **needs("viewer", answer=Errors))
    async def errors(since_seconds: Since = 900) -> dict[str, Any]:
        """What failed, grouped."""
        await gateway.fleet.collect()
        return gateway.ledger.groups.answer(time.time() - since_seconds)

    @router.get("/metrics/summary", **needs("viewer", answer=Summary))
    async def summary(window: Annotated[int, Query(ge=1, le=900)] = 30) -> dict[str, Any]:
        """Requests, errors and latencies, also by route."""
        return await gateway.summary(window)

    return router
