"""The console in a real browser, on fakes: completion, live updates, a phone's width, dark colours, faults."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from bot.delivery import Receipt
from commands.cards import Button, Card
from tests.console.scene import INCIDENT, busy_night
from tests.console.serving import Stage
from tests.console.vocabulary import vocabulary

pytestmark = pytest.mark.browser


@pytest.fixture
def stage() -> Stage:
    """A busy night, with a few commands to complete."""
    return Stage(record=busy_night(), registry=vocabulary())


@pytest.fixture
def address(stage: Stage) -> Iterator[str]:
    with stage.served() as where:
        yield where


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    one = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light")
    yield one
    one.close()


@pytest.fixture
def page(context: BrowserContext, address: str) -> Iterator[Page]:
    """The incident's channel, live; the page may not have logged any error by the end."""
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
    opened.goto(f"{address}/c/{INCIDENT}")
    expect(opened.get_by_test_id("connection")).to_have_attribute("data-state", "live")
    yield opened
    assert faults == []


def test_completion_by_keyboard(page: Page, stage: Stage) -> None:
    box = page.get_by_test_id("composer-text")
    box.press_sequentially("/incident de")
    options = page.get_by_test_id("composer").get_by_role("option")
    expect(options.first).to_contain_text("/incident declare")
    assert box.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
    box.press("Tab")
    expect(box).to_have_value("/incident declare ")
    expect(page.get_by_test_id("composer").get_by_test_id("usage")).to_contain_text("<severity>")
    box.press_sequentially("sev1 Down @b")
    expect(options).to_have_count(1)
    box.press("Enter")
    expect(box).to_have_value("/incident declare sev1 Down @ben ")
    box.press("Enter")
    expect(box).to_have_value("")
    assert [one.text for one in stage.intake.taken] == ["/incident declare sev1 Down @ben"]  # type: ignore[union-attr]
    box.press("ArrowUp")
    expect(box).to_have_value("/incident declare sev1 Down @ben ")


def test_the_arrows_choose_and_escape_leaves(page: Page) -> None:
    box = page.get_by_test_id("composer-text")
    box.press_sequentially("/inc")
    options = page.get_by_test_id("composer").get_by_role("option")
    expect(options.nth(0)).to_have_attribute("aria-selected", "true")
    box.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    box.press("ArrowUp")
    box.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    box.press("Escape")
    expect(page.get_by_test_id("composer").get_by_test_id("completion")).to_be_hidden()
    expect(box).to_have_value("/inc")


def test_messages_cards_and_marks_arrive_by_themselves(page: Page, stage: Stage) -> None:
    stage.record.put(INCIDENT, "It is the pool.", author="ben")
    stage.record.put("incidents", "And here too", author="ben")
    stage.hub.wake()
    expect(page.get_by_test_id("log").get_by_test_id("message").last).to_contain_text("It is the pool.")
    expect(page.locator('[data-channel="incidents"] [data-testid="unread"]')).to_contain_text("2")
    expect(page.locator(f'nav [data-channel="{INCIDENT}"] [data-testid="unread"]')).to_have_count(0)
    stage.record.put(INCIDENT, Card(title="Scaled gateway from 3 to 5"), key="plan")
    stage.hub.wake()
    expect(page.locator('[data-key="plan"]')).to_contain_text("Scaled gateway")
    expect(page.locator('[data-key="plan"] button[data-token]')).to_have_count(0)
    expect(page).to_have_title(re.compile(r"^\(\d+\) #incident"))


def test_a_message_is_sent_once_and_kept_when_it_cannot_be(page: Page, stage: Stage) -> None:
    stage.record.trouble = "The disk is full; free some space."
    box = page.get_by_test_id("composer-text")
    box.fill("Do not lose this")
    box.press("Enter")
    expect(page.get_by_test_id("composer").get_by_test_id("send-error")).to_contain_text("The disk is full")
    expect(box).to_have_value("Do not lose this")
    expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "trouble")
    stage.record.trouble = ""
    expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live")
    box.press("Enter")
    expect(box).to_have_value("")
    expect(page.get_by_test_id("log").get_by_test_id("message").filter(has_text="Do not lose this")).to_have_count(1)


def test_a_click_is_made_once_and_answers_a_refusal(page: Page, stage: Stage) -> None:
    confirm = page.get_by_role("button", name="Confirm")
    stage.intake.trouble = "locked"
    confirm.click()
    expect(page.locator('[data-key="plan"] .click-answer')).to_contain_text("locked")
    stage.intake.trouble = ""
    confirm.click()
    expect(confirm).to_be_disabled()
    expect(page.get_by_role("button", name="Cancel")).to_be_disabled()
    expect(confirm).not_to_have_attribute("aria-busy", "true")
    assert [one.token for one in stage.intake.taken] == ["t-confirm"]  # type: ignore[union-attr]
    buttons = (Button(label="Try again", action="a", subject="s", token="t-again"),)
    stage.record.put(INCIDENT, Card(title="Scale gateway?", buttons=buttons), key="plan")
    stage.hub.wake()
    stage.intake.receipt = Receipt(accepted=False)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("button", name="Try again")).to_be_enabled()


def test_a_thread_beside_the_log(page: Page, stage: Stage) -> None:
    page.get_by_test_id("replies").locator("visible=true").click()
    panel = page.get_by_test_id("thread")
    expect(panel.get_by_test_id("message")).to_have_count(3)
    panel.get_by_test_id("thread-composer-text").fill("Agreed")
    panel.get_by_test_id("thread-composer-text").press("Enter")
    expect(panel.get_by_test_id("message").last).to_contain_text("Agreed")
    expect(page.get_by_test_id("log").get_by_test_id("replies").locator("visible=true")).to_have_text("3 replies")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.get_by_test_id("log").get_by_text("Agreed")).to_have_count(0)


def test_the_clocks_run(page: Page, stage: Stage) -> None:
    clock = page.get_by_test_id("clock")
    expect(clock).to_have_text(re.compile(r"^47:\d\d$"))
    before = clock.inner_text()
    expect(clock).not_to_have_text(before)
    expect(page.get_by_test_id("due")).to_have_class(re.compile("is-soon"))
    expect(page.get_by_test_id("due")).to_contain_text("in 2:")


def test_somebody_who_reads_further_up_stays_there(page: Page, stage: Stage) -> None:
    page.get_by_test_id("log").evaluate("log => { log.scrollTop = 0; }")
    expect(page.get_by_test_id("newest")).to_be_visible()
    stage.record.put(INCIDENT, "news", author="ben")
    stage.hub.wake()
    expect(page.get_by_test_id("newest")).to_have_text("1 new")
    assert page.get_by_test_id("log").evaluate("log => log.scrollTop") < 50
    page.get_by_test_id("newest").click()
    expect(page.get_by_test_id("newest")).to_be_hidden()
    expect(page.get_by_test_id("log").get_by_test_id("message").last).to_be_in_viewport()


def test_an_answer_elsewhere_is_opened(page: Page, stage: Stage) -> None:
    stage.intake.receipt = Receipt(accepted=True, channel="operations")
    box = page.get_by_test_id("composer-text")
    box.fill("/incident list")
    box.press("Enter")
    page.wait_for_url("**/c/operations")


def test_being_somebody_else(page: Page) -> None:
    page.get_by_test_id("whoami").locator("summary").click()
    page.get_by_test_id("be-ben").click()
    expect(page.get_by_test_id("me").first).to_have_text("Ben Okafor")
    expect(page).to_have_url(re.compile(INCIDENT))
    expect(page.get_by_text("Newest errors")).to_have_count(0)


def test_the_page_resumes_after_the_server_was_away(context: BrowserContext, stage: Stage) -> None:
    page = context.new_page()
    with stage.served() as address:
        page.goto(f"{address}/c/{INCIDENT}")
        expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live")
    expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "lost")
    box = page.get_by_test_id("composer-text")
    box.fill("Typed while it was away")
    box.press("Enter")
    expect(page.get_by_test_id("composer").get_by_test_id("send-error")).to_contain_text("cannot be reached")
    stage.record.put(INCIDENT, "said while away", author="ben")
    with stage.served(int(address.rpartition(":")[2])):
        expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live", timeout=20_000)
        expect(page.get_by_test_id("log").get_by_test_id("message").last).to_contain_text("said while away")
        box.press("Enter")
        expect(page.get_by_test_id("log").get_by_test_id("message").last).to_contain_text("Typed while it was away")


def test_dark_by_system_and_by_choice(page: Page, context: BrowserContext) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(ground)
    assert light != dark
    page.get_by_test_id("theme").click()
    assert page.evaluate(ground) == light
    page.reload()
    assert page.evaluate(ground) == light, "the choice is kept"
    page.get_by_test_id("theme").click()
    page.emulate_media(color_scheme="light")
    assert page.evaluate(ground) == dark


@pytest.mark.parametrize("path", [f"/c/{INCIDENT}", "/c/operations", f"/postmortems/{INCIDENT}"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_widens_the_page(browser: Browser, address: str, path: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 700}, has_touch=width < 500)
    page = context.new_page()
    page.goto(address + path)
    expect(page.locator("#content")).to_be_visible()
    widest = "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"
    assert page.evaluate(widest) <= width
    if width < 500:
        expect(page.get_by_test_id("side")).to_be_hidden()
        page.get_by_test_id("open-side").click()
        expect(page.get_by_test_id("side")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_test_id("side")).to_be_hidden()
        assert page.evaluate(widest) <= width
    context.close()


def test_the_page_can_be_read_without_a_script(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/c/operations")
    expect(page.get_by_text("Deploy of gateway 4.2 is through")).to_be_visible()
    page.get_by_test_id("whoami").locator("summary").click()
    page.get_by_test_id("be-ben").click()
    expect(page.get_by_test_id("me").first).to_have_text("Ben Okafor")
    context.close()
