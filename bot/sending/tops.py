"""The top of a channel: its topic, its people, its links. It is tried again by itself, and holds up no message."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial

from bot.sending.backoff import Backoff
from bot.sending.bell import Bell
from bot.sending.course import Course
from bot.sending.lease import Lease
from bot.sending.telling import Teller
from bot.store import outgoing
from bot.store.database import Database
from bot.store.errors import StoreUnavailable
from commands.ports import ChatPlatform, Clock, NoAccess
from commands.presentation.words import cut

log = logging.getLogger(__name__)

_LASTS, _TRIED_ON = "This channel is not up to date.", "It is tried again every minute."


class Tops:
    """Brings the tops of channels up to date. The messages of a channel wait so long for its top."""

    def __init__(
        self,
        database: Database,
        lease: Lease,
        clock: Clock,
        bell: Bell,
        teller: Teller,
        *,
        patience_seconds: float,
    ) -> None:
        self._database = database
        self._lease = lease
        self._clock = clock
        self._bell = bell
        self._teller = teller
        self._patience = patience_seconds

    async def arrange(self, platform: ChatPlatform, channel: str, reference: str, course: Course) -> None:
        """Unless it was tried just now. The channel's messages wait for it for a moment, not for long."""
        if course.arranging or course.top.waits(self._now()) or not await self._lease.held():
            return
        course.arranging = asyncio.create_task(self._arrange(platform, channel, reference, course))
        course.arranging.add_done_callback(partial(self._arranged, course))
        await asyncio.wait({course.arranging}, timeout=self._patience)

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
            await self._put_off(channel, course.top, error)

    async def _put_off(self, channel: str, top: Backoff, error: Exception) -> None:
        """Where it goes on failing its channel hears so: somebody may wait for people who are not there."""
        now = self._now()
        top.failed(now)
        if not top.is_lasting(now) or isinstance(error, NoAccess | StoreUnavailable):
            return
        why = f"Its topic, its people or its links are not as they should be: {cut(str(error), 200)}"
        with contextlib.suppress(StoreUnavailable):  # it is said the next time
            await self._teller.there(channel, _LASTS, why, _TRIED_ON, key=f"top:{top.since}")

    def _now(self) -> float:
        return self._clock.now().timestamp()
