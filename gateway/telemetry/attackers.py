"""Who sends what looks like attacks, by address, in bounded memory and outside of Prometheus' labels."""

from __future__ import annotations

from collections import Counter
from typing import Any

from gateway.addresses import of_holder
from gateway.telemetry.timespans import Timespans

OTHERS = ""
_TOLD_APART_PER_REPORT = 500
_MOST_PER_SPAN = 1000
_KEPT_PER_SPAN = 500


class AttackerCounts:
    """One worker's counts since its last report."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, address: bytes, category: str) -> None:
        """Count one request; beyond a number of senders, the rest is one."""
        key = (of_holder(address.decode("ascii", "replace")), category)
        if key not in self._counts and len(self._counts) >= _TOLD_APART_PER_REPORT:
            key = (OTHERS, category)
        self._counts[key] += 1

    def take(self) -> list[list[Any]]:
        """[address, category, count] since the last call."""
        taken = [[*key, count] for key, count in self._counts.items()]
        self._counts.clear()
        return taken


class Attackers:
    """The supervisor's sums of the last 15 minutes."""

    def __init__(self) -> None:
        self._spans: Timespans[dict[str, Counter[str]]] = Timespans(dict)

    def add(self, at: float, rows: list[list[Any]]) -> None:
        """Add what one worker counted; `at` is seconds since the epoch."""
        if not rows:
            return
        counted = self._spans.at(at)
        for address, category, count in rows:
            counted.setdefault(address, Counter())[category] += count
        if len(counted) > _MOST_PER_SPAN:
            _prune(counted)

    def answer(self, since: float, limit: int) -> dict[str, Any]:
        """The addresses with the most of them since then (to half a minute), and how many there were by category."""
        totals: dict[str, Counter[str]] = {}
        for counted in self._spans.since(since):
            for address, categories in counted.items():
                totals.setdefault(address, Counter()).update(categories)
        all_of_them: Counter[str] = Counter()
        for categories in totals.values():
            all_of_them.update(categories)
        totals.pop(OTHERS, None)
        ranked = sorted(totals.items(), key=lambda item: (-item[1].total(), item[0]))[:limit]
        return {
            "since": self._spans.told_since(since),
            "detected": dict(all_of_them),
            "attackers": [
                {"src_ip": address, "count": categories.total(), "categories": dict(categories)}
                for address, categories in ranked
            ],
        }


def _prune(counted: dict[str, Counter[str]]) -> None:
    ranked = sorted((one for one in counted if one != OTHERS), key=lambda one: -counted[one].total())
    others = counted.setdefault(OTHERS, Counter())
    for address in ranked[_KEPT_PER_SPAN:]:
        others.update(counted.pop(address))
