"""Delivers what was said to its platform, after the commit, in the order of each channel.

The messages table holds what each message is to be; `delivered` is the change that the platform has. So a
message that changed five times while the platform was slow is edited once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from bot.store import schema
from bot.store.database import Database
from bot.store.errors import StoreUnavailable
from bot.store.replicas import lease
from commands.cards import Card
from commands.ports import ChatPlatform

log = logging.getLogger(__name__)

_BATCH, _LEASE_SECONDS, _IDLE_SECONDS = 200, 15.0, 2.0
#: Between two batches: what comes in the meantime is sent, and marked, together.
_PAUSE_SECONDS = 0.05
_messages, _channels = schema.messages, schema.channels


class Outbox:
    """One process at a time sends: it holds a lease, and another takes over when it is gone."""

    def __init__(self, database: Database, platforms: Mapping[str, ChatPlatform], *, owner: str) -> None:
        self._database = database
        self._platforms = platforms
        self._owner = owner
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._leased_until = 0.0

    def wake(self) -> None:
        """There may be something to send; from any thread."""
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self) -> None:
        """Until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            try:
                if not await self._send_all():
                    await self._idle()
                await asyncio.sleep(_PAUSE_SECONDS)
            except StoreUnavailable as gone:
                log.warning("outbox: %s", gone)
                await asyncio.sleep(_IDLE_SECONDS)
            except Exception:
                log.exception("outbox: what was to be sent is kept")
                await asyncio.sleep(_IDLE_SECONDS)

    async def _idle(self) -> None:
        try:
            async with asyncio.timeout(_IDLE_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _send_all(self) -> bool:
        """Whether there was something to send."""
        waiting = await self._database.read(_waiting)
        if not waiting:
            return False
        if not await self._may_send():
            await asyncio.sleep(_IDLE_SECONDS)
            return False
        sent: list[dict[str, Any]] = []
        blocked: set[str] = set()
        for row in waiting:
            if row.channel not in blocked and not await self._send(row, sent):
                blocked.add(row.channel)
        if sent:
            await self._database.write(lambda c: _mark_sent(c, sent))
        return bool(sent) and len(waiting) == _BATCH

    async def _may_send(self) -> bool:
        """Hold the lease; it is renewed when half of it is over."""
        now = time.monotonic()
        if now < self._leased_until - _LEASE_SECONDS / 2:
            return True
        mine = await self._database.write(lambda c: lease(c, "outbox", self._owner, _LEASE_SECONDS))
        self._leased_until = now + _LEASE_SECONDS if mine else 0.0
        return mine

    async def _send(self, row: sa.Row[Any], sent: list[dict[str, Any]]) -> bool:
        platform = self._platforms.get(row.platform)
        if platform is None or row.card is None:
            sent.append({"b_id": row.id, "delivered": row.change, "reference": row.key})
            return True
        try:
            reference = await self._deliver(platform, row)
        except Exception as error:
            log.warning("outbox: %s did not take %s, it is kept: %s", row.platform, row.key, error)
            return False
        sent.append({"b_id": row.id, "delivered": row.change, "reference": reference})
        return True

    async def _deliver(self, platform: ChatPlatform, row: sa.Row[Any]) -> str:
        channel = row.channel_reference or await self._open(platform, row)
        shown = Card.model_validate_json(row.card)
        if row.reference is None:
            return await platform.post(channel, shown, key=row.key, only_for=row.only_for)
        await platform.edit(channel, row.reference, shown, key=row.key, only_for=row.only_for)
        return str(row.reference)

    async def _open(self, platform: ChatPlatform, row: sa.Row[Any]) -> str:
        reference = await platform.open_channel(
            row.channel, private=row.private, topic=row.topic, members=json.loads(row.members)
        )
        await self._database.write(
            lambda c: c.execute(_channels.update().where(_channels.c.name == row.channel).values(reference=reference))
        )
        return reference


def _waiting(connection: sa.Connection) -> list[sa.Row[Any]]:
    channel = (
        _channels.c.platform,
        _channels.c.private,
        _channels.c.topic,
        _channels.c.members,
        _channels.c.reference.label("channel_reference"),
    )
    query = (
        sa.select(_messages, *channel)
        .join(_channels, _channels.c.name == _messages.c.channel)
        .where(_messages.c.delivered < _messages.c.change)
        .order_by(_messages.c.id)
        .limit(_BATCH)
    )
    return list(connection.execute(query))


def _mark_sent(connection: sa.Connection, sent: list[dict[str, Any]]) -> None:
    """What was delivered, unless the message changed again meanwhile (then it stays behind, and is edited)."""
    update = _messages.update().where(_messages.c.id == sa.bindparam("b_id"))
    connection.execute(update.values(delivered=sa.bindparam("delivered"), reference=sa.bindparam("reference")), sent)
