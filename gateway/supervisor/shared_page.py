"""A page about all workers, as `/metrics`. Anybody may ask, and every worker reports, so it is made once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

FRESH_SECS = 1.0


class SharedPage:
    """Those who ask at the same time wait for the same page, and those who ask within a second get that one."""

    def __init__(self, make: Callable[[], Awaitable[str]], clock: Callable[[], float]) -> None:
        self._make = make
        self._clock = clock
        self._made_at = 0.0
        self._page: asyncio.Task[str] | None = None

    async def text(self) -> str:
        """The page, a second old at most."""
        if self._page is None or self._is_over(self._page):
            self._page = asyncio.get_running_loop().create_task(self._made())
        # One who no longer waits must not take the page away from the others.
        return await asyncio.shield(self._page)

    async def _made(self) -> str:
        page = await self._make()
        self._made_at = self._clock()
        return page

    def _is_over(self, page: asyncio.Task[str]) -> bool:
        if not page.done():
            return False
        failed = page.cancelled() or page.exception() is not None
        return failed or self._clock() - self._made_at >= FRESH_SECS
