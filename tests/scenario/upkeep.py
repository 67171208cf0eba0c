"""The stage of planned work: the clocks, the public page of our own, and one page outside."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx

from bot.adapters.statuspage import connect
from bot.clocks import Clocks
from bot.errands import Errands
from tests.scenario.stage import Stage, Still, golden
from tests.simulators.statuspage.simulator import Page, StatuspageSimulator
from tests.world import settings_for, world

#: What plans the window of most tests.
LINE = '/maintenance plan "Database upgrade" from 2026-03-03T22:00 to 23:30 --service gateway'

PAGE = {
    "components": [{"id": "api", "name": "API", "service": "gateway"}],
    "blocked": ["hydra"],
    "pages": [
        {"name": "main", "page_id": "aaa", "api_key": "key", "url": "https://p.test", "components": {"api": "c1"}}
    ],
}


def in_both(card: str, *, new: bool = False, hint: str = "", done: str = "") -> str:
    """What is read of a window where all planned work is listed, and in its channel.

    There the card has this hint as well, and the question that it answers says what was done.
    """
    title, _, about = golden(card).partition("\n")
    listed = "[#incidents, all]" if new else "[#incidents, all, edited]"
    question = ["[#general, all, edited]", "Maintenance: Database upgrade", f"  {done}"] if done else []
    hints = [f"  {line}" for line in hint.splitlines()]
    return "\n".join([listed, title, about, *question, "[#general, all]", title, *hints, about])


@dataclass
class Works:
    """The stage, its clocks, the public page, and one page outside."""

    stage: Stage
    public: httpx.AsyncClient
    outside: StatuspageSimulator
    errands: Errands

    async def looks(self, **later: float) -> str:
        """Time passes, the clocks are looked at, twice, and pages outside are told; what is said."""
        self.stage.later(**later)
        for _ in range(2):
            await Clocks(self.stage.world.app.store, self.stage.world.app.services, every=5).once()
        await self.errands.once()
        return await self.stage.news()

    async def page(self) -> str:
        return (await self.public.get("/status")).text

    async def page_in(self, **later: float) -> str:
        """What the public reads after a while."""
        await self.looks(**later)
        return await self.page()

    async def asks(self, text: str) -> str:
        """What somebody alone reads."""
        said = await self.stage.asks("ben", "general", text)
        await self.stage.news()
        return said

    @property
    def there(self) -> list[tuple[str, list[str], dict[str, str]]]:
        """What the page outside shows: status, what it said, components."""
        page = self.outside.pages["aaa"]
        bodies = [[one["body"] for one in incident["incident_updates"]] for incident in page.incidents]
        return [(one["status"], said, page.components) for one, said in zip(page.incidents, bodies, strict=True)]


@contextlib.asynccontextmanager
async def working(sqlite_url: str) -> AsyncIterator[Works]:
    """Everything connected, on SQLite."""
    clock = Still()
    settings = settings_for(sqlite_url, status_page=PAGE, integrations={"enabled": False})
    outside = StatuspageSimulator(clock.now)
    outside.pages = {"aaa": Page("key", {"c1": "operational"})}
    pages = connect(settings.status_page.pages, clock, transport=outside)
    async with world(settings, clock=clock, pages=pages) as running:
        app = running.app
        transport = httpx.ASGITransport(app=app.console)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8700") as public:
            yield Works(Stage(running), public, outside, Errands(app.store, app.services, app.runners, every=2))
        for one in pages.values():
            await one.close()  # type: ignore[attr-defined]  # those of the adapter hold connections
