"""Measures the gateway all the time: readings are kept for the postmortem, and a breach can open an incident."""

from __future__ import annotations

import logging
from collections import deque
from datetime import timedelta

from bot.delivery import Intake, TextDelivery
from bot.settings import WatchSettings
from bot.store.errors import StoreUnavailable
from bot.store.replicas import lease
from bot.store.transaction import SqlTransaction, Store
from commands.context import Services
from commands.domain.incident import Measured
from commands.domain.sli import Reading
from commands.people import SYSTEM
from commands.reading import WINDOW

log = logging.getLogger(__name__)

_PRUNE_EVERY = timedelta(hours=1)


class Watch:
    """One process watches at a time (a lease); the streak of bad readings is judged from the store."""

    def __init__(self, store: Store, services: Services, intake: Intake, settings: WatchSettings) -> None:
        self._store = store
        self._services = services
        self._intake = intake
        self._settings = settings
        self._recent: deque[Reading] = deque(maxlen=settings.readings)
        self._was_bad = False
        self._pruned = services.clock.now()

    async def run(self) -> None:
        """Until cancelled. Nothing that goes wrong with measuring stops the bot."""
        while True:
            try:
                await self._once()
            except StoreUnavailable as gone:
                log.warning("watch: %s", gone)
            except Exception:
                log.exception("watch: a reading failed")
            await self._services.clock.sleep(self._settings.every_seconds)

    async def _once(self) -> None:
        seconds = self._settings.every_seconds * 3
        if not await self._store.database.write(lambda c: lease(c, "watch", self._store.owner, seconds)):
            self._recent.clear()
            return
        reading = await self._services.telemetry.reading(self._services.default_service, window=WINDOW)
        reading = reading.model_copy(update={"at": self._services.clock.now()})
        self._recent.append(reading)
        await self._store.transact(f"watch:{reading.at.isoformat()}", lambda tx: self._keep(tx, reading))
        await self._judge(reading)

    def _keep(self, tx: SqlTransaction, reading: Reading) -> None:
        tx.samples.add(self._services.default_service, reading)
        if tx.now - self._pruned > _PRUNE_EVERY:
            self._pruned = tx.now
            tx.samples.prune(tx.now - timedelta(days=self._settings.keep_days))

    async def _judge(self, reading: Reading) -> None:
        """A turn for the worse or the better, once it has lasted."""
        objectives, full = self._services.objectives, len(self._recent) == self._recent.maxlen
        if full and not self._was_bad and all(map(objectives.breached, self._recent)):
            self._was_bad = True
            await self._turned_bad(reading)
        elif full and self._was_bad and all(map(objectives.met, self._recent)):
            self._was_bad = False
            await self._tell(f"recovered: {reading.words()}")

    async def _turned_bad(self, reading: Reading) -> None:
        if await self._tell(f"outside the objectives: {reading.words()}") or not self._settings.declare:
            return
        severity = self._settings.severity or self._services.scheme.worst.id
        text = f"/incident declare {severity} {self._services.default_service}: {reading.words()}"
        key = f"watch-{self._services.default_service}-{reading.at:%Y%m%dT%H%M%S}"
        platform = self._settings.platform
        channel = self._services.standing(self._services.announce_in, platform)
        await self._intake.command(
            TextDelivery(platform=platform, id=key, person=SYSTEM.id, channel=channel, text=text)
        )

    async def _tell(self, words: str) -> bool:
        """Put it on the timeline of the service's open incidents; whether there are any."""

        def record(tx: SqlTransaction) -> bool:
            open_ones = tx.incidents.recent(open_only=True, limit=50)
            mine = [one for one in open_ones if one.service == self._services.default_service]
            for incident in mine:
                tx.incidents.record(incident.id, Measured(text=words), actor=SYSTEM.id)
            return bool(mine)

        return await self._store.transact(f"watch:{words}:{self._services.clock.now().isoformat()}", record)
