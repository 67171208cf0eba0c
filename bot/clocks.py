"""Looks at the clocks of incidents all the time, and tells people what is due (`commands.reminding`)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from bot.store.errors import StoreUnavailable
from bot.store.replicas import lease
from bot.store.transaction import SqlTransaction, Store
from bot.supervised import repeated
from commands import paging
from commands.context import Services
from commands.domain.page import Page
from commands.errors import Conflict
from commands.maintaining import attend, due
from commands.reminding import KEPT, remind, tell_ask, with_news

log = logging.getLogger(__name__)
#: One process at a time has the lease; whoever is silent for so many looks loses it.
_LATE = 3
_PRUNE_EVERY = timedelta(hours=1)


class Clocks:
    """What is due follows from the record, so a look that was missed is made up for by the next."""

    def __init__(self, store: Store, services: Services, *, every: float) -> None:
        self._store = store
        self._services = services
        self._every = every
        self._pruned = services.clock.now()

    async def run(self) -> None:
        """Until cancelled."""
        await repeated("clocks", self.once, lambda: self._services.clock.sleep(self._every))

    async def once(self) -> None:
        """One look, if it is this process that looks."""
        seconds = self._every * _LATE
        if not await self._store.database.write(lambda c: lease(c, "clocks", self._store.owner, seconds)):
            return
        incidents, asked, pages, windows = await self._store.look(self._news)
        for one in incidents:
            await self._one(one, partial(remind, one, self._services))
        for one in asked:
            await self._one(one, partial(tell_ask, one))
        for page in pages:
            what = f"{page.id}:{page.version}"  # each step has events of its own
            await self._one(what, partial(paging.look_after, page.id, self._services))
        for one in windows:
            await self._one(one, partial(attend, one, self._services))
        await self._prune()

    def _news(self, tx: SqlTransaction) -> tuple[list[str], list[str], list[Page], list[str]]:
        asked = [one.id for one in tx.reminders.asks(due=tx.now)]
        return with_news(self._services, tx), asked, paging.news(tx), due(tx)

    async def _one(self, what: str, work: Callable[[SqlTransaction], None]) -> None:
        """A transaction each: what is wrong with one holds up no other."""
        try:
            await self._store.transact(f"{what}:clocks", work)
        except StoreUnavailable:
            raise
        except Conflict as conflict:
            log.info("clocks: %s: %s", what, conflict)
        except Exception:
            log.exception("clocks: %s: nobody was told", what)

    async def _prune(self) -> None:
        now = self._services.clock.now()
        if now - self._pruned > _PRUNE_EVERY:
            self._pruned = now
            await self._store.transact("clocks:prune", lambda tx: tx.reminders.prune(now - KEPT))
