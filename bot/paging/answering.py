"""Answers that come back from the pager: by its webhook, and by asking it, where that was lost or is not set up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from bot.paging.pager import Answered, Pager
from bot.store.replicas import lease
from bot.store.transaction import SqlTransaction, Store
from bot.supervised import repeated
from commands.context import Services
from commands.domain.page import page_of
from commands.errors import NotFound, Refusal
from commands.paging import answer, waiting_keys
from commands.ports import Rejected

log = logging.getLogger(__name__)
_A_LOOK_SECONDS = 30.0
_LATE = 3


class Answers:
    """Takes answers: each page is answered once, whoever tells of it how often."""

    def __init__(self, store: Store, services: Services) -> None:
        self._store = store
        self._services = services

    async def take(self, answers: Sequence[Answered]) -> None:
        """Raises StoreUnavailable; what is no page of ours, or was answered, changes nothing."""
        for one in answers:
            await self._store.transact(f"answered:{one.key}:{one.email or one.name}", partial(self._take, one))

    def _take(self, one: Answered, tx: SqlTransaction) -> None:
        try:
            page = tx.pages.get(page_of(one.key))
        except NotFound:
            return
        if page.state.waits:
            person = self._who(one)
            answer(page, person, self._services, tx, name="" if person else one.name or one.email or "Somebody")

    def _who(self, one: Answered) -> str:
        """Our id of them; two who are called alike are nobody."""
        people = list(self._services.directory)
        address, name = one.email.casefold(), one.name.casefold()
        found = [person.id for person in people if address and person.email.casefold() == address]
        found = found or [person.id for person in people if name and person.name.casefold() == name]
        return found[0] if len(found) == 1 else ""


class Asking:
    """Asks the pager every so often who answered, while somebody is waited for."""

    def __init__(self, store: Store, services: Services, pager: Pager, *, every: float) -> None:
        self._store = store
        self._services = services
        self._pager = pager
        self._every = every
        self._answers = Answers(store, services)
        self._quiet_until = services.clock.now()

    async def run(self) -> None:
        """Until cancelled."""
        await repeated(self._pager.name, self.once, lambda: self._services.clock.sleep(self._every))

    async def once(self) -> None:
        """One look, if it is this process that looks and the pager is to be asked."""
        now = self._services.clock.now()
        keys = await self._store.look(lambda tx: waiting_keys(self._pager.name, tx))
        if not keys or now < self._quiet_until:
            return
        seconds = self._every * _LATE + _A_LOOK_SECONDS
        if not await self._store.database.write(lambda c: lease(c, "pager", self._store.owner, seconds)):
            return
        try:
            async with asyncio.timeout(_A_LOOK_SECONDS):
                found = await self._pager.answered(keys)
        except (Rejected, Refusal, TimeoutError) as gone:
            log.warning("%s does not say who answered: %s", self._pager.name, gone)
            self._quiet_until = now + getattr(gone, "after", timedelta())
            return
        await self._answers.take(found)
