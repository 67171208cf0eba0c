"""Requests, errors and latencies of the last minutes, second by second, summed over all workers."""

from __future__ import annotations

from collections import Counter
from typing import Any

from gateway.telemetry.buckets import quantile

KEPT_SECONDS = 905


class RouteWindow:
    """What happened to one route (or to all) within a span of time."""

    __slots__ = ("bins", "errors", "requests")

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self.bins: Counter[int] = Counter()

    def add(self, other: RouteWindow) -> None:
        """Add another one's counts."""
        self.requests += other.requests
        self.errors += other.errors
        self.bins.update(other.bins)

    @property
    def error_rate(self) -> float:
        """Errors per request, 0 to 1; 0 without requests."""
        return self.errors / self.requests if self.requests else 0.0

    def milliseconds(self, share: float) -> float | None:
        """The latency quantile `share`; None without requests."""
        seconds = quantile(self.bins, share)
        return None if seconds is None else round(seconds * 1000, 3)


class Window:
    """A bounded memory of the last 15 minutes; times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._seconds: dict[int, dict[str, RouteWindow]] = {}

    def add(self, at: float, slices: dict[str, list[Any]]) -> None:
        """Add one report: {route: [requests, errors, [[bin, count], ...]]}."""
        second = self._seconds.setdefault(int(at), {})
        for route, (requests, errors, bins) in slices.items():
            piece = second.setdefault(route, RouteWindow())
            piece.requests += requests
            piece.errors += errors
            piece.bins.update(dict(bins))
        self._forget_before(int(at) - KEPT_SECONDS)

    def by_route(self, now: float, seconds: int) -> dict[str, RouteWindow]:
        """The counts of the last `seconds` that are over, by route; the one that runs is not whole yet."""
        routes: dict[str, RouteWindow] = {}
        for second, pieces in self._seconds.items():
            if int(now) - seconds <= second < int(now):
                for route, piece in pieces.items():
                    routes.setdefault(route, RouteWindow()).add(piece)
        return routes

    def _forget_before(self, oldest: int) -> None:
        for second in [second for second in self._seconds if second < oldest]:
            del self._seconds[second]


def total_of(routes: dict[str, RouteWindow]) -> RouteWindow:
    """All routes as one."""
    total = RouteWindow()
    for piece in routes.values():
        total.add(piece)
    return total
