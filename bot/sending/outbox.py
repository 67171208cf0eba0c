"""The loop: which channels have something to be said or arranged, and each has its turn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from functools import partial

from bot.sending.bell import Bell
from bot.sending.course import Course, Courses
from bot.sending.lease import Lease
from bot.sending.opening import Opening
from bot.sending.telling import Teller
from bot.sending.tops import Tops
from bot.sending.turn import Turns
from bot.store import outgoing
from bot.store.database import Database
from bot.store.errors import StoreUnavailable
from commands.ports import ChatPlatform, Clock

log = logging.getLogger(__name__)

_IDLE_SECONDS = 2.0
#: How often is looked for what another process has said: on Postgres there may be one.
_GLANCE_SECONDS = 0.3
#: Between two looks: what comes in the meantime is sent, and marked, together.
_PAUSE_SECONDS = 0.03


class Outbox:
    """One process at a time sends: it holds a lease, and another takes over when it is gone."""

    def __init__(
        self,
        database: Database,
        platforms: Mapping[str, ChatPlatform],
        *,
        owner: str,
        teller: Teller,
        clock: Clock,
        lease_seconds: float = 15.0,
        patience_seconds: float = 5.0,
    ) -> None:
        """`patience_seconds`: how long a message waits for the channels that it points to, and for a channel's top."""
        self._database = database
        self._platforms = platforms
        self._clock = clock
        self._bell = Bell()
        self._courses = Courses()
        self._lease = Lease(database, owner, lease_seconds, self._courses.doubt)
        opening = Opening(database, self._courses, clock, patience_seconds=patience_seconds)
        tops = Tops(database, self._lease, clock, self._bell, teller, patience_seconds=patience_seconds)
        self._turns = Turns(database, platforms, self._lease, opening, tops, self._bell, teller=teller, clock=clock)
        self._serving: dict[str, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """There may be something to send; from any thread."""
        self._bell.ring()

    @property
    def leads(self) -> bool:
        """Whether this process is the one that sends, as far as it knows."""
        return self._lease.is_running

    async def run(self) -> None:
        """Until cancelled."""
        self._bell.listen()
        keeping = asyncio.create_task(self._lease.keep(self._is_sending))
        try:
            while True:
                self._bell.hush()
                await self._look()
                await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            running = [keeping, *self._serving.values(), *self._courses.arranging()]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _is_sending(self) -> bool:
        return bool(self._serving or self._courses.arranging())

    async def _look(self) -> None:
        try:
            busy = await self._busy()
            if busy and await self._lease.held():
                self._serve_all(busy)
            await self._idle()
        except StoreUnavailable as gone:
            log.warning("outbox: %s", gone)
            await asyncio.sleep(_IDLE_SECONDS)
        except Exception:
            log.exception("outbox: what was to be sent is kept")
            await asyncio.sleep(_IDLE_SECONDS)

    async def _busy(self) -> list[str]:
        """The channels where something is to be done now."""
        now = self._now()
        said, as_they_are = self._courses.later(now)
        busy = await self._database.read(
            lambda c: outgoing.busy_channels(c, self._platforms, besides=said, unarranged=as_they_are)
        )
        self._courses.forgive({*busy, *self._serving}, now)
        self._courses.tidy(besides={*busy, *self._serving})
        return busy

    async def _idle(self) -> None:
        """Until something new is said, a channel's turn ends with a remainder, or one may be tried again."""
        due = self._due()
        glance = _IDLE_SECONDS if self._database.is_sqlite else _GLANCE_SECONDS
        try:
            async with asyncio.timeout(glance):
                await (self._bell.heard() if due is None else self._heard_or(due))
        except TimeoutError:
            return

    def _due(self) -> float | None:
        """Seconds until something may be tried again, if we are the one to try it."""
        next_try = self._courses.next_try() if self._lease.is_running else None
        return None if next_try is None else max(next_try - self._now(), 0.05)

    async def _heard_or(self, seconds: float) -> None:
        either = [asyncio.create_task(self._bell.heard()), asyncio.create_task(self._clock.sleep(seconds))]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in either:
                one.cancel()

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _serve_all(self, channels: list[str]) -> None:
        now = self._now()
        for channel in channels:
            course = self._courses.of(channel)
            if channel in self._serving:
                course.missed = True
            elif not course.talk.waits(now):
                task = asyncio.create_task(self._turns.serve(channel, course))
                self._serving[channel] = task
                task.add_done_callback(partial(self._served, channel, course))

    def _served(self, channel: str, course: Course, _task: asyncio.Task[None]) -> None:
        self._serving.pop(channel, None)
        if course.missed or any(one.failures for one in course.backoffs()):
            course.missed = False
            self._bell.again()  # something was said meanwhile, or there is something to try again
