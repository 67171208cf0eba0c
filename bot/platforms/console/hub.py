"""The bell that wakes the open pages: something changed, look at the record again.

It carries no news itself. Whoever is woken reads the record from its own cursor, so a lost or doubled
wake loses and doubles nothing; and since another process may write too, everybody looks once a second anyway.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Iterator


class Subscription:
    """One open page, woken in its own event loop."""

    def __init__(self, every: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()
        self._every = every
        self.closed = False

    def ring(self) -> None:
        """Wake the page. Any thread may call; a loop that has ended sleeps on."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._rung.set)

    async def beats(self) -> AsyncGenerator[None, None]:
        """At once, then after each wake and at least every `every` seconds, until the hub closes."""
        while not self.closed:
            self._rung.clear()
            yield
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._rung.wait(), self._every)


class Hub:
    """All open pages."""

    def __init__(self, *, every: float = 1.0) -> None:
        self._every = every
        self._lock = threading.Lock()
        self._open: set[Subscription] = set()
        self._closed = False

    @contextlib.contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        """A subscription for as long as the block lasts; call it in the event loop that will wait."""
        mine = Subscription(self._every)
        with self._lock:
            mine.closed = self._closed
            self._open.add(mine)
        try:
            yield mine
        finally:
            with self._lock:
                self._open.discard(mine)

    def wake(self) -> None:
        """Something changed. Any thread may call, at any time, also after the end."""
        with self._lock:
            listening = tuple(self._open)
        for subscription in listening:
            subscription.ring()

    def close(self) -> None:
        """End every subscription, so that a server can stop while pages are open."""
        with self._lock:
            self._closed = True
            for subscription in self._open:
                subscription.closed = True
        self.wake()
