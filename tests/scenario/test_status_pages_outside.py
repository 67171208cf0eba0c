"""Pages outside: each has every update once, whatever happens on the way; what is behind is seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import httpx
import pytest
from pydantic import SecretStr

from bot.adapters.statuspage import connect
from bot.errands import Errands
from bot.public.settings import PageSettings
from bot.settings import Settings
from bot.store.transaction import SqlTransaction
from commands.domain.errand import Errand
from commands.domain.public import PublicState, PublicStatus, PublicUpdate
from commands.publishing import page_called
from tests.scenario.stage import Stage, Still, golden, transcript
from tests.simulators.statuspage.simulator import Page, StatuspageSimulator
from tests.world import settings_for, world

KEY = "key-of-the-page"
SECTION = {
    "components": [{"id": "api", "name": "API", "service": "gateway"}, {"id": "login", "name": "Login"}],
    "pages": [
        {
            "name": "main",
            "page_id": "aaa",
            "api_key": KEY,
            "url": "https://pages.test",
            "components": {"api": "c1", "login": "c2"},
        },
        {"name": "partners", "page_id": "bbb", "api_key": "another-key", "url": "https://pages.test"},
    ],
}


@dataclass
class Outside:
    """The stage, two pages, and what brings them up to date when a test says so."""

    stage: Stage
    pages: StatuspageSimulator
    errands: Errands
    channel: str = ""
    ids: list[str] = field(default_factory=list)

    async def posts(self, text: str, status: str = "identified") -> None:
        """The commander publishes an update; the pages outside do not know it yet."""
        if not self.channel:
            self.channel = (await self.stage.declares()).channel
            await self.stage.quietly("ben", self.channel, "/incident role claim ic")
        await self.stage.quietly("ben", self.channel, f"/status post {status} {text}")
        await self.stage.presses("ben", self.channel, "Publish")
        updates = await self.stage.world.app.store.look(lambda tx: tx.public.of_incident(self.channel))
        self.ids = [one.id for one in updates]

    async def looks(self, **later: float) -> str:
        """Time passes, and what is due is sent; what people read of it."""
        self.stage.later(**later)
        await self.errands.once()
        return await self.stage.news()

    def read(self, page: str = "aaa") -> list[list[str]]:
        return self.pages.pages[page].bodies()

    async def has(self, page: str, text: str) -> None:
        """A page shows this, sooner or later."""

        async def shown() -> bool:
            return any(text in bodies for bodies in self.read(page))

        await self.stage.world.until(shown)

    async def integrations(self) -> str:
        return await self.stage.asks("ana", "general", "/tocsin integrations")


@pytest.fixture
async def outside(sqlite_url: str) -> AsyncIterator[Outside]:
    clock = Still()
    settings: Settings = settings_for(sqlite_url, status_page=SECTION)
    pages = StatuspageSimulator(clock.now)
    pages.pages = {"aaa": Page(KEY, {"c1": "operational", "c2": "operational"}), "bbb": Page("another-key", {})}
    found = connect(settings.status_page.pages, clock, transport=pages)
    async with world(settings, clock=clock, pages=found) as running:
        app = running.app
        yield Outside(Stage(running), pages, Errands(app.store, app.services, app.runners, every=2))
        for one in found.values():
            await one.close()  # type: ignore[attr-defined]  # those of the adapter hold connections


async def test_each_page_has_every_update_of_an_incident(outside: Outside) -> None:
    await outside.posts("Some logins fail.", "investigating")
    await outside.posts("The cause is known.")
    await outside.looks()
    await outside.posts("All is well.", "resolved")
    await outside.looks()
    story = [["All is well.", "The cause is known.", "Some logins fail."]]
    assert outside.read("aaa") == outside.read("bbb") == story
    assert outside.pages.pages["aaa"].components["c1"] == "operational"
    incident = outside.pages.pages["aaa"].incidents[0]
    assert (incident["name"], incident["status"]) == ("API issues", "resolved")


async def test_a_correction_and_a_retraction_reach_the_pages(outside: Outside) -> None:
    await outside.posts("Some logins fail.", "investigating")
    await outside.posts("The cause is known.")
    await outside.looks()
    assert outside.pages.pages["aaa"].components["c1"] == "major_outage"
    await outside.stage.quietly("ben", outside.channel, f"/status edit {outside.ids[0]} Most logins fail.")
    await outside.stage.presses("ben", outside.channel, "Publish")
    await outside.stage.quietly("ben", outside.channel, f"/status retract {outside.ids[1]} wrong")
    await outside.looks()
    assert outside.read() == [["This update was withdrawn.", "Most logins fail."]]
    await outside.stage.quietly("ben", outside.channel, f"/status retract {outside.ids[0]} wrong too")
    await outside.looks()
    assert outside.read() == [], "an incident of which nothing stands is not there any more"
    assert outside.pages.pages["aaa"].components["c1"] == "operational", "nor what it said of components"


async def test_a_component_that_a_later_update_does_not_name_is_well_again(outside: Outside) -> None:
    await outside.posts("Logins fail. --components login")
    await outside.looks()
    assert outside.pages.pages["aaa"].components == {"c1": "operational", "c2": "major_outage"}
    await outside.posts("All is well.", "resolved")
    await outside.looks()
    assert outside.pages.pages["aaa"].components == {"c1": "operational", "c2": "operational"}


async def test_what_was_taken_back_before_it_was_sent_is_never_sent(outside: Outside) -> None:
    await outside.posts("About another service.")
    await outside.stage.quietly("ben", outside.channel, f"/status retract {outside.ids[0]} another service")
    await outside.looks()
    assert outside.read() == []
    assert "POST /v1/pages/aaa/incidents" not in outside.pages.seen


async def test_an_update_whose_answer_was_lost_is_not_published_twice(outside: Outside) -> None:
    await outside.posts("Some logins fail.", "investigating")
    outside.pages.lose_answers = 2  # one for each page
    await outside.looks()
    assert outside.read() == [["Some logins fail."]]
    await outside.looks(minutes=1)
    await outside.posts("The cause is known.")
    outside.pages.lose_answers = 2
    await outside.looks()
    await outside.looks(minutes=1)
    assert outside.read("aaa") == outside.read("bbb") == [["The cause is known.", "Some logins fail."]]
    assert "status page main: up to date" in await outside.integrations()


async def test_a_try_that_was_killed_is_made_again(outside: Outside) -> None:
    await outside.posts("Some logins fail.")
    store, now = outside.stage.world.app.store, outside.stage.world.clock.now()
    await outside.integrations()
    orders = await store.look(lambda tx: tx.errands.open())
    until = now + timedelta(minutes=1)
    for one in orders:  # a process claims both tries, and is gone
        claims = [await store.transact(f"{one.id}:{n}", partial(_claims, one, until)) for n in range(2)]
        assert claims == [True, False], "of two that try, one does"
    again = await outside.stage.presses("ana", "general", "Try again: status page main")
    assert "It is being tried right now." in again
    await outside.looks(seconds=30)
    assert outside.read() == []
    await outside.looks(seconds=31)
    assert outside.read("aaa") == outside.read("bbb") == [["Some logins fail."]]


async def test_a_pause_without_end_is_cut_short(outside: Outside) -> None:
    outside.pages.before = lambda _: httpx.Response(429, headers={"Retry-After": "9" * 40})
    await outside.posts("Some logins fail.")
    await outside.looks()
    outside.pages.before = None
    await outside.looks(minutes=14)
    assert outside.pages.seen == []
    await outside.looks(minutes=1)
    assert outside.read("aaa") == outside.read("bbb") == [["Some logins fail."]]


@pytest.mark.parametrize("status", [420, 429])
async def test_a_page_that_asks_for_a_pause_has_it(outside: Outside, status: int) -> None:
    outside.pages.before = lambda _: httpx.Response(status, headers={"Retry-After": "120"})
    await outside.posts("Some logins fail.")
    await outside.looks()
    outside.pages.before = None
    await outside.looks(seconds=110)
    assert outside.pages.seen == []
    await outside.looks(seconds=20)
    assert outside.read("aaa") == outside.read("bbb") == [["Some logins fail."]]


@pytest.mark.parametrize("nonsense", [b"<html>", b"{}", b'[{"metadata": 7}, 5]', b""])
async def test_nonsense_holds_up_nobody(outside: Outside, nonsense: bytes) -> None:
    await outside.posts("Some logins fail.")
    outside.pages.before = lambda request: httpx.Response(200, content=nonsense) if request.method == "GET" else None
    await outside.looks()
    await outside.stage.quietly("ben", outside.channel, "/incident resolve rolled back")
    outside.pages.before = None
    await outside.looks(minutes=1)
    assert outside.read() == [["Some logins fail."]]


@transcript("/tocsin integrations")
async def test_what_a_page_is_yet_to_be_told_is_seen_and_ticked_off(outside: Outside) -> None:
    def down(request: httpx.Request) -> httpx.Response | None:
        if "/aaa/" in request.url.path:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(422, json={"error": ["Name is taken"]}) if request.method == "POST" else None

    assert await outside.integrations() == golden("""
        Integrations
          status page (built in): up to date
          status page main: up to date
          status page partners: up to date
        """)
    outside.pages.before = down
    await outside.posts("Some logins fail.")
    assert await outside.looks() == golden("""
        [#incident-20260301-001, all]
        Status page partners is behind
          Publish pub-…: status 422: Name is taken
          It is not tried again by itself. If it cannot wait, do it there by hand. More: /tocsin integrations
          [Try again] [Done by hand]
        """)
    await outside.looks(minutes=1)
    assert await outside.looks(minutes=1) == golden("""
        [#incident-20260301-001, all]
        Status page main is behind
          Publish pub-…: The page does not answer (ConnectError).
          It is tried again until it is there. If it cannot wait, do it there by hand. More: /tocsin integrations
          [Try again] [Done by hand]
        """)
    assert await outside.integrations() == golden("""
        Integrations
          status page (built in): up to date
          status page main: 1 update behind since 12:00 UTC (tried again). The page does not answer (ConnectError). Next try: 12:02 UTC.
          status page partners: 1 update behind since 12:00 UTC (refused). status 422: Name is taken
          [Try again: status page main] [Done by hand: status page main] [Try again: status page partners] [Done by hand: status page partners]
        """)  # noqa: E501
    outside.pages.before = None
    await outside.stage.news()
    partners = await outside.stage.world.message("errand:2:behind")
    await outside.stage.clicks("ben", partners, "Done by hand")
    assert await outside.stage.news() == golden("""
        [#incident-20260301-001, all, edited]
        Status page partners was behind
          Done by hand, says @Ben Okafor.
        [#incident-20260301-001, only ben]
        status page partners: publish pub-…
          Ticked off: done by hand.
        """)
    assert await outside.looks(minutes=10) == golden("""
        [#incident-20260301-001, all, edited]
        Status page main was behind
          It is up to date now.
        """)
    assert outside.read("bbb") == [], "what was refused is not tried again by itself"


class Hanging:
    """An integration that takes a request and never answers."""

    async def run(self, errand: Errand) -> None:
        await asyncio.Event().wait()


async def test_one_that_hangs_holds_up_no_other(outside: Outside) -> None:
    await outside.posts("Some logins fail.")
    app = outside.stage.world.app
    running = Errands(app.store, app.services, {**app.runners, page_called("main"): Hanging()}, every=2)
    task = asyncio.create_task(running.run())
    await outside.has("bbb", "Some logins fail.")
    await outside.posts("The cause is known.")
    await outside.has("bbb", "The cause is known.")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert outside.read("aaa") == []


async def test_pages_with_the_same_key_are_asked_once_a_second() -> None:
    clock = Still()
    pages = StatuspageSimulator(clock.now)
    pages.pages = {"aaa": Page(KEY, {}), "bbb": Page(KEY, {})}
    settings = [PageSettings(name=one, page_id=one, api_key=SecretStr(KEY)) for one in ("aaa", "bbb")]
    found, began = connect(settings, clock, transport=pages), clock.now()
    updates = [_update(number, clock.now()) for number in range(20)]
    for one in updates:
        await asyncio.gather(*(page.show(one, all_of_it=updates, states={}) for page in found.values()))
    assert [len(one) for page in ("aaa", "bbb") for one in pages.pages[page].bodies()] == [20, 20]
    assert (clock.now() - began).total_seconds() >= len(pages.seen) - 1


def _claims(errand: Errand, until: datetime, tx: SqlTransaction) -> bool:
    return tx.errands.claim(errand, until=until)


def _update(number: int, at: datetime) -> PublicUpdate:
    return PublicUpdate(
        id=f"pub-{number}", incident="incident-20260301-001", title="API issues", status=PublicStatus.IDENTIFIED,
        text=f"Update {number}.", state=PublicState.PUBLISHED, written_by="ana", written_at=at, published_at=at,
    )  # fmt: skip
