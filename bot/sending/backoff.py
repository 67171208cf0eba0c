"""How long something that failed waits until it is tried again."""

from __future__ import annotations

from dataclasses import dataclass

_FIRST_SECONDS, _LONGEST_SECONDS = 0.5, 60.0
#: What has failed so long, and so often, does not come right by itself.
_LONG_SECONDS, _OFTEN = 900.0, 5


@dataclass
class Backoff:
    """Twice as long after each failure, up to `longest`. Times are seconds of one clock."""

    first: float = _FIRST_SECONDS
    longest: float = _LONGEST_SECONDS
    failures: int = 0
    since: float = 0.0
    not_before: float = 0.0

    def waits(self, now: float) -> bool:
        """Whether it is too early to try again."""
        return self.failures > 0 and now < self.not_before

    def is_lasting(self, now: float) -> bool:
        """Whether somebody should look at it."""
        return self.failures >= _OFTEN and now - self.since >= _LONG_SECONDS

    def failed(self, now: float) -> None:
        """Once more."""
        self.since = self.since if self.failures else now
        self.failures += 1
        self.not_before = now + min(self.first * 2.0 ** min(self.failures - 1, 30), self.longest)

    def succeeded(self) -> None:
        """All is well."""
        self.failures, self.not_before = 0, 0.0
