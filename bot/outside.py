"""The outside: the adapters that the settings choose, and other systems that are told; let go of at the end."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.adapters import Adapter
from bot.adapters import discover as discover_adapters
from bot.adapters.clock import SystemClock
from bot.adapters.statuspage import connect as status_pages
from bot.paging.connecting import pager_of
from bot.paging.pager import Pager
from bot.settings import Settings, SettingsError
from bot.world.connecting import World, the_world
from commands.ports import Clock, Deployments, Logs, OnCall, StatusPage, Telemetry


@dataclass(frozen=True)
class Outside:
    """The adapters of the outside; tests pass their own."""

    deployments: Deployments
    telemetry: Telemetry
    logs: Logs
    on_call: OnCall
    clock: Clock
    pages: Mapping[str, StatusPage] = field(default_factory=dict)
    pager: Pager | None = None
    world: World = field(default_factory=World)


@contextlib.asynccontextmanager
async def outside(settings: Settings) -> AsyncIterator[Outside]:
    """The adapters that the settings choose. Raises SettingsError for a name that no adapter has."""
    known = discover_adapters()
    made: dict[Adapter, Any] = {}
    chosen: dict[str, Any] = {}
    for port, name in settings.adapters.model_dump().items():
        adapter = known.get((port, name))
        if adapter is None:
            allowed = ", ".join(sorted(one for other, one in known if other == port))
            raise SettingsError(f"adapters.{port} = {name!r}: there is no such adapter. Allowed: {allowed}.")
        chosen[port] = made[adapter] = made.get(adapter) or adapter.build(settings)
    clock = SystemClock()
    pages, pager = status_pages(settings.status_page.pages, clock), pager_of(settings)
    told = the_world(settings, clock)
    try:
        yield Outside(clock=clock, pages=pages, pager=pager, world=told, **chosen)
    finally:
        for one in (*made.values(), *pages.values(), pager, told):
            if hasattr(one, "close"):
                await one.close()
