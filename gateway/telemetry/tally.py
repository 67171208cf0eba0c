"""A worker's counters since its last report. The supervisor adds the reports up.

Only increments travel, so totals stay monotonic whatever happens to a worker: what it had reported is counted.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from typing import Any

from gateway.telemetry.buckets import BOUNDS, fine_bins

# Probes of the gateway's own endpoints would dilute the error rate and the latency of what clients ask for.
OWN_LABELS = frozenset({"_health", "_metrics"})
#: So many seconds are noted before they are counted: all requests wait meanwhile, for a tenth of a millisecond.
_MOST_NOTED = 1024


class Distribution:
    """Counts by bucket (not cumulative; the last is +Inf) and their sum in seconds."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.sum += seconds

    def add(self, counts: list[int], total: float) -> None:
        """Add another distribution's counts."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, counts, strict=True)]
        self.sum += total

    def observe_all(self, ordered: list[float]) -> None:
        """Count many, in ascending order: only where the buckets begin is looked for."""
        begin = 0
        for number, bound in enumerate(BOUNDS):
            end = bisect_right(ordered, bound, begin)
            self.counts[number] += end - begin
            begin = end
        self.counts[-1] += len(ordered) - begin
        self.sum += math.fsum(ordered)


class Outcomes:
    """What became of requests of one kind since the last report: how many of each outcome, and how long they took.

    Requests only note their seconds. They are put in order before they are counted in buckets, a thousand at once:
    measured, a tenth of what it took to look for the buckets of each by itself.
    """

    __slots__ = ("_bins", "_distribution", "counts", "received", "seconds", "sent")

    def __init__(self) -> None:
        self.counts: dict[Any, int] = {}
        self.seconds: list[float] = []
        self.received = self.sent = 0
        """Bytes of bodies."""
        self._distribution = Distribution()
        self._bins: Counter[int] = Counter()

    def fold(self) -> None:
        ordered, self.seconds = sorted(self.seconds), []
        self._distribution.observe_all(ordered)
        fine_bins(ordered, self._bins)

    def folded(self) -> tuple[Distribution, Counter[int]]:
        """All of their seconds, in buckets of both kinds."""
        if self.seconds:
            self.fold()
        return self._distribution, self._bins


class Tally:
    """What a worker counts. Labels are bounded: methods the parser knows, ids from the settings, statuses."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._routes: dict[str, Outcomes] = {}
        """By route; an outcome is (method, status)."""
        self._places: dict[str, Outcomes] = {}
        """By upstream and target; an outcome is a status."""
        self._upstream_failures: Counter[tuple[str, str]] = Counter()
        self._retries: Counter[tuple[str, str]] = Counter()
        self._circuit_rejected: Counter[str] = Counter()
        self._proxy_headers_refused: Counter[str] = Counter()
        self._spans: Counter[str] = Counter()
        self._tunnels_ended: Counter[str] = Counter()
        self.auth_successes = 0
        self._auth_failures: Counter[str] = Counter()
        self._auth_durations: dict[str, Distribution] = {}
        self._attacks: Counter[tuple[str, str]] = Counter()
        self.rate_limit_decisions: dict[tuple[str, str, str], int] = {}
        """How many of each: (what, route, key type)."""
        self._rate_limit_durations: dict[str, Distribution] = {}

    def request(self, method: str, route: str, status: int, seconds: float, received: int = 0, sent: int = 0) -> None:
        """Count a request that was answered (or abandoned by its client), with the bytes of bodies both ways."""
        # As in `upstream_answered`, and not in a function of both: each request pays for the call.
        outcomes = self._routes.get(route)
        if outcomes is None:
            outcomes = self._routes[route] = Outcomes()
        counts, outcome, noted = outcomes.counts, (method, status), outcomes.seconds
        outcomes.received += received
        outcomes.sent += sent
        counts[outcome] = counts.get(outcome, 0) + 1
        noted.append(seconds)
        if len(noted) >= _MOST_NOTED:
            outcomes.fold()

    def upstream_answered(self, place: str, status: int, seconds: float) -> None:
        """Count an upstream's answer; `place` is `service/target`, `seconds` the time to its head."""
        outcomes = self._places.get(place)
        if outcomes is None:
            outcomes = self._places[place] = Outcomes()
        counts, noted = outcomes.counts, outcomes.seconds
        counts[status] = counts.get(status, 0) + 1
        noted.append(seconds)
        if len(noted) >= _MOST_NOTED:
            outcomes.fold()

    def upstream_failed(self, place: str, failure: str) -> None:
        """Count an upstream's target that did not answer properly."""
        self._upstream_failures[place, failure] += 1

    def retried(self, service: str, result: str) -> None:
        """Count a request that was sent to another target, or was not because the budget for it is spent."""
        self._retries[service, result] += 1

    def circuit_rejected(self, service: str) -> None:
        """Count a request that an open circuit breaker did not let through."""
        self._circuit_rejected[service] += 1

    def proxy_header_refused(self, listener: str) -> None:
        """Count a connection of a trusted proxy that did not begin as the PROXY protocol says."""
        self._proxy_headers_refused[listener] += 1

    def spans(self, outcome: str, spans: int) -> None:
        """Count what became of spans of traces."""
        self._spans[outcome] += spans

    def tunnel_ended(self, reason: str) -> None:
        """Count a tunnel whose client is not believed any more."""
        self._tunnels_ended[reason] += 1

    def auth_failed(self, reason: str) -> None:
        """Count one that was not let in."""
        self._auth_failures[reason] += 1

    def auth_took(self, scheme: str, seconds: float) -> None:
        """Count how long it took to look at a credential that is not cached."""
        self._observe(self._auth_durations, scheme, seconds)

    def attacks_watched(self, route: str, categories: Iterable[str]) -> None:
        """Count none so far: an alert sees the first one only where there was a zero before."""
        for category in categories:
            self._attacks[route, category] += 0

    def attack_detected(self, route: str, category: str) -> None:
        """Count a request that looks like an attack."""
        self._attacks[route, category] += 1

    def rate_limit_decided(self, decision: tuple[str, str, str]) -> None:
        """Count a decision about one limit: (what, route, key type)."""
        self.rate_limit_decisions[decision] = self.rate_limit_decisions.get(decision, 0) + 1

    def rate_limit_took(self, counted_by: str, seconds: float) -> None:
        """Count how long deciding took."""
        self._observe(self._rate_limit_durations, counted_by, seconds)

    def take(self) -> dict[str, Any]:
        """Everything counted since the last call, as JSON values."""
        taken = {
            "requests": [
                [method, route, status, count]
                for route, outcomes in self._routes.items()
                for (method, status), count in outcomes.counts.items()
            ],
            "durations": _distributions({route: one.folded()[0] for route, one in self._routes.items()}),
            "sizes": [[route, sum(one.counts.values()), one.received, one.sent] for route, one in self._routes.items()],
            "slices": {route: _slice(one) for route, one in self._routes.items() if route not in OWN_LABELS},
            "upstream_durations": _distributions({place: one.folded()[0] for place, one in self._places.items()}),
            "upstream_requests": [
                [place, str(status), count]
                for place, outcomes in self._places.items()
                for status, count in outcomes.counts.items()
            ],
            "upstream_failures": [[*key, count] for key, count in self._upstream_failures.items()],
            "upstream_retries": [[*key, count] for key, count in self._retries.items()],
            "circuit_rejected": dict(self._circuit_rejected),
            "proxy_headers_refused": dict(self._proxy_headers_refused),
            "spans": dict(self._spans),
            "tunnels_ended": dict(self._tunnels_ended),
            "auth_succeeded": self.auth_successes,
            "auth_failures": dict(self._auth_failures),
            "auth_durations": _distributions(self._auth_durations),
            "attacks": [[*key, count] for key, count in self._attacks.items()],
            "rate_limit_decisions": [[*key, count] for key, count in self.rate_limit_decisions.items()],
            "rate_limit_durations": _distributions(self._rate_limit_durations),
        }
        self._reset()
        return taken

    @staticmethod
    def _observe(distributions: dict[str, Distribution], label: str, seconds: float) -> None:
        distribution = distributions.get(label)
        if distribution is None:
            distribution = distributions[label] = Distribution()
        distribution.observe(seconds)


def _slice(outcomes: Outcomes) -> list[Any]:
    """[requests, of them failed (5xx), [fine bin, how many of them] of how long they took]."""
    errors = sum(count for (_, status), count in outcomes.counts.items() if status >= 500)
    return [sum(outcomes.counts.values()), errors, list(outcomes.folded()[1].items())]


def _distributions(distributions: dict[str, Distribution]) -> dict[str, list[Any]]:
    return {label: [item.counts, item.sum] for label, item in distributions.items()}
