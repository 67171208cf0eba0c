"""Brings a status page outside up to date with an update or a maintenance of the record, as an errand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from bot.errands import Runner
from bot.store.transaction import SqlTransaction, Store
from commands.context import Services
from commands.domain.errand import Errand, Integration
from commands.domain.maintenance import MARK, MaintenanceState, maintained
from commands.domain.public import Component, PublicUpdate, states, told
from commands.ports import StatusPage
from commands.publishing import LOOKS_BACK, page_called


class Showing:
    """See Runner. The page itself is looked at before it is changed, so nothing is published twice."""

    def __init__(self, store: Store, page: StatusPage, services: Callable[[], Services]) -> None:
        self._store = store
        self._page = page
        self._services = services

    async def run(self, errand: Errand) -> None:
        """See Runner."""
        now = await self._store.look(lambda tx: _states(self._services().publicity.components, tx))
        if errand.subject.startswith(MARK):
            window = await self._store.look(lambda tx: tx.maintenances.get(errand.subject))
            await self._page.show_maintenance(window, states=now)
            return
        update, whole = await self._store.look(lambda tx: _facts(errand, tx))
        await self._page.show(update, all_of_it=whole, states=now)


def runners(
    store: Store, pages: Mapping[str, StatusPage], services: Callable[[], Services]
) -> dict[Integration, Runner]:
    """One for each page, by its name in the settings."""
    return {page_called(name): Showing(store, page, services) for name, page in pages.items()}


def _facts(errand: Errand, tx: SqlTransaction) -> tuple[PublicUpdate, list[PublicUpdate]]:
    whole = [one for one in tx.public.of_incident(errand.incident) if one.published_at]
    return tx.public.get(errand.subject), whole


def _states(components: Iterable[Component], tx: SqlTransaction) -> dict[str, str]:
    """Of all incidents and all maintenance that go on: what is over says nothing of what is not."""
    now_open = [one for one in told(tx.public.published(since=tx.now - LOOKS_BACK)) if not one.is_over]
    running = [one for one in tx.maintenances.standing() if one.is_public and one.state is MaintenanceState.RUNNING]
    return maintained(states(now_open, components), running)
