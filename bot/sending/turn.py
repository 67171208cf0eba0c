"""One turn of one channel: it is opened, what waits is said in its order, and its top is arranged."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.sending.bell import Bell
from bot.sending.course import Course
from bot.sending.lease import Lease
from bot.sending.opening import Opening
from bot.sending.telling import Teller
from bot.sending.tops import Tops
from bot.store import outgoing
from bot.store.database import Database
from bot.store.errors import StoreUnavailable
from bot.store.outgoing import Outgoing
from commands.ports import ChatPlatform, Clock, NoAccess, Post, Undeliverable, Unfinished, Urgency
from commands.presentation.words import cut

log = logging.getLogger(__name__)

_LOOKED_FOR = 1000
_TRIED_ON = "It has failed for a while ({why}). It is tried again every minute."
_SET_ASIDE = (
    "It has failed for a while ({why}). What was said after it goes on without it; it is still tried every ten "
    "minutes, and may be in the channel already."
)


@dataclass(frozen=True)
class Here:
    """The channel whose turn it is."""

    platform: ChatPlatform
    channel: str
    reference: str
    course: Course


class Turns:
    """Serves channels. What fails is logged, kept and put off; it is never lost."""

    def __init__(
        self,
        database: Database,
        platforms: Mapping[str, ChatPlatform],
        lease: Lease,
        opening: Opening,
        tops: Tops,
        bell: Bell,
        *,
        teller: Teller,
        clock: Clock,
    ) -> None:
        self._database = database
        self._platforms = platforms
        self._lease = lease
        self._opening = opening
        self._tops = tops
        self._bell = bell
        self._teller = teller
        self._clock = clock

    async def serve(self, channel: str, course: Course) -> None:
        """One turn."""
        try:
            await self._serve(channel, course)
            course.talk.succeeded()
        except StoreUnavailable as gone:
            log.warning("outbox: %s", gone)
            course.put_off(self._now())
        except Undeliverable as refused:
            log.warning("outbox: #%s: %s", channel, refused)
            course.put_off(self._now())
            await self._tell_of_channel(channel, str(refused))
        except Exception as error:
            log.warning("outbox: #%s: kept for later: %s: %s", channel, type(error).__name__, error)
            course.put_off(self._now())

    async def _serve(self, channel: str, course: Course) -> None:
        place = await self._database.read(lambda c: outgoing.place(c, channel))
        platform = self._platforms.get(place.kind) if place else None
        if place is None or platform is None:
            return
        reference = place.reference or await self._opening.open(platform, place, course)
        here = Here(platform, channel, reference, course)
        await self._say_what_waits(here)
        await self._tops.arrange(platform, channel, reference, course)

    async def _tell_of_channel(self, channel: str, why: str) -> None:
        """A channel that cannot be made: who waits for it hears so, once; it is tried again all the same."""
        rows = await self._database.read(lambda c: outgoing.waiting(c, channel, 1))
        for post in (row.post for row in rows if row.post):
            await self._teller.tell(channel, post, why)

    async def _say_what_waits(self, here: Here) -> None:
        """Batch by batch, so that what is urgent overtakes and the channel is arranged in between."""
        while rows := await self._waiting(here):
            if not here.course.sure:
                here.course.sure = True  # before the look, so that a doubt which arises meanwhile stays
                await self._find_sent(here)
                continue
            if not await self._lease.held():
                return
            await self._say_batch(here, rows)
            await self._tops.arrange(here.platform, here.channel, here.reference, here.course)

    async def _waiting(self, here: Here) -> list[Outgoing]:
        later, limit = here.course.later(self._now()), here.platform.at_a_time
        return await self._database.read(lambda c: outgoing.waiting(c, here.channel, limit, besides=later))

    async def _find_sent(self, here: Here) -> None:
        """What an earlier attempt, or a process that is gone, may have said already."""
        rows = await self._database.read(lambda c: outgoing.waiting(c, here.channel, _LOOKED_FOR))
        posts = [row.post for row in rows if row.reference is None and row.post and row.post.only_for is None]
        known = await here.platform.sent(here.reference, posts) if posts else {}
        if known:
            await self._database.write(lambda c: outgoing.mark_known(c, known))

    async def _say_batch(self, here: Here, rows: list[Outgoing]) -> None:
        """What was said is marked, however the batch ends; it ends early when there may be something more urgent."""
        marks: list[dict[str, Any]] = []
        rung = self._bell.rung
        try:
            for number, row in enumerate(rows):
                if rung != self._bell.rung and row.post and row.post.urgency > Urgency.ANSWER:
                    return
                if not await self._lease.held() or not here.course.sure:
                    return  # another may have said what comes next
                try:
                    marks += await self._say(here, row)
                except (StoreUnavailable, NoAccess):
                    raise
                except Exception as error:
                    marks += await self._pass(here, row, rows[number + 1 :], error)
                    return
        finally:
            if marks:
                await self._database.write(lambda c: outgoing.mark_sent(c, marks))

    async def _say(self, here: Here, row: Outgoing) -> list[dict[str, Any]]:
        """Say or change one message; what is to be marked."""
        post, known = row.post, row.reference
        if post is None:
            return [_mark(row, row.key)]
        await self._opening.mentioned(here.platform, here.channel, post)
        try:
            if known is None:
                known = await here.platform.post(here.reference, post)
            else:
                await here.platform.edit(here.reference, known, post)
        except Unfinished as half:
            log.warning("outbox: #%s: %s is said; the rest comes later: %s", here.channel, post.key, half)
            said = {post.key: half.reference}
            await self._database.write(lambda c: outgoing.mark_known(c, said))
            await self._put_off_rest(here, row.id, post, half)
            return []
        except Undeliverable as refused:
            log.warning("outbox: #%s: %s cannot be delivered: %s", here.channel, post.key, refused)
            await self._teller.tell(here.channel, post, str(refused))
            here.course.delivered(row.id)
            return [_mark(row, known, failed=str(refused))]
        here.course.delivered(row.id)
        return [_mark(row, known)]

    async def _put_off_rest(self, here: Here, row: int, post: Post, half: Unfinished) -> None:
        """What belongs to a message comes later; where it does not, its channel hears so."""
        now = self._now()
        lasts = here.course.unfinished(row, now).is_lasting(now)
        if lasts and not isinstance(half.__cause__, NoAccess):
            what, why = f"Something of a message is missing: {cut(post.card.title, 100)}", cut(str(half), 200)
            await self._teller.there(here.channel, what, _TRIED_ON.format(why=why), key=f"{post.key}:rest")

    async def _pass(
        self, here: Here, row: Outgoing, after: Sequence[Outgoing], error: Exception
    ) -> list[dict[str, Any]]:
        """A message failed, and holds up its channel, unless it has for long and the platform takes one after it.

        Raises the error while it does; else what is to be marked of the others.
        """
        course, now = here.course, self._now()
        failing = course.failed(row.id, now)
        if row.id in course.rest:
            log.warning("outbox: #%s: %s goes on failing: %s", here.channel, row.key, error)
            course.set_aside(row.id, now)
            return []
        marks = await self._one_of(here, after) if failing.is_lasting(now) else None
        if marks is None or row.post is None:
            raise error
        log.error("outbox: #%s: %s is set aside: %s: %s", here.channel, row.key, type(error).__name__, error)
        course.set_aside(row.id, self._now())
        await self._teller.tell(here.channel, row.post, _SET_ASIDE.format(why=cut(str(error), 200)))
        return marks

    async def _one_of(self, here: Here, rows: Sequence[Outgoing]) -> list[dict[str, Any]] | None:
        """The first of some messages that the platform takes; None: it takes none of them, so it is itself ill."""
        for row in rows:
            try:
                return await self._say(here, row)
            except StoreUnavailable:
                raise
            except Exception as error:
                log.info("outbox: #%s: %s fails as well: %s", here.channel, row.key, error)
                here.course.failed(row.id, self._now())
        return None

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _mark(row: Outgoing, reference: str | None, *, failed: str | None = None) -> dict[str, Any]:
    return {"b_id": row.id, "b_delivered": row.change, "reference": reference, "failed": failed}
