"""Slack's rate limits: a bucket for each method and workspace, and one for the messages of each channel."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from tests.simulators.slack import contract

A_MINUTE = {"Tier1": 1, "Tier2": 20, "Tier3": 50, "Tier4": 100}
SPECIAL = {"chat.postMessage": 300, "auth.test": 600, "chat.getPermalink": 600}
# A fleet that reconnects at once is let in: the documented one a minute is not what Slack enforces.
BURST = {"apps.connections.open": 10}
UNKNOWN = 50
CHANNEL_RATE, CHANNEL_BURST = 1.0, 5


@dataclass
class Bucket:
    """Holds so many calls, and fills again at a rate."""

    size: float
    a_second: float
    full: float
    at: float

    def take(self, now: float) -> float:
        """Seconds to wait before this call is allowed; 0 when it is, and then it is counted."""
        self.full = min(self.size, self.full + (now - self.at) * self.a_second)
        self.at = now
        if self.full >= 1 - 1e-9:
            self.full -= 1
            return 0.0
        return (1 - self.full) / self.a_second


@dataclass
class Limits:
    """Off until `on` is set; everything is counted by the simulator's clock."""

    on: bool = True
    channel_burst: int = CHANNEL_BURST
    _buckets: dict[tuple[str, ...], Bucket] = field(default_factory=dict)

    def wait(self, method: str, team: str, channel: str, now: float) -> int:
        """Whole seconds to wait, at least one; 0 for go on."""
        if not self.on:
            return 0
        wait = self._method(method, team, now).take(now)
        if not wait and method == "chat.postMessage" and channel:
            wait = self._bucket((method, team, channel), self.channel_burst, CHANNEL_RATE, now).take(now)
        return max(1, math.ceil(wait)) if wait else 0

    def _method(self, method: str, team: str, now: float) -> Bucket:
        a_minute = SPECIAL.get(method) or A_MINUTE.get(contract.tiers().get(method, ""), UNKNOWN)
        return self._bucket((method, team), BURST.get(method, a_minute), a_minute / 60, now)

    def _bucket(self, key: tuple[str, ...], size: float, a_second: float, now: float) -> Bucket:
        return self._buckets.setdefault(key, Bucket(size, a_second, size, now))
