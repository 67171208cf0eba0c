"""Delivers what was said to its platform, after the commit.

The messages table holds what each message is to be; `delivered` is the change that the platform has. So a
message that changed five times while the platform was slow is edited once. Channels are served side by side,
each in its order, the urgent first; one that fails waits, and holds up no other. What is not a message (the top
of a channel, a pin, a document) is tried again by itself, and holds up no message.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bot.backoff import Backoff
from bot.store import outgoing
from bot.store.database import Database
from bot.store.errors import StoreUnavailable
from bot.store.outgoing import Outgoing, Place
from bot.store.replicas import lease
from commands.cards import channels_of
from commands.ports import ChatPlatform, Clock, Post, Undeliverable, Unfinished, Urgency

log = logging.getLogger(__name__)

_IDLE_SECONDS = 2.0
#: How often is looked for what another process has said: on Postgres there may be one.
_GLANCE_SECONDS = 0.3
#: Between two looks: what comes in the meantime is sent, and marked, together.
_PAUSE_SECONDS = 0.03
#: How long a message waits for the channels that it points to, and for the top of its own.
_PATIENCE_SECONDS, _AGAIN_SECONDS = 5.0, 0.5

#: Tells a human that a message could not be delivered: its channel, the message, why.
Tell = Callable[[str, Post, str], Awaitable[None]]


@dataclass
class _Course:
    """How it goes with one channel. `sure`: nothing can have gone out without our knowing.

    `talk` is its messages, `top` its topic, people and links, `rest` what belongs to messages that are said.
    """

    sure: bool = False
    missed: bool = False
    talk: Backoff = field(default_factory=Backoff)
    top: Backoff = field(default_factory=Backoff)
    rest: dict[int, Backoff] = field(default_factory=dict)
    arranging: asyncio.Task[None] | None = None
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    def backoffs(self) -> Iterator[Backoff]:
        """All that may be waiting."""
        yield self.talk
        yield self.top
        yield from self.rest.values()

    def forgive(self, now: float) -> None:
        """Nothing is to be done here, so nothing is tried again: somebody else did it."""
        self.rest = {row: one for row, one in self.rest.items() if one.waits(now)}
        for one in (self.talk, self.top):
            if not one.waits(now):
                one.succeeded()


class Outbox:
    """One process at a time sends: it holds a lease, and another takes over when it is gone."""

    def __init__(
        self,
        database: Database,
        platforms: Mapping[str, ChatPlatform],
        *,
        owner: str,
        tell: Tell,
        clock: Clock,
        lease_seconds: float = 15.0,
    ) -> None:
        self._database = database
        self._platforms = platforms
        self._owner = owner
        self._tell = tell
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._news = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._leased_until = 0.0
        self._courses: dict[str, _Course] = {}
        self._serving: dict[str, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """There may be something to send; from any thread."""
        self._news += 1
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self) -> None:
        """Until cancelled."""
        self._loop = asyncio.get_running_loop()
        keeping = asyncio.create_task(self._keep_lease())
        try:
            while True:
                self._wake.clear()
                await self._look()
                await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            arranging = [one.arranging for one in self._courses.values() if one.arranging]
            running = [keeping, *self._serving.values(), *arranging]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _look(self) -> None:
        try:
            busy = await self._busy()
            if busy and await self._may_send():
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
        said = [row for one in self._courses.values() for row, later in one.rest.items() if later.waits(now)]
        as_they_are = [name for name, one in self._courses.items() if one.arranging or one.top.waits(now)]
        busy = await self._database.read(
            lambda c: outgoing.busy_channels(c, self._platforms, besides=said, unarranged=as_they_are)
        )
        for name in self._courses.keys() - set(busy) - self._serving.keys():
            self._courses[name].forgive(now)
        return busy

    async def _idle(self) -> None:
        """Until something new is said, a channel's turn ends with a remainder, or one may be tried again."""
        due = self._due()
        glance = _IDLE_SECONDS if self._database.is_sqlite else _GLANCE_SECONDS
        try:
            async with asyncio.timeout(glance):
                await (self._wake.wait() if due is None else self._woken_or(due))
        except TimeoutError:
            return

    def _due(self) -> float | None:
        """Seconds until something may be tried again, if we are the one to try it."""
        if time.monotonic() > self._leased_until:
            return None
        waiting = [one.not_before for course in self._courses.values() for one in course.backoffs() if one.failures]
        return max(min(waiting) - self._now(), 0.05) if waiting else None

    async def _woken_or(self, seconds: float) -> None:
        either = [asyncio.create_task(self._wake.wait()), asyncio.create_task(self._clock.sleep(seconds))]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in either:
                one.cancel()

    def _now(self) -> float:
        return self._clock.now().timestamp()

    async def _may_send(self) -> bool:
        """Hold the lease, with enough of it left."""
        if time.monotonic() > self._leased_until - self._lease_seconds / 3:
            await self._renew()
        return time.monotonic() < self._leased_until - self._lease_seconds / 3

    async def _keep_lease(self) -> None:
        """While something is being sent, however long that takes, nobody else sends."""
        while True:
            await asyncio.sleep(self._lease_seconds / 5)
            if self._serving or any(one.arranging for one in self._courses.values()):
                with contextlib.suppress(StoreUnavailable):
                    await self._renew()

    async def _renew(self) -> None:
        """After a time without the lease nothing is certain: another may have sent."""
        now = time.monotonic()
        mine = await self._database.write(lambda c: lease(c, "outbox", self._owner, self._lease_seconds))
        if not mine or now > self._leased_until:
            for course in self._courses.values():
                course.sure = False
        self._leased_until = now + self._lease_seconds if mine else 0.0

    def _serve_all(self, channels: list[str]) -> None:
        now = self._now()
        for channel in channels:
            course = self._courses.setdefault(channel, _Course())
            if channel in self._serving:
                course.missed = True
            elif not course.talk.waits(now):
                task = asyncio.create_task(self._serve(channel, course))
                self._serving[channel] = task
                task.add_done_callback(partial(self._served, channel, course))

    def _served(self, channel: str, course: _Course, _task: asyncio.Task[None]) -> None:
        self._serving.pop(channel, None)
        if course.missed:  # something was said while this channel was served
            course.missed = False
            self._wake.set()

    async def _serve(self, channel: str, course: _Course) -> None:
        """One turn of one channel: open it, say what waits, arrange it."""
        try:
            place = await self._database.read(lambda c: outgoing.place(c, channel))
            platform = self._platform_of(place) if place else None
            if place is None or platform is None:
                return
            reference = place.reference or await self._open(platform, place, course)
            await self._send_waiting(platform, channel, reference, course)
            await self._arrange(platform, channel, reference, course)
            course.talk.succeeded()
        except StoreUnavailable as gone:
            log.warning("outbox: %s", gone)
            self._put_off(course)
        except Undeliverable as refused:
            log.warning("outbox: #%s: %s", channel, refused)
            self._put_off(course)
            await self._tell_of_channel(channel, str(refused))
        except Exception as error:
            log.warning("outbox: #%s: kept for later: %s: %s", channel, type(error).__name__, error)
            self._put_off(course)

    async def _tell_of_channel(self, channel: str, why: str) -> None:
        """A channel that cannot be made: who waits for it hears so, once; it is tried again all the same."""
        rows = await self._database.read(lambda c: outgoing.waiting(c, channel, 1))
        for post in (row.post for row in rows if row.post):
            await self._tell(channel, post, why)

    def _platform_of(self, place: Place) -> ChatPlatform | None:
        return self._platforms.get(place.room.platform.partition(":")[0])

    def _put_off(self, course: _Course) -> None:
        course.sure = False
        course.talk.failed(self._now())

    async def _open(self, platform: ChatPlatform, place: Place, course: _Course) -> str:
        async with course.opening:
            name = place.room.name
            current = await self._database.read(lambda c: outgoing.place(c, name))
            if current and current.reference:
                return current.reference
            reference = await platform.open_channel(place.room)
            await self._database.write(lambda c: outgoing.mark_open(c, name, reference))
            return reference

    async def _send_waiting(self, platform: ChatPlatform, channel: str, reference: str, course: _Course) -> None:
        """Batch by batch, so that what is urgent overtakes and the channel is arranged in between."""
        while rows := await self._waiting(channel, course, platform.at_a_time):
            if not course.sure:
                await self._find_sent(platform, channel, reference)
                course.sure = True
                continue
            if not await self._may_send():
                return
            await self._send_batch(platform, channel, reference, rows, course)
            await self._arrange(platform, channel, reference, course)

    async def _waiting(self, channel: str, course: _Course, limit: int) -> list[Outgoing]:
        now = self._now()
        later = [row for row, one in course.rest.items() if one.waits(now)]
        return await self._database.read(lambda c: outgoing.waiting(c, channel, limit, besides=later))

    async def _find_sent(self, platform: ChatPlatform, channel: str, reference: str) -> None:
        """What an earlier attempt, or a process that is gone, may have said already."""
        rows = await self._database.read(lambda c: outgoing.waiting(c, channel, 1000))
        posts = [row.post for row in rows if row.reference is None and row.post and row.post.only_for is None]
        known = await platform.sent(reference, posts) if posts else {}
        if known:
            await self._database.write(lambda c: outgoing.mark_known(c, known))

    async def _send_batch(
        self, platform: ChatPlatform, channel: str, reference: str, rows: list[Outgoing], course: _Course
    ) -> None:
        """What was sent is marked, however the batch ends; it ends early when there may be something more urgent."""
        marks: list[dict[str, Any]] = []
        heard = self._news
        try:
            for row in rows:
                if heard != self._news and row.post and row.post.urgency is not Urgency.ANSWER:
                    return
                if mark := await self._send(platform, channel, reference, row, course):
                    marks.append(mark)
        finally:
            if marks:
                await self._database.write(lambda c: outgoing.mark_sent(c, marks))

    async def _send(
        self, platform: ChatPlatform, channel: str, reference: str, row: Outgoing, course: _Course
    ) -> dict[str, Any] | None:
        post, known = row.post, row.reference
        if post is None:
            return _mark(row, row.key)
        await self._open_mentioned(platform, channel, post)
        try:
            if known is None:
                known = await platform.post(reference, post)
            else:
                await platform.edit(reference, known, post)
        except Unfinished as half:
            log.warning("outbox: #%s: %s is said; the rest comes later: %s", channel, post.key, half)
            course.rest.setdefault(row.id, Backoff()).failed(self._now())
            said = {post.key: half.reference}
            await self._database.write(lambda c: outgoing.mark_known(c, said))
            return None
        except Undeliverable as refused:
            log.warning("outbox: #%s: %s cannot be delivered: %s", channel, post.key, refused)
            await self._tell(channel, post, str(refused))
            return _mark(row, known, failed=str(refused))
        course.rest.pop(row.id, None)
        return _mark(row, known)

    async def _open_mentioned(self, platform: ChatPlatform, channel: str, post: Post) -> None:
        """A channel that a message points to is made first, so that the message can link to it."""
        names = [name for name in channels_of(post.card) if name != channel]
        for place in await self._database.read(lambda c: outgoing.unopened(c, names)) if names else ():
            course = self._courses.setdefault(place.room.name, _Course())
            if self._platform_of(place) is not platform:
                continue
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await self._open_patiently(platform, place, course)
            except Exception as error:  # the message is worth more than its link
                log.warning("outbox: #%s is not open yet: %s", place.room.name, error)

    async def _open_patiently(self, platform: ChatPlatform, place: Place, course: _Course) -> None:
        """As often as it takes, unless the platform says no."""
        while True:
            try:
                await self._open(platform, place, course)
                return
            except (StoreUnavailable, Undeliverable):
                raise
            except Exception as error:
                log.info("outbox: #%s: %s: %s", place.room.name, type(error).__name__, error)
                await self._clock.sleep(_AGAIN_SECONDS)

    async def _arrange(self, platform: ChatPlatform, channel: str, reference: str, course: _Course) -> None:
        """Bring the top of a channel up to date. Its messages wait for that for a moment, not for long."""
        if course.arranging or course.top.waits(self._now()):
            return
        course.arranging = asyncio.create_task(self._arrange_now(platform, channel, reference, course))
        course.arranging.add_done_callback(partial(self._arranged, course))
        await asyncio.wait({course.arranging}, timeout=_PATIENCE_SECONDS)

    def _arranged(self, course: _Course, _task: asyncio.Task[None]) -> None:
        course.arranging = None
        self._wake.set()

    async def _arrange_now(self, platform: ChatPlatform, channel: str, reference: str, course: _Course) -> None:
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


def _mark(row: Outgoing, reference: str | None, *, failed: str | None = None) -> dict[str, Any]:
    return {"b_id": row.id, "b_delivered": row.change, "reference": reference, "failed": failed}
