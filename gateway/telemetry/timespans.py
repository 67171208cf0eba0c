"""What is kept of the last minutes, half a minute by half a minute: the oldest is dropped as a whole."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from gateway.telemetry.records import iso

_SPAN_SECS = 30
_KEPT_SECS = 900

Piece = TypeVar("Piece")


class Timespans(Generic[Piece]):
    """The pieces of the last 15 minutes; times are seconds since the epoch."""

    def __init__(self, empty: Callable[[], Piece]) -> None:
        self._empty = empty
        self._pieces: dict[int, Piece] = {}
        self._begun_at = time.time()

    def at(self, now: float) -> Piece:
        """The piece of now."""
        span = int(now) // _SPAN_SECS
        if span not in self._pieces:
            self._pieces[span] = self._empty()
            oldest = (int(now) - _KEPT_SECS) // _SPAN_SECS
            for old in [one for one in self._pieces if one < oldest]:
                del self._pieces[old]
        return self._pieces[span]

    def since(self, when: float) -> list[Piece]:
        """Those from the one of `when` on."""
        return [piece for span, piece in self._pieces.items() if span >= int(when) // _SPAN_SECS]

    def told_since(self, when: float) -> str:
        """From when on they are all there, at the earliest `when` (ISO 8601)."""
        return iso(max(int(when) // _SPAN_SECS * _SPAN_SECS, self._begun_at, time.time() - _KEPT_SECS))
