"""The main job, as a new user does it in a browser: on the demo's real gateway, from declaration to postmortem."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = pytest.mark.browser
SLOW = 45_000  # ms; the machine may be busy with other tests


def say(page: Page, text: str) -> None:
    """Type a line and send it."""
    composer = page.get_by_role("combobox")
    composer.fill(text)
    composer.press("Escape")
    composer.press("Enter")
    expect(composer).to_have_value("", timeout=SLOW)


def card(page: Page, title: str | re.Pattern[str]) -> Locator:
    """The newest card with this title."""
    return page.get_by_test_id("log").get_by_test_id("card").filter(has_text=title).last


def become(page: Page, person: str) -> None:
    """Switch who I am."""
    page.get_by_test_id("me").first.click()
    page.get_by_test_id(f"be-{person}").click()
    page.wait_for_load_state()


@pytest.mark.long
def test_an_incident_from_declaration_to_postmortem(browser: Browser, demo: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(SLOW)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(demo)
    for act in (_declare, _roles, _scale, _hand_over, _resolve):
        act(page)
    assert faults == []
    page.close()


def _declare(page: Page) -> None:
    say(page, "/incident declare sev1 API answers 502")
    page.get_by_test_id("channels").get_by_role("link", name=re.compile("API answers 502")).click()
    expect(page.get_by_test_id("pinned")).to_contain_text("API answers 502")
    expect(page.get_by_test_id("pinned")).to_contain_text("SEV1")


def _roles(page: Page) -> None:
    page.get_by_test_id("pinned").get_by_role("button", name="Be incident commander").click()
    expect(page.get_by_test_id("pinned")).to_contain_text("Ana Ruiz", timeout=SLOW)
    say(page, "/incident role tech @ben")
    say(page, "/incident role comms @chloe")
    expect(page.get_by_test_id("pinned")).to_contain_text("Ben Okafor", timeout=SLOW)
    expect(page.get_by_test_id("pinned")).to_contain_text("Chloé Martin", timeout=SLOW)


def _scale(page: Page) -> None:
    say(page, "/gw scale 5")
    plan = card(page, "Scale gateway up from 3 to 5 workers")
    expect(plan).to_contain_text("Allowed", timeout=SLOW)
    plan.get_by_role("button", name="Confirm").click()
    expect(plan).to_contain_text("Done: Scale gateway up from 3 to 5 workers", timeout=2 * SLOW)
    expect(plan).to_contain_text("verified")
    say(page, "/gw pods")
    expect(card(page, "gateway: 5 of 5 workers ready").locator("tbody tr")).to_have_count(5, timeout=SLOW)


def _hand_over(page: Page) -> None:
    say(page, "/handover @dev")
    expect(card(page, "Handover:")).to_contain_text("Scale gateway up", timeout=SLOW)
    become(page, "dev")
    card(page, "Handover:").get_by_role("button", name="Accept").click()
    expect(page.get_by_test_id("pinned")).to_contain_text("Dev Patel", timeout=SLOW)


def _resolve(page: Page) -> None:
    say(page, "/incident note --as cause connection pool too small")
    say(page, "/incident resolve more workers, errors are gone")
    expect(page.get_by_test_id("pinned")).to_contain_text(re.compile("resolved", re.IGNORECASE), timeout=SLOW)
    card(page, "Postmortem of").get_by_role("link", name="Read the draft").click()
    expect(page.get_by_role("heading", name="Incident Post-Mortem: API answers 502")).to_be_visible(timeout=SLOW)
    for words in ("connection pool too small", "from 3 to 5 workers", "Dev Patel took over as incident commander"):
        expect(page.get_by_role("main")).to_contain_text(words)
