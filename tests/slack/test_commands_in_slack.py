"""Commands in Slack, from the signed payload to what people read."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.slack.stage import MODES, slack_world

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")


@pytest.mark.parametrize("mode", MODES)
async def test_declare_opens_a_channel_with_card_topic_people_and_an_announcement(sqlite_url: str, mode: str) -> None:
    async with slack_world(sqlite_url, mode=mode) as stage:
        await stage.slash("ana", "/incident declare sev1 API answers 502")
        slack = stage.slack
        assert slack.transcript("general") == _lines("""
            12:00 Tocsin: ## ℹ️ Declared: SEV1 · API answers 502
                Work on it in #incident-20260301-001.
                (by Ana Alvarez)
            """)  # noqa: RUF001
        assert slack.transcript("incidents") == _lines("""
            12:00 Tocsin: ## 🚨 SEV1 · API answers 502
                @Ana Alvarez opened #incident-20260301-001
            """)
        opened = slack.transcript("incident-20260301-001")
        assert "(pinned) ## 🚨 SEV1 · API answers 502" in opened
        assert "* Ana Alvarez has joined the channel" in opened
        assert "set the channel topic: SEV1 · API answers 502 · investigating · no commander yet" in opened
        assert slack.rate_limited == []


async def test_a_mitigation_is_confirmed_by_a_button(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        await stage.slash("ana", "/incident declare sev1 API answers 502")
        where = "incident-20260301-001"
        await stage.slack.join("ben", where)
        await stage.slash("ben", "/gw scale 5", where)
        await stage.click("ben", where, "Confirm")
        await stage.world.settled()
        await stage.settled()
        assert stage.world.gateway.asked == ["scale"]
        assert "Done: Scale gateway up from 3 to 5 workers" in stage.slack.transcript(where)


async def test_a_wrong_command_is_answered_to_its_author_alone(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        await stage.slash("carla", "/gw scale many")
        said = stage.slack.transcript("general")
        assert "(only Carla Costa sees this)" in said


async def test_who_is_not_granted_anything_gets_nothing(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        stage.slack.core.state.channel("general").members.append(stage.slack.user("gus").id)
        await stage.slash("gus", "/incident declare sev1 let me in")
        assert "is not for you" in stage.slack.transcript("general")
        assert "incident-20260301-001" not in [one.name for one in stage.slack.team.channels.values()]


def _lines(text: str) -> str:
    return dedent(text).strip()
