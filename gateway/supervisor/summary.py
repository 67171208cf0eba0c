"""Requests, errors and latencies of a while, as the admin API tells them."""

from __future__ import annotations

import time
from typing import Any

from gateway.telemetry.ledger import Ledger
from gateway.telemetry.records import iso
from gateway.telemetry.window import RouteWindow, total_of


def summary_of(ledger: Ledger, *, now: float, uptime_seconds: float, seconds: int) -> dict[str, Any]:
    """Of the last `seconds`; `now` is on the ledger's clock."""
    routes = ledger.window.by_route(now, seconds)
    total = total_of(routes)
    return {
        "at": iso(time.time()),
        "uptime_seconds": round(uptime_seconds, 3),
        "requests_total": ledger.requests_total,
        "errors_total": ledger.errors_total,
        "window": {
            "seconds": seconds,
            **_counts(total),
            "rps": round(total.requests / seconds, 3),
            "p50_ms": total.milliseconds(0.5),
            "p95_ms": total.milliseconds(0.95),
            "p99_ms": total.milliseconds(0.99),
        },
        "by_route": [
            {"route": route, **_counts(piece), "p95_ms": piece.milliseconds(0.95)}
            for route, piece in sorted(routes.items())
        ],
    }


def _counts(piece: RouteWindow) -> dict[str, Any]:
    return {"requests": piece.requests, "errors": piece.errors, "error_rate": round(piece.error_rate, 6)}
