"""Tells the pager of a page, as an errand. While it does not take it, the channel has the phone list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from bot.errands import Runner, Settle
from bot.paging.pager import Pager, Ring
from bot.store.transaction import SqlTransaction, Store
from commands.context import Services
from commands.domain.errand import Errand, Integration
from commands.errors import Unavailable
from commands.paging import CALL, note_trouble, pager_called
from commands.ports import Overloaded, Rejected

_A_TRY_SECONDS = 25.0
#: A page is tried again sooner than a status page would be.
_FIRST, _LONGEST = timedelta(seconds=5), timedelta(seconds=60)


class Ringing:
    """See Runner. The pager knows each call by our key, so a second try rings nobody twice."""

    def __init__(self, store: Store, pager: Pager, services: Callable[[], Services]) -> None:
        self._store = store
        self._pager = pager
        self._services = services

    async def run(self, errand: Errand) -> Settle:
        """See Runner."""
        ring, do = Ring.model_validate(errand.body["ring"]), str(errand.body["do"])
        if do == CALL and not await self._store.look(lambda tx: tx.pages.get(errand.subject).state.waits):
            return partial(self._done, errand)  # somebody answered while the pager was down: nobody is rung for it now
        tell = {CALL: self._pager.call, "acknowledge": self._pager.acknowledge, "resolve": self._pager.resolve}[do]
        try:
            async with asyncio.timeout(_A_TRY_SECONDS):
                await tell(ring)
        except Rejected as refused:
            await self._trouble(errand, str(refused), again=False)
            raise
        except Overloaded as busy:
            await self._trouble(errand, busy.message)
            raise
        except (Unavailable, TimeoutError) as gone:
            words = gone.message if isinstance(gone, Unavailable) else "It took too long to answer."
            await self._trouble(errand, words)
            raise Overloaded(words, after=min(_FIRST * (1 << min(errand.tries, 10)), _LONGEST)) from None
        return partial(self._done, errand)

    async def _trouble(self, errand: Errand, words: str, *, again: bool = True) -> None:
        """At once: whoever waits for the pager calls by phone instead."""
        if errand.body["do"] != CALL:
            return
        cause = f"{errand.subject}:trouble:{errand.id}:{errand.tries}"

        def note(tx: SqlTransaction) -> None:
            note_trouble(errand.subject, words, self._services(), tx, again=again)

        await self._store.transact(cause, note)

    def _done(self, errand: Errand, tx: SqlTransaction) -> None:
        if errand.body["do"] == CALL:
            note_trouble(errand.subject, "", self._services(), tx)


def runners(store: Store, pager: Pager | None, services: Callable[[], Services]) -> dict[Integration, Runner]:
    """The one pager, if there is one."""
    return {pager_called(pager.name): Ringing(store, pager, services)} if pager else {}
