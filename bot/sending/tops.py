"""The top of a channel: its topic, its people, its links. It is tried again by itself, and holds up no message."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from bot.sending.bell import Bell
from bot.sending.course import Course
from bot.sending.lease import Lease
from bot.store import outgoing
from bot.store.database import Database
from commands.ports import ChatPlatform, Clock

log = logging.getLogger(__name__)

#: How long the messages of a channel wait for its top.
_PATIENCE_SECONDS = 5.0


class Tops:
    """Brings the tops of channels up to date."""

    def __init__(self, database: Database, lease: Lease, clock: Clock, bell: Bell) -> None:
        self._database = database
        self._lease = lease
        self._clock = clock
        self._bell = bell

    async def arrange(self, platform: ChatPlatform, channel: str, reference: str, course: Course) -> None:
        """Unless it was tried just now. The channel's messages wait for it for a moment, not for long."""
        if course.arranging or course.top.waits(self._now()) or not await self._lease.held():
            return
        course.arranging = asyncio.create_task(self._arrange(platform, channel, reference, course))
        course.arranging.add_done_callback(partial(self._arranged, course))
        await asyncio.wait({course.arranging}, timeout=_PATIENCE_SECONDS)

    def _arranged(self, course: Course, _task: asyncio.Task[None]) -> None:
        course.arranging = None
        self._bell.again()

    async def _arrange(self, platform: ChatPlatform, channel: str, reference: str, course: Course) -> None:
        try:
            place = await self._database.read(lambda c: outgoing.place(c, channel))
            if place is None or place.arranged >= place.wish:
                return
            applied = await platform.arrange(reference, place.room, place.applied)
            await self._database.write(lambda c: outgoing.mark_arranged(c, channel, place.wish, applied))
            course.top.succeeded()
        except Exception as error:
            log.warning("outbox: the top of #%s is kept for later: %s: %s", channel, type(error).__name__, error)
            course.top.failed(self._now())

    def _now(self) -> float:
        return self._clock.now().timestamp()
