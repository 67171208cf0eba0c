"""Slack and the console side by side: what is said in one and read in the other, and what conversations are called."""

from __future__ import annotations

import pytest

from tests.slack.stage import SlackWorld, slack_world

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")

WHERE = "incident-20260301-001"


async def labels(stage: SlackWorld, person: str) -> dict[str, str]:
    """What somebody reads in the console's list of channels, and where each is."""
    return {one.label: one.home for one in await stage.world.app.record.channels(person)}


async def test_what_is_said_in_the_console_is_read_in_slack_once_and_under_the_authors_name(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        await stage.slash("ana", "/incident declare sev1 API answers 502")
        for _ in range(2):  # sent again by a page that got no answer
            await stage.world.app.record.say(
                WHERE, "root", "@ben look at <b>, @channel\nsee https://x.example", key="k"
            )
        await stage.settled()
        shown = stage.slack.transcript(WHERE)
        assert shown.count("Root (console): @Ben Brook look at <b>, @channel\n    see https://x.example") == 1
        assert [ping.kind for ping in stage.slack.pings if ping.ts == stage.slack.messages(WHERE)[-1].ts] == ["user"]
        answer = (await stage.world.app.record.messages(WHERE, "root"))[-1]
        await stage.world.app.record.say(WHERE, "root", "and more", key="l", thread=answer.key)
        await stage.settled()
        root, reply = stage.slack.messages(WHERE)[-2:]
        assert (reply.thread_ts, "and more" in reply.text) == (root.ts, True)


async def test_whoever_says_something_that_slack_refuses_hears_so(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        await stage.slash("ana", "/incident declare sev1 API answers 502")
        await stage.slack.archive("ana", WHERE)
        await stage.settled()
        await stage.world.app.record.say(WHERE, "carla", "is anybody there?", key="k")
        await stage.settled()
        told = stage.slack.transcript("incidents")
        assert f"(only Carla Costa sees this) ## ⚠️ A message to #{WHERE} could not be delivered" in told
        assert "It was: is anybody there?" in told


async def test_conversations_have_the_names_that_people_know(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        slack = stage.slack
        await stage.slash("ana", "/incident list")
        await slack.direct("ana", "list")
        secret = slack.add_channel("war-room", [slack.bot, "ana"], kind="private")
        await slack.mention("ana", secret, "list")
        await stage.settled()
        known = await labels(stage, "ana")
        assert {"general": "Slack", "incidents": "Slack", "war-room": "Slack"}.items() <= known.items()
        assert known["Direct messages of Ana Alvarez"] == "Slack"
        assert not [label for label in known if "slack:" in label or label.startswith("c0")]
        await slack.rename("ana", "general", "everybody")
        await stage.slash("ana", "/incident list", "everybody")
        assert "everybody" in await labels(stage, "ana")


async def test_a_private_channel_that_slack_does_not_show_is_asked_about_once(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        hidden = stage.slack.add_channel("hidden", ["ana"], kind="private")
        for _ in range(3):
            await stage.slash("ana", "/incident list", hidden.id)
        assert [call.args["channel"] for call in stage.slack.calls_of("conversations.info")].count(hidden.id) == 1
        assert hidden.id.lower() in await labels(stage, "ana")
