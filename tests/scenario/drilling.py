"""A stage for drills: a gateway that can be broken on purpose, and what does the errands when a test says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.errands import Errands
from bot.store import schema
from commands.domain.drill import Fault
from commands.domain.incident import Incident
from commands.errors import Unavailable
from tests.fakes import FakeClock, FakeGateway
from tests.scenario.stage import Stage, Still
from tests.world import settings_for, world


class Breakable(FakeGateway):
    """A gateway into which faults can be injected; each ends by its own clock, whoever else is gone."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.faults: dict[str, tuple[Fault, datetime]] = {}
        self.injected: list[str] = []

    async def inject(self, fault: Fault, *, drill: str, actor: str, lasts: timedelta) -> None:
        self._answers()
        if drill not in self.faults:
            self.injected.append(f"{drill} by {actor}")
            self.faults[drill] = fault, self.clock.now() + lasts

    async def mend(self, *, drill: str) -> None:
        self._answers()
        self.faults.pop(drill, None)

    def _answers(self) -> None:
        if self.down:
            raise Unavailable("The admin API of gateway does not answer (ConnectError).")

    @property
    def broken(self) -> list[str]:
        """How requests are broken now."""
        return [fault.words() for fault, until in self.faults.values() if until > self.clock.now()]


@dataclass
class Ground:
    """The stage, the gateway, and the errands."""

    stage: Stage
    gateway: Breakable
    errands: Errands

    async def works(self, **later: float) -> str:
        """Time passes, and what is owed is done; what people read of it."""
        self.stage.later(**later)
        await self.errands.once()
        return await self.stage.news()

    async def starts(self, line: str = "/drill start slow-backend --for 10m", *, by: str = "ana") -> Incident:
        """A drill that goes on, its fault injected; all that was said of it is read."""
        await self.stage.types(by, "general", line)
        await self.stage.presses(by, "general", "Start the drill")
        await self.works()
        return await self.newest()

    async def newest(self) -> Incident:
        store = self.stage.world.app.store
        return (await store.look(lambda tx: tx.incidents.recent(open_only=False, limit=1)))[0]

    async def told(self) -> set[str]:
        """The kinds of systems that were ever to be told anything."""
        kinds = sa.select(schema.errands.c.kind).distinct()
        return set(await self.stage.world.app.store.look(lambda tx: tx.connection.execute(kinds).scalars().all()))


@asynccontextmanager
async def ground(url: str, gateway: Breakable | None = None, **settings: Any) -> AsyncIterator[Ground]:
    """The bot on a gateway that can be broken."""
    clock = gateway.clock if gateway else Still()
    breakable = gateway or Breakable(clock)
    async with world(settings_for(url, **settings), clock=clock, gateway=breakable) as running:
        app = running.app
        yield Ground(Stage(running), breakable, Errands(app.store, app.services, app.runners, every=2))
