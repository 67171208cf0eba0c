"""Keeps calls within Slack's rate limits before Slack has to: per method and workspace, and per channel.

Who waits is let through by urgency: an answer overtakes a hundred reminders.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from dataclasses import dataclass, field

from bot.platforms.slack.methods import METHODS
from commands.ports import Clock, Urgency

#: chat.postMessage allows about one message a second and channel, with short bursts.
_CHANNEL_PER_MINUTE, _CHANNEL_BURST = 60, 3
#: What may come at once, and what comes evenly: in no minute more than what is allowed, and a little less, since Slack
#: counts by its own clock.
_AT_ONCE, _EVENLY = 0.1, 0.88
_MOST_KEPT = 1000


@dataclass
class _Bucket:
    """A token bucket with a queue. `blocked` is a time before which Slack wants no call."""

    clock: Clock
    per_second: float
    burst: float
    tokens: float = 0.0
    filled_at: float = 0.0
    blocked: float = 0.0
    queue: list[tuple[int, int, asyncio.Future[None]]] = field(default_factory=list)
    drain: asyncio.Task[None] | None = None

    def now(self) -> float:
        return self.clock.now().timestamp()

    def wait(self) -> float:
        """Seconds until the next call may go; takes nothing."""
        now = self.now()
        self.tokens = min(self.burst, self.tokens + max(now - self.filled_at, 0.0) * self.per_second)
        self.filled_at = now
        short = max(1.0 - self.tokens, 0.0) / self.per_second
        return max(short, self.blocked - now)

    def is_idle(self) -> bool:
        """Full, and nobody waits."""
        return (
            self.wait() <= 0
            and self.tokens >= self.burst
            and not self.queue
            and (self.drain is None or self.drain.done())
        )

    def take(self) -> bool:
        if self.wait() > 0:
            return False
        self.tokens -= 1.0
        return True

    async def turn(self, urgency: Urgency, number: int) -> None:
        """Wait for one's turn."""
        if not self.queue and self.take():
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self.queue, (urgency.value, number, mine))
        if self.drain is None or self.drain.done():
            self.drain = asyncio.create_task(self._drain())
        await mine

    async def _drain(self) -> None:
        while self.queue:
            if not self.take():
                await self.clock.sleep(max(self.wait(), 0.001))
                continue
            _, _, first = heapq.heappop(self.queue)
            if first.done():  # nobody waits for it any more: its turn goes to the next
                self.tokens += 1.0
            else:
                first.set_result(None)


class Pacer:
    """One for all workspaces of a process; the outbox's lease makes it one for all processes that send."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, str], _Bucket] = {}
        self._numbers = itertools.count()

    async def turn(self, team: str, method: str, *, channel: str = "", urgency: Urgency = Urgency.NORMAL) -> None:
        """Wait until a call may be made."""
        if channel:
            await self._bucket(team, f"#{channel}").turn(urgency, next(self._numbers))
        await self._bucket(team, method).turn(urgency, next(self._numbers))

    def block(self, team: str, method: str, seconds: float, *, channel: str = "") -> None:
        """Slack said when to come again (`Retry-After`)."""
        bucket = self._bucket(team, f"#{channel}" if channel else method)
        bucket.blocked = max(bucket.blocked, bucket.now() + seconds)

    def _tidy(self) -> None:
        """Forget the channels that nothing waits for: a new bucket is as full as theirs."""
        if len(self._buckets) >= _MOST_KEPT:
            self._buckets = {key: one for key, one in self._buckets.items() if not one.is_idle()}

    def _bucket(self, team: str, name: str) -> _Bucket:
        key = (team, name)
        if key not in self._buckets:
            self._tidy()
            channel = name.startswith("#")
            per_minute = _CHANNEL_PER_MINUTE if channel else METHODS[name].per_minute
            burst = _CHANNEL_BURST if channel else max(per_minute * _AT_ONCE, 1)
            bucket = _Bucket(self._clock, per_minute * _EVENLY / 60, burst, tokens=burst)
            bucket.filled_at = bucket.now()
            self._buckets[key] = bucket
        return self._buckets[key]
