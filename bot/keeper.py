"""Keeps this process's place among the replicas, and takes over the work of those that are gone."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from datetime import timedelta

import sqlalchemy as sa

from bot.engine.durable import Durable
from bot.pipeline import Pipeline
from bot.store import replicas
from bot.store.database import Database
from bot.store.inbox import Adopted
from bot.store.transaction import SqlTransaction, Store
from bot.supervised import repeated
from commands.ports import Clock

log = logging.getLogger(__name__)

BEAT_SECONDS, SILENT_SECONDS = 2.0, 10.0
_COLLECT_EVERY = timedelta(hours=1)


def beat(database: Database, executor: str) -> None:
    """Say that this process lives. The first beat comes before any work."""
    database.write_now(lambda c: replicas.beat(c, executor, f"{socket.gethostname()}:{os.getpid()}"))


class Keeper:
    """A loop of beats; after each, a look for the dead (durable.md, pitfall 3)."""

    def __init__(self, store: Store, durable: Durable, pipeline: Pipeline, clock: Clock, *, keep: timedelta) -> None:
        self._store = store
        self._durable = durable
        self._pipeline = pipeline
        self._clock = clock
        self._keep = keep
        self._collected = clock.now()

    async def run(self) -> None:
        """Until cancelled. Not by the injected clock: replicas are judged by the database's."""
        await repeated("keeper", self.once, lambda: asyncio.sleep(BEAT_SECONDS))

    async def once(self) -> None:
        """Beat, take over, and now and then tidy up."""
        me = self._store.owner
        await self._store.database.write(lambda c: replicas.beat(c, me, f"{socket.gethostname()}:{os.getpid()}"))
        dead = await self._store.database.read(self._silent)
        if dead:
            log.warning("taking over the work of %s", ", ".join(dead))
            await self._store.database.read(lambda _: self._durable.recover(dead))
        await self._pipeline.resume(await self._adopt(dead))
        await self._collect()

    def _silent(self, connection: sa.Connection) -> list[str]:
        alone = self._store.database.is_sqlite
        return replicas.silent(connection, silent_for=SILENT_SECONDS, besides=self._store.owner, everyone=alone)

    async def _adopt(self, dead: list[str]) -> list[Adopted]:
        """The unanswered deliveries of the dead, and our own that the store could not finish."""
        running = self._pipeline.running()

        def adopt(tx: SqlTransaction) -> list[Adopted]:
            replicas.forget(tx.connection, dead)
            return tx.inbox.adopt([*dead, self._store.owner], besides=running)

        if not dead and not await self._store.look(lambda tx: tx.inbox.waiting(self._store.owner, besides=running)):
            return []
        return await self._store.transact("adopt", adopt)

    async def _collect(self) -> None:
        if self._clock.now() - self._collected > _COLLECT_EVERY:
            self._collected = self._clock.now()
            await self._store.database.read(lambda _: self._durable.collect(self._keep))
