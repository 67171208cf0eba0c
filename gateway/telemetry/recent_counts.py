"""Counts of the last minutes, second by second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from gateway.telemetry.window import KEPT_SECONDS


class RecentCounts:
    """A bounded memory of what was counted; times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._seconds: dict[int, Counter[str]] = {}

    def add(self, at: float, counts: Mapping[str, int]) -> None:
        """Add to the second that runs."""
        self._seconds.setdefault(int(at), Counter()).update(counts)
        for second in [second for second in self._seconds if second < int(at) - KEPT_SECONDS]:
            del self._seconds[second]

    def of_last(self, now: float, seconds: int) -> Counter[str]:
        """The sums of the last `seconds` that are over."""
        found: Counter[str] = Counter()
        for second, counts in self._seconds.items():
            if int(now) - seconds <= second < int(now):
                found.update(counts)
        return found
