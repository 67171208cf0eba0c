"""The figures of runbook 003 over all workers: bare numbers, so that scripts may pipe them to `bc`.

What there is no measurement of is null: a quantile where nobody asked for anything, the state of breakers that no
upstream has. Percentages are 0 to 100, times milliseconds, as the runbook has them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from gateway.supervisor.active_alerts import Alert, above, below
from gateway.supervisor.cache_figures import CacheFigures
from gateway.supervisor.resources import Resources
from gateway.telemetry.ledger import Ledger
from gateway.telemetry.window import RouteWindow, total_of
from gateway.thresholds import CriticalMetrics, SystemMetrics

_SECONDS = 60
_ERROR_SECONDS = 900

Figures = dict[str, Any]


class FigurePages:
    """Reads them from the supervisor's sums. `worst_circuit` is the gauge's number, None without any breaker."""

    def __init__(
        self,
        ledger: Ledger,
        resources: Resources,
        *,
        clock: Callable[[], float],
        worst_circuit: Callable[[], int | None],
        cache: CacheFigures,
        critical: CriticalMetrics,
        system: SystemMetrics,
    ) -> None:
        self._ledger = ledger
        self._resources = resources
        self._clock = clock
        self._began = clock()
        self._worst_circuit = worst_circuit
        self._cache = cache
        self._critical = critical
        self._system = system

    def configure(self, critical: CriticalMetrics, system: SystemMetrics) -> None:
        """Judge by these thresholds from now on."""
        self._critical, self._system = critical, system

    def performance(self) -> Figures:
        """`/metrics/performance`, of the last minute."""
        total, uses = self._traffic(_SECONDS), self._ledger.recent_uses.of_last(self._clock(), _SECONDS)
        sent = uses["new"] + uses["reused"]
        return {
            "p95_latency": total.milliseconds(0.95),
            "error_rate": _rounded(100 * total.error_rate),
            "requests_per_second": _rounded(self._per_second(total, _SECONDS)),
            "connection_reuse_rate": _percent(uses["reused"], sent),
            "http2_adoption_rate": _percent(uses["http2"], sent),
            "circuit_breaker_state": self._worst_circuit(),
            "memory_usage_mb": self._resources.memory_mb,
            **self._cache.performance(),
        }

    def system(self) -> Figures:
        """`/metrics/system`, of the last minute."""
        usage = self._resources.usage(_SECONDS)
        cpu = _rounded(usage.cpu)
        return {
            "memory_usage": _rounded(usage.memory),
            "cpu_usage": cpu,
            "disk_usage": _rounded(usage.disk),
            "memory_usage_mb": self._resources.memory_mb,
            "cpu_usage_percent": cpu,
        }

    def errors(self) -> Figures:
        """`/metrics/errors`, of the last quarter of an hour."""
        found = self._errors()
        by_type: Counter[str] = Counter()
        for group in found["groups"]:
            by_type[group["error_type"]] += group["count"]
        return {"errors_by_type": dict(by_type.most_common()), "total": found["total"], "since": found["since"]}

    def error_groups(self) -> Figures:
        """`/api/errors` (runbook 004): by route, status and type; without examples, which name clients."""
        found = self._errors()
        groups = [{name: value for name, value in one.items() if name != "example"} for one in found["groups"]]
        return {**found, "groups": groups}

    def alerts(self) -> list[Alert]:
        """`/alerts/active`: each figure against its thresholds, over its own interval."""
        limits = self._critical
        slow, failing = (self._traffic(one.monitoring_interval) for one in (limits.p95_latency, limits.error_rate))
        return [
            *above("HighLatency", slow.milliseconds(0.95), limits.p95_latency),
            *above("HighErrorRate", _percent(failing.errors, failing.requests), limits.error_rate),
            *below("LowThroughput", self._throughput(), limits.throughput),
            *below("LowCacheHitRatio", self._hit_ratio(), limits.cache_hit_ratio),
            *self._system_alerts(),
        ]

    def _system_alerts(self) -> list[Alert]:
        limits, found = self._system, list[Alert]()
        for name, metric, limit in (
            ("HighMemoryUsage", "memory", limits.memory_usage),
            ("HighCpuUsage", "cpu", limits.cpu_usage),
            ("HighDiskUsage", "disk", limits.disk_usage),
            ("ManyConnections", "connections", limits.open_connections),
        ):
            usage = self._resources.usage(limit.monitoring_interval)
            found += above(name, getattr(usage, metric), limit)
        return found

    def _hit_ratio(self) -> float | None:
        return self._cache.hit_ratio(self._critical.cache_hit_ratio.monitoring_interval)

    def _throughput(self) -> float | None:
        """Not judged until the gateway has run for as long as is looked at."""
        limits = self._critical.throughput
        if self._clock() - self._began <= limits.monitoring_interval + 1:
            return None
        return self._traffic(limits.monitoring_interval).requests / int(limits.monitoring_interval)

    def _traffic(self, seconds: float) -> RouteWindow:
        return total_of(self._ledger.window.by_route(self._clock(), int(seconds)))

    def _per_second(self, total: RouteWindow, seconds: int) -> float:
        return total.requests / max(1, min(seconds, int(self._clock() - self._began)))

    def _errors(self) -> Figures:
        return self._ledger.groups.answer(time.time() - _ERROR_SECONDS)


def _percent(part: int, whole: int) -> float | None:
    return _rounded(100 * part / whole) if whole else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
