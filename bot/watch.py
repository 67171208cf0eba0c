"""Measures the gateway all the time: readings are kept for the postmortem, and a breach can open an incident."""

from __future__ import annotations

import logging
from datetime import timedelta

from bot.delivery import OwnIntake, Receipt, TextDelivery
from bot.sections import WatchSettings
from bot.store import channels, watched
from bot.store.replicas import lease
from bot.store.transaction import SqlTransaction, Store
from bot.store.watched import Standing
from bot.supervised import repeated
from commands.cards import Code, Tone, card, rich
from commands.context import Services
from commands.domain.incident import Incident, Measured
from commands.domain.severity import Severity
from commands.domain.sli import Reading
from commands.drilling import breaking
from commands.people import SYSTEM
from commands.ports import Urgency
from commands.reading import WINDOW

log = logging.getLogger(__name__)

_PRUNE_EVERY = timedelta(hours=1)
#: Readings further apart than so many times their distance are not in a row.
_LATE = 3


class Watch:
    """One process watches at a time (a lease). What it knows is in the store, so another goes on where it was.

    A reading is kept and judged in one transaction, together with the readings before it and with what people were
    told last. An incident that is to be opened is owed from then on, until the pipeline has answered.
    """

    def __init__(self, store: Store, services: Services, intake: OwnIntake, settings: WatchSettings) -> None:
        self._store = store
        self._services = services
        self._service = services.default_service
        self._intake = intake
        self._settings = settings
        self._pruned = services.clock.now()

    async def run(self) -> None:
        """Until cancelled. Nothing that goes wrong with measuring stops the bot."""
        await repeated("watch", self.once, lambda: self._services.clock.sleep(self._settings.every_seconds))

    async def once(self) -> None:
        """One reading, if it is this process that watches."""
        seconds = self._settings.every_seconds * _LATE
        if not await self._store.database.write(lambda c: lease(c, "watch", self._store.owner, seconds)):
            return
        reading = await self._services.telemetry.reading(self._service, window=WINDOW)
        reading = reading.model_copy(update={"at": self._services.clock.now()})
        now = await self._store.transact(f"watch:{reading.at.isoformat()}", lambda tx: self._keep(tx, reading))
        if now.owed:
            await self._declare(now)

    def _keep(self, tx: SqlTransaction, reading: Reading) -> Standing:
        drill = breaking(self._service, tx) is not None
        tx.samples.add(self._service, reading.model_copy(update={"drill": drill}))
        if tx.now - self._pruned > _PRUNE_EVERY:
            self._pruned = tx.now
            tx.samples.prune(tx.now - timedelta(days=self._settings.keep_days))
        return watched.standing(tx.connection, self._service) if drill else self._judge(tx, reading)

    def _judge(self, tx: SqlTransaction, reading: Reading) -> Standing:
        """A turn for the worse or the better, once it has lasted. Of several levels in a row the mildest has lasted."""
        wanted, scheme, objectives = self._settings.readings, self._services.scheme, self._services.objectives
        since = reading.at - timedelta(seconds=self._settings.every_seconds * _LATE * wanted)
        recent = [one for one in tx.samples.newest(self._service, since=since, limit=wanted) if not one.drill]
        was = watched.standing(tx.connection, self._service)
        if len(recent) < wanted:
            return was
        levels = [level for one in recent if (level := scheme.judged(one, objectives))]
        if was.bad and not levels and all(one.up and one.requests for one in recent):
            return self._turn(tx, reading, None, was)
        lasting = max(levels, key=lambda level: level.rank) if len(levels) == wanted else None
        if lasting and (not was.bad or lasting.rank < scheme.get(was.severity).rank):
            return self._turn(tx, reading, lasting, was)
        return was

    def _turn(self, tx: SqlTransaction, reading: Reading, level: Severity | None, was: Standing) -> Standing:
        """To this level; None: all is well again."""
        open_ones = [one for one in tx.incidents.recent(open_only=True, limit=50) if self._is_of_it(one)]
        wanted = self._settings.declare and level and not open_ones
        owed = f"watch-{self._service}-{reading.at:%Y%m%dT%H%M%S}" if wanted else ""
        now = Standing(bool(level), level.id if level else "", owed, reading.words())
        if not watched.turn(tx.connection, self._service, now):
            return watched.standing(tx.connection, self._service)
        log.warning("watch: %s: %s", f"as in {level.id}" if level else "recovered", reading.words())
        for incident in open_ones:
            if not was.bad or level is None or self._is_milder(incident, level):
                self._tell(tx, incident, reading, level)
        return now

    def _is_of_it(self, incident: Incident) -> bool:
        return incident.service == self._service and incident.drill is None

    def _is_milder(self, incident: Incident, level: Severity) -> bool:
        return self._services.scheme.get(incident.severity).rank > level.rank

    def _tell(self, tx: SqlTransaction, incident: Incident, reading: Reading, level: Severity | None) -> None:
        """On the timeline, and to those who work on it; an answer that somebody waits for goes first."""
        words = f"{'outside the objectives' if level else 'recovered'}: {reading.words()}"
        tx.incidents.record(incident.id, Measured(text=words), actor=SYSTEM.id)
        title = "Outside the objectives" if level else "Within the objectives again"
        shown = card(title, reading.words(), tone=Tone.WARNING if level else Tone.GOOD)
        if level and self._is_milder(incident, level):
            raising = Code(text=f"/incident severity {level.id} {reading.words()}")
            of_level = rich(f"That is {level.id}: {level.criteria}. If so: ", raising)
            shown = card(f"The figures are those of {level.id}", reading.words(), of_level, tone=Tone.WARNING)
        key = f"{incident.id}:watch:{reading.at.isoformat()}"
        tx.messages.post(incident.channel, shown, key=key, urgency=Urgency.LATER)

    async def _declare(self, now: Standing) -> None:
        """Hand in what is owed, as often as it takes: the same id again is the same incident."""
        severity = self._settings.severity or self._level(now)
        platform = await self._platform()
        channel = self._services.standing(self._services.announce_in, platform)
        text = f"/incident declare {severity} {self._service}: {now.words}"
        delivery = TextDelivery(platform, now.owed, SYSTEM.id, channel, text)
        receipt = await self._intake.by_itself(delivery)
        if not receipt.accepted or (receipt.duplicate and receipt.reply_key):
            await self._store.transact(f"{now.owed}:settled", lambda tx: self._settle(tx, now, receipt))

    def _level(self, now: Standing) -> str:
        return now.severity or self._services.scheme.worst.id

    async def _platform(self) -> str:
        """With its workspace, where the settings name none and there is only one."""
        named, announce_in = self._settings.platform, self._services.announce_in
        found = await self._store.database.read(lambda c: channels.platforms_with(c, announce_in, named))
        return found[0] if len(found) == 1 else named

    def _settle(self, tx: SqlTransaction, now: Standing, receipt: Receipt) -> None:
        """Answered. A refusal is told to everybody: there is nobody else to tell."""
        if not watched.settle(tx.connection, self._service, now.owed) or receipt.accepted:
            return
        log.error("watch: no incident could be opened for %s: %s", self._service, now.words)
        shown = card(
            f"{self._service} is outside its objectives, and I could not open an incident",
            now.words,
            f"Why: {tx.messages.title(receipt.reply_key)}",
            f"Open one: /incident declare {self._level(now)} {self._service}: {now.words}",
            tone=Tone.CRITICAL,
        )
        tx.messages.post(self._services.announce_in, shown, key=f"{now.owed}:refused", urgency=Urgency.ANSWER)
