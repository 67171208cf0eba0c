"""The bot's real cards as they are read in Slack: whole, within the limits, and the next action before what is long."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from bot.platforms.slack.blocks import Shown, render
from commands.cards import Card
from tests.scenario.stage import golden, stable
from tests.simulators.slack.blocks.check import length_of_text, problems_of_blocks
from tests.simulators.slack.blocks.render import Renderer
from tests.slack.gallery import every_card, names

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("cards")]
READER = Renderer(lambda kind, one: {"U0ANA": "Ana Ruiz", "U0BEN": "Ben Okafor", "U0DEV": "Dev Patel"}.get(one, one))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cards() -> dict[str, Card]:
    """Everything that the bot says in the course of one incident."""
    return await every_card()


def message(card: Card) -> Shown:
    """As it is sent."""
    return render(card, names(), key="key")


def read(card: Card) -> str:
    """As it is read."""
    return stable("\n".join(READER.blocks(message(card).blocks)))


async def test_slack_takes_each_card_and_none_is_cut(cards: dict[str, Card]) -> None:
    assert len(cards) > 70
    for name, card in cards.items():
        sent = message(card)
        assert problems_of_blocks(sent.blocks) == [], name
        assert length_of_text(sent.blocks) < 9000, name
        assert sent.cut is (name == "too-much"), name
        assert sent.text.strip(), name


async def test_the_next_action_is_before_what_is_long(cards: dict[str, Card]) -> None:
    for name, card in cards.items():
        kinds: list[Any] = [block["type"] for block in message(card).blocks]
        if card.buttons and "table" in kinds:
            assert kinds.index("actions") < kinds.index("table"), name


async def test_an_incident(cards: dict[str, Card]) -> None:
    assert read(cards["incident-new"]) == golden("""
        ## 🚨 SEV1 · Checkout answers 502 for a third of all orders
        *Status* | *investigating*
        *Severity* | SEV1, critical
        *Roles* | nobody yet
        *Service* | gateway
        *Declared* | 2026-03-01 12:00 UTC
        *Next update due* | 12:15 UTC
        [Be incident commander] [Be technical lead] [Be communications lead]
        (incident-20260301-001)
    """)


async def test_a_plan(cards: dict[str, Card]) -> None:
    assert read(cards["plan-planned"]) == golden("""
        ## ⚠️ Scale gateway up from 3 to 10 workers?
        *Now* | 3 of 3 workers ready
        *Allowed* | 1 to 20 workers
        *Undo* | /gw undo puts back 3 workers
        *Afterwards* | Tocsin compares errors and p95 with before
        *Confirm before* | 12:12 UTC
        [Confirm] [Veto] [Cancel]
        (asked by Ben Okafor)
    """)


async def test_an_announcement_calls_and_links(cards: dict[str, Card]) -> None:
    assert read(cards["announcement"]) == golden("""
        ## 🚨 SEV1 · Checkout answers 502 for a third of all orders
        @Ana Ruiz opened #C0INCIDENT
    """)


async def test_what_a_notification_says(cards: dict[str, Card]) -> None:
    assert stable(message(cards["plan-planned"]).text) == golden("""
        ⚠️ Scale gateway up from 3 to 10 workers?
        Now: 3 of 3 workers ready
        Allowed: 1 to 20 workers
        Undo: /gw undo puts back 3 workers
        Afterwards: Tocsin compares errors and p95 with before
        Confirm before: 12:12 UTC
        Buttons: Confirm, Veto, Cancel
    """)
