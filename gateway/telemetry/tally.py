"""A worker's counters since its last report. The supervisor adds the reports up.

Only increments travel, so totals stay monotonic whatever happens to a worker: what it had reported is counted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Any

from gateway.telemetry.buckets import BOUNDS, fine_bin

# Probes of the gateway's own endpoints would dilute the error rate and the latency of what clients ask for.
OWN_LABELS = frozenset({"_health", "_metrics"})


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


class RouteSlice:
    """One route's requests since the last report: how many, how many failed (5xx), how fast."""

    __slots__ = ("bins", "errors", "requests")

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self.bins: Counter[int] = Counter()


class Tally:
    """What a worker counts. Labels are bounded: methods the parser knows, ids from the settings, statuses."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._durations: dict[str, Distribution] = {}
        self._slices: dict[str, RouteSlice] = {}
        self._upstream_durations: dict[str, Distribution] = {}
        self._upstream_requests: Counter[tuple[str, str]] = Counter()
        self._upstream_failures: Counter[tuple[str, str]] = Counter()
        self._retries: Counter[tuple[str, str]] = Counter()
        self._circuit_rejected: Counter[str] = Counter()
        self._spans: Counter[str] = Counter()
        self._auth_succeeded = 0
        self._auth_failures: Counter[str] = Counter()
        self._auth_durations: dict[str, Distribution] = {}
        self._attacks: Counter[tuple[str, str]] = Counter()
        self._rate_limit_decisions: Counter[tuple[str, str, str]] = Counter()
        self._rate_limit_durations: dict[str, Distribution] = {}

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered (or abandoned by its client)."""
        self._requests[method, route, status] += 1
        self._observe(self._durations, route, seconds)
        if route in OWN_LABELS:
            return
        piece = self._slices.get(route)
        if piece is None:
            piece = self._slices[route] = RouteSlice()
        piece.requests += 1
        piece.errors += status >= 500
        piece.bins[fine_bin(seconds)] += 1

    def upstream_answered(self, place: str, status: str, seconds: float) -> None:
        """Count an upstream's answer; `place` is `service/target`, `seconds` the time to its head."""
        self._upstream_requests[place, status] += 1
        self._observe(self._upstream_durations, place, seconds)

    def upstream_failed(self, place: str, failure: str) -> None:
        """Count an upstream's target that did not answer properly."""
        self._upstream_failures[place, failure] += 1

    def retried(self, service: str, result: str) -> None:
        """Count a request that was sent to another target, or was not because the budget for it is spent."""
        self._retries[service, result] += 1

    def circuit_rejected(self, service: str) -> None:
        """Count a request that an open circuit breaker did not let through."""
        self._circuit_rejected[service] += 1

    def spans(self, outcome: str, spans: int) -> None:
        """Count what became of spans of traces."""
        self._spans[outcome] += spans

    def auth_succeeded(self) -> None:
        """Count a request whose sender is known and allowed to send it."""
        self._auth_succeeded += 1

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
        self._rate_limit_decisions[decision] += 1

    def rate_limit_took(self, counted_by: str, seconds: float) -> None:
        """Count how long deciding took."""
        self._observe(self._rate_limit_durations, counted_by, seconds)

    def take(self) -> dict[str, Any]:
        """Everything counted since the last call, as JSON values."""
        taken = {
            "requests": [[*key, count] for key, count in self._requests.items()],
            "durations": _distributions(self._durations),
            "slices": {
                route: [piece.requests, piece.errors, list(piece.bins.items())] for route, piece in self._slices.items()
            },
            "upstream_durations": _distributions(self._upstream_durations),
            "upstream_requests": [[*key, count] for key, count in self._upstream_requests.items()],
            "upstream_failures": [[*key, count] for key, count in self._upstream_failures.items()],
            "upstream_retries": [[*key, count] for key, count in self._retries.items()],
            "circuit_rejected": dict(self._circuit_rejected),
            "spans": dict(self._spans),
            "auth_succeeded": self._auth_succeeded,
            "auth_failures": dict(self._auth_failures),
            "auth_durations": _distributions(self._auth_durations),
            "attacks": [[*key, count] for key, count in self._attacks.items()],
            "rate_limit_decisions": [[*key, count] for key, count in self._rate_limit_decisions.items()],
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


def _distributions(distributions: dict[str, Distribution]) -> dict[str, list[Any]]:
    return {label: [item.counts, item.sum] for label, item in distributions.items()}
