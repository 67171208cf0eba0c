"""The cache's figures over all workers, as runbook 003 reads them: percentages 0 to 100, sizes in MB, times in s."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from gateway.settings import Settings
from gateway.telemetry.exposition import CacheMoment
from gateway.telemetry.recent_counts import RecentCounts

_SECONDS = 60
_MB = 1024 * 1024
_INVALIDATION = "invalidation:"
_FROM_THE_CACHE = ("hit", "stale", "revalidated")

#: What workers last reported of it: entries, bytes, average_age.
Reports = list[dict[str, Any]]


class CacheFigures:
    """Adds up what workers report. `reports` are the last ones, of the workers that there are now."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float], reports: Callable[[], Reports]) -> None:
        self.configure(settings)
        self._clock = clock
        self._reports = reports
        self._began = clock()
        self._totals: Counter[str] = Counter()
        self._recent = RecentCounts()

    def configure(self, settings: Settings) -> None:
        """Tell of these settings from now on."""
        self._settings = settings.cache.by_profile(settings.cache_optimization)

    def absorb(self, piece: dict[str, Any] | None) -> None:
        """Add what one worker has counted."""
        if piece:
            self._totals.update(piece["counts"])
            self._recent.add(self._clock(), piece["counts"])

    def hit_ratio(self, seconds: float = _SECONDS) -> float | None:
        """In per cent of the requests that could be answered from the cache; None where there was none of them."""
        return _ratio(self._recent.of_last(self._clock(), int(seconds)))

    def performance(self) -> dict[str, Any]:
        """What `/metrics/performance` tells of it, of the last minute."""
        return {
            "cache_hit_ratio": self.hit_ratio(),
            "cache_memory_usage": self._memory(),
            "eviction_rate": self._per_second("eviction"),
        }

    def stats(self) -> dict[str, Any]:
        """`/cache/stats`: `hit_ratio` is of the last minute, or of all time where nobody has asked in it."""
        recent, lately = self._recent.of_last(self._clock(), _SECONDS), self.hit_ratio()
        found = self._reports()
        entries = sum(one["entries"] for one in found)
        ages = sum(one["average_age"] * one["entries"] for one in found)
        return {
            "hit_ratio": _ratio(self._totals) if lately is None else lately,
            "size": entries,
            "memory_usage": self._memory(),
            "eviction_count": self._totals["eviction"],
            "recent_evictions": recent["eviction"],
            "default_ttl": self._settings.default_ttl,
            "average_age": round(ages / entries, 3) if entries else 0.0,
            "eviction_policy": self._settings.eviction_policy,
            "max_memory": round(self._settings.cache_size * len(found) / _MB, 3),
            "requests": {name: self._totals[name] for name in (*_FROM_THE_CACHE, "miss", "bypass")},
        }

    def invalidation(self) -> dict[str, Any]:
        """`/cache/invalidation-stats`: entries a second in the last minute, and all by their cause."""
        recent = self._recent.of_last(self._clock(), _SECONDS)
        return {
            "invalidation_rate": self._rate(sum(_invalidations(recent).values())),
            "invalidation_count": sum(_invalidations(self._totals).values()),
            "recent_invalidations": sum(_invalidations(recent).values()),
            "by_cause": _invalidations(self._totals),
        }

    def holds(self) -> dict[str, int]:
        """What is stored now: entries and bytes, over all workers."""
        found = self._reports()
        return {name: sum(one[name] for one in found) for name in ("entries", "bytes")}

    def moment(self) -> CacheMoment:
        """What the metrics tell of it."""
        found = self._reports()
        results = {name: self._totals[name] for name in (*_FROM_THE_CACHE, "miss", "bypass") if self._totals[name]}
        return CacheMoment(
            requests=results,
            evictions=self._totals["eviction"],
            failed_refreshes=self._totals["refresh_failed"],
            invalidations=_invalidations(self._totals),
            entries=sum(one["entries"] for one in found),
            bytes=sum(one["bytes"] for one in found),
        )

    def _memory(self) -> float:
        used: int = sum(one["bytes"] for one in self._reports())
        return round(used / _MB, 3)

    def _per_second(self, name: str) -> float:
        return self._rate(self._recent.of_last(self._clock(), _SECONDS)[name])

    def _rate(self, count: int) -> float:
        return round(count / max(1, min(_SECONDS, int(self._clock() - self._began))), 3)


def _ratio(counts: Counter[str]) -> float | None:
    served = sum(counts[name] for name in _FROM_THE_CACHE)
    asked = served + counts["miss"]
    return round(100 * served / asked, 3) if asked else None


def _invalidations(counts: Counter[str]) -> dict[str, int]:
    return {name.removeprefix(_INVALIDATION): one for name, one in counts.items() if name.startswith(_INVALIDATION)}
