"""Anchors the audit's head regularly, and looks whether what was anchored before is still there."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from bot.anchoring.checking import Anchorage, flaw
from bot.anchoring.signing import Anchor, AnchorError, Signer
from bot.sending.undelivered import Undelivered
from bot.store.audit import Head, digests, verify, verify_after
from bot.store.errors import StoreUnavailable
from bot.store.replicas import lease
from bot.store.transaction import Store
from bot.supervised import repeated
from commands.cards import Card, Code, Tone, card, rich
from commands.ports import Clock

log = logging.getLogger(__name__)

_WHO_SEES_TO_IT = rich(
    "Keep a copy of the database, then find out who had access to it: ", Code(text="tocsin audit verify")
)
_WHOLE_EVERY = timedelta(days=1)
#: With fewer entries than these, nobody wonders that there is no anchor yet.
_YOUNG = 100


def _begins(name: str, head: Head) -> Card:
    return card(
        "The audit is anchored from now on",
        f"{name} had no anchor, and the audit has {head.sequence:,} entries. If there were anchors before, somebody "
        "took them away.",
        tone=Tone.WARNING,
    )


@dataclass(frozen=True)
class _Seen:
    """The audit's head, and what is wrong with it."""

    head: Head
    why: str = ""


class Anchoring:
    """One process does it at a time (a lease)."""

    def __init__(self, store: Store, anchorage: Anchorage, teller: Undelivered, clock: Clock, *, every: float) -> None:
        self._store = store
        self._anchorage = anchorage
        self._teller = teller
        self._clock = clock
        self._every = every
        self._last: Anchor | None = None
        self._looked: datetime | None = None

    async def run(self) -> None:
        """Until cancelled. A place that does not answer is asked again at the next turn, and told once a day."""
        await repeated("anchoring", self._try, lambda: self._clock.sleep(self._every))

    async def _try(self) -> None:
        try:
            await self.once()
        except AnchorError as error:
            log.warning("the audit is not anchored: %s", error)
            await self._tell(card("The audit is not anchored", str(error), tone=Tone.WARNING), again="daily")

    async def once(self) -> None:
        """One look and one anchor, if it is this process that anchors, and if there is anything new."""
        if not await self._store.database.write(lambda c: lease(c, "anchor", self._store.owner, 2 * self._every)):
            return
        newest = await asyncio.to_thread(self._anchorage.place.newest)
        key = await asyncio.to_thread(lambda: self._anchorage.signer(make=newest is None))
        seen = await self._store.database.read(lambda c: self._look(c, newest, key))
        why = seen.why or await self._whole()
        if why:
            await self._alarm(why)
        elif newest is None or seen.head.sequence > newest.sequence:
            await self._anchor(seen.head, newest, key)
        else:
            self._last = newest

    async def _anchor(self, head: Head, newest: Anchor | None, key: Signer) -> None:
        if not head.sequence:
            return
        anchor = key.anchor(head.sequence, head.digest, self._clock.now(), newest)
        if not await asyncio.to_thread(self._anchorage.place.add, anchor):
            return
        if newest is None and head.sequence > _YOUNG:
            await self._tell(_begins(self._anchorage.place.name, head), again="never")
        self._last = anchor

    def _look(self, connection: sa.Connection, newest: Anchor | None, key: Signer) -> _Seen:
        """From the newest anchor on: what is older is looked at once a day."""
        report, head = verify_after(connection, newest.sequence if newest else 0, newest.digest if newest else None)
        if self._last is not None and (newest is None or newest.sequence < self._last.sequence):
            return _Seen(head, f"Anchors were taken away from {self._anchorage.place.name}.")
        found = newest and flaw([newest], digests(connection, [newest.sequence]), key.made)
        if found:
            return _Seen(head, f"Entry {found[0]}: {found[1]}.")
        return _Seen(head, f"Entry {report.broken_at}: {report.why}." if report.broken_at is not None else "")

    async def _whole(self) -> str:
        """At the start and once a day: the whole chain, against all anchors. What is wrong; empty where nothing is."""
        now = self._clock.now()
        if self._looked is not None and now - self._looked < _WHOLE_EVERY:
            return ""
        look = await asyncio.to_thread(self._anchorage.look)
        report = await self._store.database.read(lambda c: look(c, verify(c)))
        self._looked = now
        return f"Entry {report.broken_at}: {report.why}." if report.broken_at is not None else ""

    async def _alarm(self, why: str) -> None:
        log.error("the audit was changed: %s", why)
        await self._tell(card("The audit was changed", why, _WHO_SEES_TO_IT, tone=Tone.CRITICAL), again="never")

    async def _tell(self, shown: Card, *, again: str) -> None:
        words = "\n".join((shown.title, *(str(one) for one in shown.paragraphs)))
        day = f"{self._clock.now():%Y-%m-%d}" if again == "daily" else ""
        key = hashlib.sha256((shown.title if day else words).encode()).hexdigest()[:16]
        try:
            await self._teller.at_home(f"anchor:{key}:{day}", shown)
        except StoreUnavailable as gone:
            log.warning("nobody could be told: %s", gone)
