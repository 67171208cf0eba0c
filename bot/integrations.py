"""Other systems that are told of incidents: one runner each, for those that the settings name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bot.errands import Runners
from bot.exporting import publishing
from bot.exporting.settings import ConfluenceSettings
from bot.paging import ringing
from bot.paging.pager import Pager
from bot.public import showing
from bot.store.transaction import Store
from bot.world.connecting import World
from commands.context import Services
from commands.ports import StatusPage


def runners(
    store: Store,
    pages: Mapping[str, StatusPage],
    pager: Pager | None,
    world: World,
    services: Callable[[], Services],
    wiki: ConfluenceSettings,
    faults: Runners,
) -> Runners:
    """All of them; `/tocsin integrations` lists them in this order. `services` are there once all is put together."""
    return {
        **showing.runners(store, pages, services),
        **ringing.runners(store, pager, services),
        **world.runners(store),
        **faults,
        **publishing.runners(store, wiki, services),
    }
