"""The time of the simulated Slack: the wall's, or a clock that moves only when it is told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Clock(Protocol):
    """Anything that knows what time it is; the fake clock of the other tests fits as well."""

    def now(self) -> datetime:
        """Aware, UTC."""


class SystemClock:
    """The wall's time."""

    def now(self) -> datetime:
        """Aware, UTC."""
        return datetime.now(UTC)


class HastyClock:
    """The wall's time, several times as fast since this was made."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._began = datetime.now(UTC)

    def now(self) -> datetime:
        """Aware, UTC."""
        return self._began + (datetime.now(UTC) - self._began) * self._speed


class ManualClock:
    """Time that moves when it is told to."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        """Aware, UTC."""
        return self.at

    def advance(self, span: timedelta) -> None:
        """Let this much time pass."""
        self.at += span
