"""The right to send, which one process has at a time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from bot.store import replicas
from bot.store.database import Database
from bot.store.errors import StoreUnavailable

NAME = "outbox"


class Lease:
    """Held for some seconds of the database's clock, and renewed while it is used.

    A third of the time is left unused: what was begun within it ends within it, unless this process is stopped
    in the middle of a call. Then two may say the same, which no lease can prevent.
    """

    def __init__(self, database: Database, owner: str, seconds: float, lost: Callable[[], None]) -> None:
        self._database = database
        self._owner = owner
        self._seconds = seconds
        self._lost = lost
        self._until = 0.0

    @property
    def is_running(self) -> bool:
        """Whether nobody else can have it, as far as is known here."""
        return time.monotonic() <= self._until

    async def held(self) -> bool:
        """Whether something may be sent now. Asked before each thing that is; see Course.sure too."""
        if not self._is_ample():
            await self.renew()
        return self._is_ample()

    def _is_ample(self) -> bool:
        return time.monotonic() < self._until - self._seconds / 3

    async def renew(self) -> None:
        """After a time without it nothing is certain: another may have sent."""
        now = time.monotonic()
        mine = await self._database.write(lambda c: replicas.lease(c, NAME, self._owner, self._seconds))
        if not mine or now > self._until:
            self._lost()
        self._until = now + self._seconds if mine else 0.0

    async def keep(self, is_used: Callable[[], bool]) -> None:
        """While something is being sent, however long that takes, nobody else sends."""
        while True:
            await asyncio.sleep(self._seconds / 5)
            if is_used():
                with contextlib.suppress(StoreUnavailable):
                    await self.renew()
