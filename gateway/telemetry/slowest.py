"""The requests that took longest, with what the log says of each: of every route the slowest, in bounded memory."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from itertools import count
from typing import Any

from gateway.telemetry.timespans import Timespans

_PER_ROUTE_AND_REPORT = 3
_PER_ROUTE_AND_SPAN = 10
_MOST_ROUTES = 500

#: (seconds, a number that tells equals apart, record): the first one of a heap is the quickest of the slow ones.
Entry = tuple[float, int, dict[str, Any]]


class SlowestRequests:
    """One worker's, since its last report."""

    def __init__(self) -> None:
        self._number = count()
        self.floors: dict[str, float] = {}
        """By route, the seconds that a request has to exceed: then its record is wanted."""
        self._heaps: dict[str, list[Entry]] = {}

    def add(self, route: str, seconds: float, record: dict[str, Any]) -> None:
        """Keep it, in the place of the quickest that is kept."""
        if route not in self._heaps and len(self._heaps) >= _MOST_ROUTES:
            self.floors[route] = math.inf
            return
        heap = self._heaps.setdefault(route, [])
        _keep(heap, (seconds, next(self._number), record), _PER_ROUTE_AND_REPORT)
        if len(heap) == _PER_ROUTE_AND_REPORT:
            self.floors[route] = heap[0][0]

    def take(self) -> list[list[Any]]:
        """[route, seconds, record] since the last call."""
        taken = [[route, seconds, record] for route, heap in self._heaps.items() for seconds, _, record in heap]
        self.floors, self._heaps = {}, {}
        return taken


class SlowRequests:
    """The supervisor's, of the last 15 minutes."""

    def __init__(self) -> None:
        self._number = count()
        self._spans: Timespans[dict[str, list[Entry]]] = Timespans(dict)

    def add(self, at: float, report: list[list[Any]]) -> None:
        """Add those of one worker; `at` is seconds since the epoch."""
        routes = self._spans.at(at)
        for route, seconds, record in report:
            if route in routes or len(routes) < _MOST_ROUTES:
                _keep(routes.setdefault(route, []), (seconds, next(self._number), record), _PER_ROUTE_AND_SPAN)

    def answer(self, since: float, route: str | None, limit: int) -> dict[str, Any]:
        """The slowest since then (to half a minute), of one route or of all; each is a record of the log."""
        found = [
            entry
            for routes in self._spans.since(since)
            for name, heap in routes.items()
            if route in (None, name)
            for entry in heap
        ]
        slowest = heapq.nlargest(limit, found, key=_seconds)
        return {"since": self._spans.told_since(since), "requests": [record for _, _, record in slowest]}


def _keep(heap: list[Entry], entry: Entry, most: int) -> None:
    keep: Callable[[list[Entry], Entry], object] = heapq.heappush if len(heap) < most else heapq.heappushpop
    keep(heap, entry)


def _seconds(entry: Entry) -> float:
    return entry[0]
