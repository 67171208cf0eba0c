"""Does what other systems are yet to be told. Each errand stands in the record, and is tried until it is done.

A try is claimed by compare-and-swap before anything is sent, so of two processes one sends. One that is killed leaves
the claim to run out; a runner looks first, or sends a key, so that a second try does nothing twice. Each integration
goes at its own pace, so one that hangs holds up no other. Whatever goes wrong here, the incident goes on: people see
it by `/tocsin integrations`, and can tick it off once it was done by hand.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from bot.store.errors import StoreUnavailable
from bot.store.transaction import SqlTransaction, Store
from bot.supervised import looked
from commands.context import Services
from commands.domain.errand import Errand, ErrandState, Integration
from commands.errors import Refusal
from commands.ports import Overloaded, Rejected
from commands.presentation.integrations import tell_end, tell_trouble

log = logging.getLogger(__name__)

#: How long a try may take; one that was claimed and never ended is free again after it.
_A_TRY_SECONDS = 60.0
_FIRST, _LONGEST = timedelta(seconds=5), timedelta(minutes=10)
#: People are told of an integration that does not answer once it has failed so often.
_TOLD_AFTER = 3

#: What a runner wants written down in the transaction that settles its errand.
Settle = Callable[[SqlTransaction], None]


class Runner(Protocol):
    """Tells one integration."""

    async def run(self, errand: Errand) -> Settle | None:
        """Do it, or find that it is done: it may be asked again. What is to be recorded of it, if anything.

        Raises:
            Rejected: refused with certainty, and not tried again by itself. Overloaded: not now.
            Unavailable, OutcomeUnknown, TimeoutError: no clear answer; it is tried again.
        """


Runners = Mapping[Integration, Runner]


class IntegrationSettings(BaseModel):
    """Whether what other systems are yet to be told is done, and how often that is looked at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    every_seconds: float = Field(default=2, gt=0)


class Errands:
    """Looks at what is to be done: the integrations beside each other, what belongs to one incident in its order."""

    def __init__(self, store: Store, services: Services, runners: Runners, *, every: float) -> None:
        self._store = store
        self._services = services
        self._runners = runners
        self._every = every
        self._busy: dict[Integration, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._look()
                await self._services.clock.sleep(self._every)
        finally:
            for one in self._busy.values():
                one.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def once(self) -> None:
        """Everything that may be tried now, until nothing is left."""
        tried: set[tuple[int, int]] = set()
        while due := [one for one in await self._due() if (one.id, one.tries) not in tried]:
            tried |= {(one.id, one.tries) for one in due}
            await asyncio.gather(*self._lanes(due).values())

    async def _look(self) -> None:
        """Whoever is at leisure begins with what is due."""
        try:
            due = await self._due()
        except StoreUnavailable as gone:
            log.warning("integrations: %s", gone)
            return
        self._busy = {to: task for to, task in self._busy.items() if not task.done()}
        for to, lane in self._lanes([one for one in due if one.to not in self._busy]).items():
            self._busy[to] = asyncio.create_task(looked(to.label, lane))

    async def _due(self) -> list[Errand]:
        """The oldest of each lane for each integration: nothing overtakes another."""
        pending = await self._store.look(lambda tx: tx.errands.open(refused=False))
        first: dict[tuple[Integration, str], Errand] = {}
        for one in pending:
            first.setdefault((one.to, one.lane), one)
        now = self._services.clock.now()
        return [one for one in first.values() if one.next_at <= now and one.to in self._runners]

    def _lanes(self, due: list[Errand]) -> dict[Integration, Coroutine[Any, Any, None]]:
        return {to: self._lane([one for one in due if one.to == to]) for to in {one.to for one in due}}

    async def _lane(self, due: list[Errand]) -> None:
        for one in due:
            await self._one(one)

    async def _one(self, errand: Errand) -> None:
        until = self._services.clock.now() + timedelta(seconds=_A_TRY_SECONDS)
        if not await self._store.transact(f"claim:{errand.id}", lambda tx: tx.errands.claim(errand, until=until)):
            return
        state, words, next_at, settle = await self._try(errand)

        def settled(tx: SqlTransaction) -> None:
            if settle:
                settle(tx)
            self._settle(errand, state, words, next_at, tx)

        await self._store.transact(f"errand:{errand.id}:{errand.tries + 1}", settled)

    async def _try(self, errand: Errand) -> tuple[ErrandState, str, datetime | None, Settle | None]:
        now = self._services.clock.now
        try:
            async with asyncio.timeout(_A_TRY_SECONDS / 2):
                return ErrandState.DONE, "", None, await self._runners[errand.to].run(errand)
        except Rejected as refused:
            return ErrandState.REFUSED, str(refused), None, None
        except Overloaded as busy:
            return ErrandState.PENDING, busy.message, now() + busy.after, None
        except Refusal as gone:
            return ErrandState.PENDING, gone.message, now() + _pause(errand.tries), None
        except TimeoutError:
            return ErrandState.PENDING, "It took too long to answer.", now() + _pause(errand.tries), None
        except Exception as error:
            log.exception("%s", errand.to.label)
            words = f"Something went wrong in Tocsin ({type(error).__name__}; its log says more)."
            return ErrandState.PENDING, words, now() + _pause(errand.tries), None

    def _settle(
        self, errand: Errand, state: ErrandState, words: str, next_at: datetime | None, tx: SqlTransaction
    ) -> None:
        tried = errand.model_copy(update={"tries": errand.tries + 1})
        if not tx.errands.settle(tried, state, words=words, next_at=next_at):
            return
        if state is ErrandState.DONE and errand.tries:
            tell_end(errand, tx, "It is up to date now.")
        if state is ErrandState.REFUSED or (words and errand.tries + 1 == _TOLD_AFTER):
            tell_trouble(errand, words, tx, refused=state is ErrandState.REFUSED)


def _pause(tries: int) -> timedelta:
    return min(_FIRST * (1 << min(tries, 10)), _LONGEST)
