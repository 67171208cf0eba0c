"""Whose token a change came by, whatever name the caller gives; and who is turned away."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from typing import Literal

_QUIET_SECS = 10.0

#: The name of the token of the request that is being answered; None for what the gateway does by itself.
CALLER: ContextVar[str | None] = ContextVar("caller", default=None)


class Refusals:
    """Counts whom the API turns away. The log is told at once, and then no more often than every ten seconds."""

    def __init__(self, log: Callable[..., None], clock: Callable[[], float] = time.monotonic) -> None:
        self.counts: Counter[str] = Counter()
        """unauthorized: no token that is known; forbidden: one that may not do this."""
        self._log = log
        self._clock = clock
        self._silent_until: dict[str, float] = {}
        self._told: Counter[str] = Counter()

    def add(self, why: Literal["unauthorized", "forbidden"], message: str, address: str) -> None:
        """One more, from there."""
        self.counts[why] += 1
        now = self._clock()
        if now < self._silent_until.get(why, now):
            return
        since, self._told[why] = self.counts[why] - self._told[why], self.counts[why]
        self._silent_until[why] = now + _QUIET_SECS
        self._log("WARNING", f"admin_{why}", message, refused=since, client_ip=address)
