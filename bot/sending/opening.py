"""Makes the channels of a platform: before the first message in one, or before a message that points to it."""

from __future__ import annotations

import asyncio
import logging

from bot.sending.course import Course, Courses
from bot.store import outgoing
from bot.store.database import Database
from bot.store.errors import StoreUnavailable
from bot.store.outgoing import Place
from commands.cards import channels_of
from commands.ports import ChatPlatform, Clock, Post, Undeliverable

log = logging.getLogger(__name__)

#: How long a message waits for the channels that it points to.
_PATIENCE_SECONDS, _AGAIN_SECONDS = 5.0, 0.5


class Opening:
    """Each channel is made once, whoever needs it first."""

    def __init__(self, database: Database, courses: Courses, clock: Clock) -> None:
        self._database = database
        self._courses = courses
        self._clock = clock

    async def open(self, platform: ChatPlatform, place: Place, course: Course) -> str:
        """The channel's reference. In one that was not there before, nothing can have been said."""
        async with course.opening:
            name = place.room.name
            current = await self._database.read(lambda c: outgoing.place(c, name))
            if current and current.reference:
                return current.reference
            reference = await platform.open_channel(place.room)
            await self._database.write(lambda c: outgoing.mark_open(c, name, reference))
            course.sure = True
            return reference

    async def mentioned(self, platform: ChatPlatform, channel: str, post: Post) -> None:
        """A channel that a message points to is made first, so that the message can link to it."""
        names = [name for name in channels_of(post.card) if name != channel]
        for place in await self._database.read(lambda c: outgoing.unopened(c, names)) if names else ():
            if place.kind != platform.name:
                continue
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await self._patiently(platform, place, self._courses.of(place.room.name))
            except Exception as error:  # the message is worth more than its link
                log.warning("outbox: #%s is not open yet: %s", place.room.name, error)

    async def _patiently(self, platform: ChatPlatform, place: Place, course: Course) -> None:
        """As often as it takes, unless the platform says no."""
        while True:
            try:
                await self.open(platform, place, course)
                return
            except (StoreUnavailable, Undeliverable):
                raise
            except Exception as error:
                log.info("outbox: #%s: %s: %s", place.room.name, type(error).__name__, error)
                await self._clock.sleep(_AGAIN_SECONDS)
