"""The newest log records, in memory. Each level has its own room: a flood of good requests pushes no error out."""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from typing import Any

from gateway.telemetry.records import LEVELS, iso

_SPAN_SECS = 10
_REMEMBERED_SECS = 86_400


class RecentRecords:
    """The last `kept` records of each level, and since when they are all there."""

    def __init__(self, kept: int) -> None:
        self._rooms: dict[str, deque[tuple[float, str]]] = {level: deque(maxlen=kept) for level in LEVELS}
        self._complete_since = dict.fromkeys(LEVELS, time.time())
        self._missed: dict[int, Counter[str]] = {}

    def keep_at_most(self, kept: int) -> None:
        """Have room for more of each level, or for fewer."""
        for level, room in self._rooms.items():
            if len(room) > kept:
                self._complete_since[level] = max(self._complete_since[level], room[-kept - 1][0])
            self._rooms[level] = deque(room, maxlen=kept)

    def add(self, when: float, level: str, line: str) -> None:
        """Keep a record; `when` is seconds since the epoch."""
        room = self._rooms[level]
        if len(room) == room.maxlen:
            self._complete_since[level] = max(self._complete_since[level], room[0][0])
        room.append((when, line))

    def miss(self, when: float, counts: dict[str, int]) -> None:
        """Count records that never came, by level: a worker had more of them than a report takes."""
        if counts:
            self._missed.setdefault(int(when) // _SPAN_SECS, Counter()).update(counts)
            oldest = (int(when) - _REMEMBERED_SECS) // _SPAN_SECS
            for span in [span for span in self._missed if span < oldest]:
                del self._missed[span]

    def found(self, *, limit: int, level: str | None, grep: str | None, since: float) -> dict[str, Any]:
        """The newest matching records, oldest first, and how many matched; `since` is seconds since the epoch.

        `level` is a minimum. `grep` is plain text, looked for in the record's JSON without regard to case. From
        `kept_since` on every record of these levels was kept, but for the number of `missed`.
        """
        levels = [name for name, rank in LEVELS.items() if rank >= (LEVELS[level] if level else 0)]
        needles = _spellings(grep) if grep else ("",)
        matching = [
            (when, line)
            for name in levels
            for when, line in self._rooms[name]
            if when >= since and _matches(line.casefold(), needles)
        ]
        matching.sort(key=lambda item: item[0])
        shown = [json.loads(line) for _, line in matching[-limit:]]
        return {
            "records": shown,
            "total_matched": len(matching),
            "truncated": len(matching) > len(shown),
            "kept_since": iso(max(self._complete_since[name] for name in levels)),
            "missed": self._missed_since(since, levels),
        }

    def _missed_since(self, since: float, levels: list[str]) -> int:
        spans = [counts for span, counts in self._missed.items() if (span + 1) * _SPAN_SECS > since]
        return sum(counts[name] for counts in spans for name in levels)


def _spellings(grep: str) -> tuple[str, ...]:
    """As it is, and as it stands within a JSON string."""
    return grep.casefold(), json.dumps(grep, ensure_ascii=False)[1:-1].casefold()


def _matches(line: str, needles: tuple[str, ...]) -> bool:
    return any(needle in line for needle in needles)
