"""The supervisor's sums over all workers, living and gone: counters, the window, recent records, error groups."""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from typing import Any

from gateway.telemetry.records import LEVELS, iso
from gateway.telemetry.tally import Distribution
from gateway.telemetry.window import Window

_GROUP_ENTRIES = 5000
_MAX_ROWS = 1000


class Ledger:
    """Adds up what workers report. Totals never go down: a worker that is gone stays counted."""

    def __init__(self, recent_records: int) -> None:
        self.requests: Counter[tuple[str, str, str]] = Counter()
        self.durations: dict[str, Distribution] = {}
        self.upstream_durations: dict[str, Distribution] = {}
        self.upstream_requests: Counter[tuple[str, str]] = Counter()
        self.upstream_failures: Counter[tuple[str, str]] = Counter()
        self.window = Window()
        self.requests_total = 0
        self.errors_total = 0
        self.log_dropped = 0
        self._records: deque[tuple[float, str, str]] = deque(maxlen=recent_records)
        self._groups: deque[tuple[float, dict[str, Any]]] = deque(maxlen=_GROUP_ENTRIES)

    def absorb(self, report: dict[str, Any], at: float) -> tuple[int, int]:
        """Add one worker's report, taken at `at` on the monotonic clock; its (requests, errors)."""
        counted = report["counted"]
        self._absorb_counters(counted)
        self.window.add(at, counted["slices"])
        self._records.extend((when, level, line) for when, level, line in report["records"])
        self._groups.extend((time.time(), group) for group in report["groups"])
        requests = sum(piece[0] for piece in counted["slices"].values())
        errors = sum(piece[1] for piece in counted["slices"].values())
        self.requests_total += requests
        self.errors_total += errors
        self.log_dropped += report["log_dropped"]
        return requests, errors

    def _absorb_counters(self, counted: dict[str, Any]) -> None:
        for method, route, status, count in counted["requests"]:
            self.requests[method, route, str(status)] += count
        for service, status, count in counted["upstream_requests"]:
            self.upstream_requests[service, status] += count
        for service, failure, count in counted["upstream_failures"]:
            self.upstream_failures[service, failure] += count
        _add(self.durations, counted["durations"])
        _add(self.upstream_durations, counted["upstream_durations"])

    def note(self, at: float, level: str, line: str) -> None:
        """Keep a record of the supervisor's own."""
        self._records.append((at, level, line))

    def records(self, *, limit: int, level: str | None, grep: str | None, since: float) -> dict[str, Any]:
        """The newest matching records, oldest first, and how many matched; `since` is seconds since the epoch.

        `level` is a minimum. `grep` is plain text, looked for in the record's JSON without regard to case.
        """
        minimum = LEVELS[level] if level else 0
        needle = grep.lower() if grep else ""
        matching = [
            (when, line)
            for when, found, line in self._records
            if when >= since and LEVELS[found] >= minimum and needle in line.lower()
        ]
        matching.sort(key=lambda item: item[0])
        shown = [json.loads(line) for _, line in matching[-limit:]]
        return {"records": shown, "total_matched": len(matching), "truncated": len(matching) > len(shown)}

    def errors(self, since_seconds: float) -> dict[str, Any]:
        """Failed requests since then, grouped; the largest group first."""
        since = time.time() - since_seconds
        groups: dict[tuple[str, int, str], dict[str, Any]] = {}
        for when, group in self._groups:
            if when >= since:
                _join(groups, group)
        ordered = sorted(groups.values(), key=lambda group: -group["count"])
        return {
            "total": sum(group["count"] for group in ordered),
            "since": iso(since),
            "groups": ordered[:_MAX_ROWS],
        }


def _join(groups: dict[tuple[str, int, str], dict[str, Any]], group: dict[str, Any]) -> None:
    key = (group["route"], group["status"], group["error_type"])
    if key not in groups:
        groups[key] = dict(group)
        return
    known = groups[key]
    known["count"] += group["count"]
    known["first_seen"] = min(known["first_seen"], group["first_seen"])
    if group["last_seen"] >= known["last_seen"]:
        known["last_seen"] = group["last_seen"]
        known["example"] = group["example"]


def _add(totals: dict[str, Distribution], increments: dict[str, list[Any]]) -> None:
    for label, (counts, total) in increments.items():
        totals.setdefault(label, Distribution()).add(counts, total)
