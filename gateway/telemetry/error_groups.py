"""Failed requests counted by what they have in common: a row for each kind in each ten seconds, however many failed."""

from __future__ import annotations

import time
from typing import Any

from gateway.telemetry.records import iso

_SPAN_SECS = 10
_KEPT_SECS = 86_400 + _SPAN_SECS
_MAX_ROWS = 50_000
_MAX_EXAMPLES = 1000
_MAX_ANSWERED = 1000

Key = tuple[str, int, str]
Group = dict[str, Any]


class ErrorGroups:
    """A day of error groups, or less when there are very many kinds; `kept_since` says from when they are all there."""

    def __init__(self) -> None:
        self._spans: dict[int, dict[Key, Group]] = {}
        self._rows = 0
        self._examples: dict[Key, Any] = {}
        self._kept_since = time.time()

    def add(self, at: float, group: Group) -> None:
        """Add what one worker counted of one kind; `at` is seconds since the epoch."""
        key = (group["route"], group["status"], group["error_type"])
        rows = self._spans.setdefault(int(at) // _SPAN_SECS, {})
        self._rows += key not in rows
        _join(rows.setdefault(key, _empty(key, group)), group)
        # The newest example is put last, so that those of kinds that are over are forgotten first.
        self._examples.pop(key, None)
        self._examples[key] = group["example"]
        self._forget(int(at - _KEPT_SECS) // _SPAN_SECS)

    def answer(self, since: float) -> dict[str, Any]:
        """Failed requests since then, grouped; the largest group first."""
        first = int(since) // _SPAN_SECS
        groups: dict[Key, Group] = {}
        for span, rows in self._spans.items():
            if span >= first:
                for key, row in rows.items():
                    _join(groups.setdefault(key, _empty(key, row)), row)
        ordered = sorted(groups.items(), key=lambda item: -item[1]["count"])
        return {
            "total": sum(group["count"] for _, group in ordered),
            "since": iso(max(first * _SPAN_SECS, self._kept_since)),
            "kept_since": iso(self._kept_since),
            "groups": [{**group, "example": self._examples.get(key)} for key, group in ordered[:_MAX_ANSWERED]],
        }

    def _forget(self, oldest: int) -> None:
        while len(self._spans) > 1 and ((first := min(self._spans)) < oldest or self._rows > _MAX_ROWS):
            self._rows -= len(self._spans.pop(first))
            self._kept_since = max(self._kept_since, (first + 1) * _SPAN_SECS)
        while len(self._examples) > _MAX_EXAMPLES:
            del self._examples[next(iter(self._examples))]


def _empty(key: Key, group: Group) -> Group:
    route, status, error_type = key
    times = {"first_seen": group["first_seen"], "last_seen": group["last_seen"]}
    return {"route": route, "status": status, "error_type": error_type, "count": 0, **times}


def _join(known: Group, group: Group) -> None:
    known["count"] += group["count"]
    known["first_seen"] = min(known["first_seen"], group["first_seen"])
    known["last_seen"] = max(known["last_seen"], group["last_seen"])
