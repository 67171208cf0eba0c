"""Somebody is called in Slack: directly, with a button; the answer comes back to the channel."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.clocks import Clocks
from tests.scenario.stage import golden
from tests.slack.stage import SlackWorld, slack_world
from tests.slack.story import apart

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")

WHERE = "incident-20260301-001"


async def test_a_page_is_a_direct_message_with_a_button(sqlite_url: str) -> None:
    async with slack_world(sqlite_url, mode="socket") as stage:
        await stage.slash("ana", "/incident declare sev1 API answers 502")
        await stage.slash("ana", "/page @ben the database does not answer", WHERE)
        assert stage.slack.direct_transcript("ben") == golden("""
            12:00 Tocsin: ## 🚨 You are paged: the database does not answer
                SEV1 · API answers 502 · #incident-20260301-001
                [I'm on it]
                (asked by Ana Alvarez)
            """)
        said, tops = apart(stage.slack.transcript(WHERE))
        assert "12:00 * Ben Brook has joined the channel" in tops
        assert said[said.index("Page:") :] == golden("""
            Page: the database does not answer
                Called: @Ben Brook
                Without an answer by 12:05 UTC it goes on to @Ana Alvarez (on call for gateway).
                [I'm on it] [Call the next]
            """)
        await press(stage, "ben", "I'm on it")
        assert stage.slack.direct_transcript("ben") == golden("""
            12:00 Tocsin: (edited) ## ✅ You are paged: the database does not answer
                SEV1 · API answers 502 · #incident-20260301-001
                @Ben Brook is on it, since 12:00 UTC.
            """)
        said, _ = apart(stage.slack.transcript(WHERE))
        assert said[said.index("Page:") :] == golden("""
            Page: the database does not answer
                @Ben Brook is on it, since 12:00 UTC.
            12:00 Tocsin: ## ✅ Somebody is on it
                @Ben Brook answered the page after 0 s.
            """)


async def test_without_an_answer_the_next_is_called_and_whom_slack_cannot_tell_by_phone(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        await stage.slack.direct("carla", "page @ben the database does not answer")
        await stage.settled()
        assert "You are paged: the database does not answer" in stage.slack.direct_transcript("ben")
        stage.world.clock.advance(timedelta(minutes=5))
        await Clocks(stage.world.app.store, stage.world.app.services, every=5).once()
        await stage.settled()
        assert "You are paged: the database does not answer" in stage.slack.direct_transcript("ana")
        await press(stage, "ana", "I'm on it")
        assert "is on it" in stage.slack.direct_transcript("ben")
        assert "answered the page after 5 min" in stage.slack.direct_transcript("carla")
        await stage.slash("carla", "/page @root the database does not answer")

        async def told() -> bool:
            return "A page does not" in stage.slack.transcript("general")

        await stage.world.until(told)
        said = stage.slack.transcript("general")
        assert said[said.index("A page does not") :] == golden("""
            A page does not reach somebody
                Root is called, and cannot be told here. Call them by phone: /oncall
                Root has no account in this Slack workspace.
            """)


async def press(stage: SlackWorld, who: str, label: str) -> None:
    """In their direct messages."""
    spot = stage.slack.directly(who)
    message = stage.slack.messages(spot)[-1]
    await stage.slack.click(who, message, label, channel=spot)
    await stage.settled()
