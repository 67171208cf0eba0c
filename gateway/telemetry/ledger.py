"""The supervisor's sums over all workers, living and gone: counters, window, records, error groups, top lists."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from gateway.telemetry.attackers import Attackers
from gateway.telemetry.error_groups import ErrorGroups
from gateway.telemetry.recent_counts import RecentCounts
from gateway.telemetry.recent_records import RecentRecords
from gateway.telemetry.slowest import SlowRequests
from gateway.telemetry.talkers import Talkers
from gateway.telemetry.tally import Distribution
from gateway.telemetry.window import Window


class Ledger:
    """Adds up what workers report. Totals never go down: a worker that is gone stays counted."""

    def __init__(self, recent_records: int) -> None:
        self.requests: Counter[tuple[str, str, str]] = Counter()
        self.durations: dict[str, Distribution] = {}
        self.upstream_durations: dict[str, Distribution] = {}
        self.upstream_requests: Counter[tuple[str, str]] = Counter()
        self.upstream_failures: Counter[tuple[str, str]] = Counter()
        self.upstream_retries: Counter[tuple[str, str]] = Counter()
        self.circuit_rejected: Counter[str] = Counter()
        self.proxy_headers_refused: Counter[str] = Counter()
        self.spans: Counter[str] = Counter()
        self.tunnels_ended: Counter[str] = Counter()
        self.auth_succeeded = 0
        self.auth_failures: Counter[str] = Counter()
        self.auth_durations: dict[str, Distribution] = {}
        self.sizes: dict[str, tuple[int, int, int]] = {}
        """By route: requests, and the bytes of their bodies and of those of their answers."""
        self.attacks: Counter[tuple[str, str]] = Counter()
        self.rate_limit_decisions: Counter[tuple[str, str, str]] = Counter()
        self.rate_limit_durations: dict[str, Distribution] = {}
        self.connection_uses: Counter[tuple[str, str]] = Counter()
        self.recent_uses = RecentCounts()
        self.window = Window()
        self.requests_total = 0
        self.errors_total = 0
        self.log_dropped = 0
        self.recent = RecentRecords(recent_records)
        self.groups = ErrorGroups()
        self.talkers = Talkers()
        self.slow = SlowRequests()
        self.attackers = Attackers()

    def absorb(self, report: dict[str, Any], at: float) -> tuple[int, int]:
        """Add one worker's report, taken at `at` on the monotonic clock; its (requests, errors)."""
        counted = report["counted"]
        self._absorb_counters(counted)
        self._absorb_uses(report.get("connection_uses", {}), at)
        self.window.add(at, counted["slices"])
        self._absorb_log(report, time.time())
        requests = sum(piece[0] for piece in counted["slices"].values())
        errors = sum(piece[1] for piece in counted["slices"].values())
        self.requests_total += requests
        self.errors_total += errors
        self.log_dropped += report["log_dropped"]
        return requests, errors

    def _absorb_log(self, report: dict[str, Any], now: float) -> None:
        for when, level, line in report["records"]:
            self.recent.add(when, level, line)
        self.recent.miss(now, report["missed"])
        for group in report["groups"]:
            self.groups.add(now, group)
        self.talkers.add(now, report["talkers"])
        self.slow.add(now, report["slowest"])
        self.attackers.add(now, report["attackers"])

    def _absorb_uses(self, uses: dict[str, list[int]], at: float) -> None:
        for service, (made, reused, multiplexed) in uses.items():
            self.connection_uses[service, "new"] += made
            self.connection_uses[service, "reused"] += reused
            self.recent_uses.add(at, {"new": made, "reused": reused, "http2": multiplexed})

    def _absorb_counters(self, counted: dict[str, Any]) -> None:
        for method, route, status, count in counted["requests"]:
            self.requests[method, route, str(status)] += count
        for place, status, count in counted["upstream_requests"]:
            self.upstream_requests[place, status] += count
        for place, failure, count in counted["upstream_failures"]:
            self.upstream_failures[place, failure] += count
        for service, result, count in counted["upstream_retries"]:
            self.upstream_retries[service, result] += count
        self.circuit_rejected.update(counted["circuit_rejected"])
        self.proxy_headers_refused.update(counted["proxy_headers_refused"])
        self.spans.update(counted["spans"])
        self.tunnels_ended.update(counted["tunnels_ended"])
        self.auth_succeeded += counted["auth_succeeded"]
        self.auth_failures.update(counted["auth_failures"])
        _add(self.auth_durations, counted["auth_durations"])
        for route, requests, received, sent in counted["sizes"]:
            before = self.sizes.get(route, (0, 0, 0))
            self.sizes[route] = (before[0] + requests, before[1] + received, before[2] + sent)
        for route, category, count in counted["attacks"]:
            self.attacks[route, category] += count
        for decision, route, key_type, count in counted["rate_limit_decisions"]:
            self.rate_limit_decisions[decision, route, key_type] += count
        _add(self.rate_limit_durations, counted["rate_limit_durations"])
        _add(self.durations, counted["durations"])
        _add(self.upstream_durations, counted["upstream_durations"])


def _add(totals: dict[str, Distribution], increments: dict[str, list[Any]]) -> None:
    for label, (counts, total) in increments.items():
        totals.setdefault(label, Distribution()).add(counts, total)
