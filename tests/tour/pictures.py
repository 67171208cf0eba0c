"""The pictures of the tour: the console's page in a browser, and cards as Slack shows them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

from bot.platforms.console.server import ConsoleServer
from bot.platforms.slack.blocks import Names
from commands.cards import Card
from tests.architecture.reading import ROOT
from tests.slack.pictures import CHROMIUM, MissingError, blocks, bundle, prepare
from tests.tour.play import Tour

FOLDER = ROOT / "docs" / "images"
#: The part, how wide, light or dark.
_IN_SLACK = (("plan", 560, "light"), ("verified", 720, "light"), ("lease", 560, "dark"))

#: The renderer shows every message as of the beginning of 1970.
_CLOCK = """now => { for (const one of document.querySelectorAll("#root *"))
  if (!one.children.length && one.textContent === "00:00") one.textContent = now; }"""


@contextmanager
def _browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        raise MissingError("no Chromium on this machine")
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=CHROMIUM, args=["--headless", "--no-sandbox"])
        yield one
        one.close()


async def console(tour: Tour) -> None:
    """The incident's channel as Ana sees it now. Raises MissingError."""
    where: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    app, settings = tour.slack.world.app, tour.settings.model_copy(update={"port": 0})
    server = ConsoleServer(app.console, settings, app.hub, started=where.set_result)
    serving = asyncio.create_task(server.serve())
    try:
        await asyncio.to_thread(_console, tour, await where)
    finally:
        server.should_exit = True
        await serving


def _console(tour: Tour, address: str) -> None:
    with _browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 842}, color_scheme="light")
        page.goto(f"{address}/c/{tour.room}")
        expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live", timeout=60_000)
        expect(page.get_by_test_id("log").get_by_test_id("card").last).to_contain_text("verified", timeout=60_000)
        page.wait_for_load_state("load")
        page.get_by_test_id("log").evaluate("log => { log.scrollTop = log.scrollHeight; }")
        page.wait_for_timeout(500)
        page.screenshot(path=FOLDER / "tour-console.png")


async def cards(tour: Tour) -> None:
    """Cards in Slack. Raises MissingError."""
    await asyncio.to_thread(_cards, tour)


def _cards(tour: Tour) -> None:
    script, style = bundle()
    with _browser() as browser:
        for part, width, theme in _IN_SLACK:
            page = browser.new_page(viewport={"width": width, "height": 60}, device_scale_factor=1.5)
            prepare(page, script, style)
            at, card = tour.cards[part]
            page.evaluate(
                "([blocks, theme, data]) => window.show(blocks, theme, data)",
                [_shown(tour, card), theme, _workspace(tour)],
            )
            page.evaluate(_CLOCK, f"{at:%-I:%M %p}")
            page.wait_for_timeout(300)
            page.screenshot(path=FOLDER / f"tour-{part}.png", full_page=True)
            page.close()


def _shown(tour: Tour, card: Card) -> list[dict[str, object]]:
    known = tour.slack.world.names
    return blocks(card, Names(user=_mention, name=lambda one: known.get(one, one), channel=lambda _: None, address=""))


def _mention(person: str) -> str:
    return f"U0{person.upper()}"


def _workspace(tour: Tour) -> dict[str, object]:
    users = [{"id": _mention(one), "name": name} for one, name in tour.slack.world.names.items()]
    return {"users": users, "channels": []}
