"""What a worker knows of the health of targets: what active checks found, who was ejected, who cannot be reached.

It is kept by upstream and address, apart from pools and connections, so that it outlives a change of the configuration.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.upstreams.settings import OutlierDetectionSettings

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 10.0


@dataclass(slots=True)
class TargetHealth:
    """That of one target. Times are seconds of the worker's monotonic clock."""

    checked: bool | None = None
    """What active checks say; None without any."""
    failures: int = 0
    """Of requests, in a row."""
    ejections: int = 0
    """How often it was ejected lately; each makes the next one longer."""
    ejected_until: float = 0.0
    unreachable: bool = False
    """No connection could be made, and no request waits for another try."""
    try_at: float = math.inf
    pause: float = 0.0

    def is_well(self, now: float) -> bool:
        """Whether it may be sent requests."""
        return self.checked is not False and not self.unreachable and now >= self.ejected_until

    def why(self, now: float) -> str | None:
        """In one word why not."""
        if self.checked is False:
            return "unhealthy"
        if self.unreachable:
            return "unreachable"
        return "ejected" if now < self.ejected_until else None

    def changes_at(self, now: float) -> float:
        """When to look at it again."""
        return min(self.try_at, self.ejected_until if self.ejected_until > now else math.inf)

    def lost(self, now: float) -> None:
        """No connection could be made; it is tried again by itself, with pauses that grow."""
        self.unreachable = True
        self.pause = min(_LONGEST_PAUSE, 2 * self.pause or _FIRST_PAUSE)
        self.try_at = now + self.pause

    def found(self) -> None:
        """A connection was made."""
        self.unreachable, self.try_at, self.pause, self.failures = False, math.inf, 0.0, 0

    def told(self, *, well: bool, now: float) -> None:
        """Active checks have come to another opinion."""
        if well and self.checked is False:
            self.failures, self.ejected_until = 0, 0.0
            if self.unreachable:
                self.try_at = now
        self.checked = well


class HealthBook:
    """The health of all targets that there ever were in this worker, by upstream and address."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], TargetHealth] = {}

    def of(self, upstream: str, address: str) -> TargetHealth:
        """What is known of it; nothing bad of a new one."""
        return self._known.setdefault((upstream, address), TargetHealth())


class OutlierDetection:
    """Ejects those of one upstream that fail again and again, each time for longer, and never more than a share."""

    def __init__(self, settings: OutlierDetectionSettings, every: Sequence[TargetHealth]) -> None:
        self._settings = settings
        self._every = every

    def ejects(self, health: TargetHealth, now: float) -> bool:
        """Eject it, if it has failed too often in a row and there is room; says whether it was."""
        if health.failures < self._settings.consecutive_failures or now < health.ejected_until:
            return False
        ejected = sum(now < one.ejected_until for one in self._every)
        if 100 * (ejected + 1) > self._settings.max_ejected_percent * len(self._every):
            return False
        # Each stretch of good service that is as long as the shortest ejection makes up for one.
        served = max(0.0, now - health.ejected_until)
        made_up = int(served / self._settings.base_ejection_secs) if health.ejections else 0
        health.ejections = max(0, health.ejections - made_up) + 1
        seconds = min(self._settings.max_ejection_secs, self._settings.base_ejection_secs * health.ejections)
        health.ejected_until, health.failures = now + seconds, 0
        return True
