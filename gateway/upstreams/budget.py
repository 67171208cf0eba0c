"""How many requests may be retried: a share of those that came lately, so that retries do not drown what is ill."""

from __future__ import annotations

from gateway.upstreams.settings import RetrySettings

_SPAN_SECS = 10.0


class RetryBudget:
    """That of one upstream in one worker; over the last ten to twenty seconds."""

    __slots__ = ("_asked_before", "_settings", "_since", "_spent", "_spent_before", "asked")

    def __init__(self, settings: RetrySettings, now: float) -> None:
        self._settings = settings
        self._since = now
        self._spent = 0
        self._asked_before = self._spent_before = 0
        self.asked = 0
        """Requests, counted by whoever sends them: each is one addition."""

    def spend(self, now: float) -> bool:
        """Whether one more may be retried; it then is counted."""
        self._turn(now)
        share = self._settings.budget_percent / 100 * (self.asked + self._asked_before)
        if self._spent + self._spent_before >= share + self._settings.budget_min_per_sec * _SPAN_SECS:
            return False
        self._spent += 1
        return True

    def _turn(self, now: float) -> None:
        elapsed = now - self._since
        if elapsed < _SPAN_SECS:
            return
        recent = elapsed < 2 * _SPAN_SECS
        self._asked_before, self._spent_before = (self.asked, self._spent) if recent else (0, 0)
        self.asked = self._spent = 0
        self._since = now
