"""Works alerts off from the store, in batches, in one process at a time; nothing is lost when it ends in between."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from bot.delivery import OwnIntake, Receipt, TextDelivery
from bot.store import alert_arrivals, channels
from bot.store.alerts import KEEP
from bot.store.replicas import lease
from bot.store.transaction import SqlTransaction, Store
from bot.supervised import repeated
from commands.alerts.taking import Desk, call_somebody, handed_in, is_due, look_after, revive, take
from commands.context import HOME
from commands.domain.alert import Group
from commands.handlers.common import if_it_answers
from commands.people import SYSTEM

T = TypeVar("T")

#: Alerts of one transaction: few, so that a command that comes meanwhile waits for a moment only.
_BATCH = 100
_LEASE_SECONDS, _LOOK_SECONDS, _GATHER_SECONDS = 10.0, 1.0, 0.05
_TIDY_EVERY = timedelta(minutes=10)


class AlertWork:
    """A loop. `wake` may be called from anywhere on the event loop."""

    def __init__(self, store: Store, desk: Desk, intake: OwnIntake, *, stale: timedelta) -> None:
        self._store = store
        self._intake = intake
        self._desk = desk
        self._stale = stale
        self._woken = asyncio.Event()
        self._tidied = datetime.min.replace(tzinfo=desk.services.clock.now().tzinfo)
        self._batches = 0
        self._revived = ""

    def wake(self) -> None:
        """Something arrived here."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. Nothing that goes wrong with alerts stops the bot."""
        await repeated("alerts", self.once, self._rest)

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):  # another replica may have stored something
                await self._woken.wait()
        await asyncio.sleep(_GATHER_SECONDS)  # what comes at once is worked off together
        self._woken.clear()

    async def once(self) -> None:
        """All that has come in, and what is due; if it is this process that does it."""
        if not await self._store.look(self._is_needed):
            return
        desk = replace(self._desk, platform=await self._platform())
        while await self._transact(lambda tx: self._work(tx, desk)):
            pass
        for group in await self._store.look(
            lambda tx: [one for one in tx.alerts.open_groups(look=True) if one.calling]
        ):
            await self._call(group)
        for group in await self._store.look(lambda tx: [one for one in tx.alerts.open_groups(look=True) if one.owed]):
            await self._run(group)

    async def _run(self, group: Group) -> None:
        """What the rule runs, line by line, as often as it takes: the same id again is the same command."""
        incident = await self._store.look(lambda tx: tx.incidents.get(group.incident))
        for line in group.owed:
            delivery = TextDelivery(
                incident.platform, f"{group.id}:run:{group.run.index(line)}", SYSTEM.id, incident.channel, line
            )
            receipt = await self._intake.by_itself(delivery)
            if not receipt.accepted or (receipt.duplicate and receipt.reply_key):  # else it is at work
                await self._transact(partial(_settle, group, line, receipt))

    async def _transact(self, work: Callable[[SqlTransaction], T]) -> T:
        self._batches += 1
        return await self._store.transact(f"alerts:{self._store.owner}:{self._batches}", work, later=True)

    def _is_needed(self, tx: SqlTransaction) -> bool:
        """A look costs little; a transaction that writes would cost the disk, each second, for nothing."""
        waits = alert_arrivals.waiting(tx.connection) or tx.alerts.ended_silences()
        if waits or tx.now - self._tidied >= _TIDY_EVERY:
            return True
        return any(one.calling or one.owed or is_due(one, tx, self._desk) for one in tx.alerts.open_groups(look=True))

    def _work(self, tx: SqlTransaction, desk: Desk) -> bool:
        """One batch; whether there may be more. The lease is part of it: of two replicas one works."""
        if not lease(tx.connection, "alerts", self._store.owner, _LEASE_SECONDS):
            return False
        positions, alerts = alert_arrivals.batch(tx.connection, most=_BATCH)
        if positions:
            take(alerts, tx, desk)
            alert_arrivals.finish(tx.connection, positions, tx.now)
        more = bool(positions) or self._revive(tx, desk)
        if tx.now - self._tidied >= _TIDY_EVERY:
            self._tidy(tx)
        look_after(tx, desk)
        return more

    def _revive(self, tx: SqlTransaction, desk: Desk) -> bool:
        """What still fires when a silence ends, some at a time; whether there is more. From the start after a crash."""
        ended = tx.alerts.ended_silences()
        if not ended:
            return False
        some = tx.alerts.loose(after=self._revived, limit=_BATCH)
        revive(some, ended, tx, desk)
        self._revived = some[-1].alert.key if len(some) == _BATCH else ""
        if not self._revived:
            tx.alerts.close_silences([one.id for one in ended])
        return bool(self._revived)

    def _tidy(self, tx: SqlTransaction) -> None:
        """Who sends no end of an alert has an end made for it; what is over is forgotten in time."""
        for group_id in tx.alerts.end_stale(tx.now - self._stale):
            tx.alerts.save(tx.alerts.group(group_id).model_copy(update={"dirty": True}))
        tx.alerts.forget(tx.now - KEEP)
        alert_arrivals.prune(tx.connection, tx.now - KEEP)
        self._tidied = tx.now

    async def _platform(self) -> str:
        """With its workspace, where the settings name none and there is only one; the console where there is none."""
        named, announce_in = self._desk.platform, self._desk.services.announce_in
        found = await self._store.database.read(lambda c: channels.platforms_with(c, announce_in, named))
        return found[0] if len(found) == 1 else HOME

    async def _call(self, group: Group) -> None:
        """On-call systems are asked outside of the transaction; without an answer the channel is asked alone."""
        services = self._desk.services
        on_duty = await if_it_answers(services.on_call.on_duty(group.service, at=services.clock.now()))
        await self._transact(lambda tx: call_somebody(group, list(on_duty or ()), tx, self._desk))


def _settle(group: Group, line: str, receipt: Receipt, tx: SqlTransaction) -> None:
    refused = "" if receipt.accepted else tx.messages.title(receipt.reply_key)
    handed_in(group, line, refused, tx)
