"""The watches that are open: they are woken by changes, and a test can end them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch

from tests.simulators.kubernetes.store import Store


@dataclass(eq=False)
class Watcher:
    """One that is open."""

    what: str
    loop: asyncio.AbstractEventLoop
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    cut: bool = False

    def wake(self) -> None:
        """Look again; from any thread."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.changed.set)

    async def woken(self, seconds: float) -> bool:
        """Until there may be something to tell; false when time is up, or the watch was ended."""
        try:
            async with asyncio.timeout(seconds):
                await self.changed.wait()
        except TimeoutError:
            return False
        self.changed.clear()
        return not self.cut


class Watching:
    """All that are open."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.open: list[Watcher] = []

    @asynccontextmanager
    async def watcher(self, what: str) -> AsyncIterator[Watcher]:
        """A watch, as long as it lasts."""
        one = Watcher(what, asyncio.get_running_loop())
        self.open.append(one)
        ignore = self.store.listen(one.wake)
        try:
            yield one
        finally:
            ignore()
            self.open.remove(one)

    def end(self, what: str = "*") -> int:
        """End those that match; how many."""
        ended = [one for one in list(self.open) if fnmatch(one.what, what)]
        for one in ended:
            one.cut = True
            one.wake()
        return len(ended)
