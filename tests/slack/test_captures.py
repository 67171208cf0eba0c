"""Messages of Slack on an incident's timeline."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.platforms.slack.messages import said
from tests.simulators.slack.model import Message
from tests.slack.stage import SlackWorld, slack_world

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")

WHERE = "incident-20260301-001"


@pytest.fixture
async def stage(sqlite_url: str) -> AsyncIterator[SlackWorld]:
    """An incident with Ana and Ben in its channel."""
    async with slack_world(sqlite_url) as running:
        await running.slash("ana", "/incident declare sev1 API answers 502")
        await running.slack.join("ben", WHERE)
        await running.settled()
        yield running


async def says(stage: SlackWorld, who: str, text: str, where: str = WHERE, **more: Any) -> Message:
    message = await stage.slack.say(who, where, text, **more)
    await stage.settled()
    return message


async def reacts(stage: SlackWorld, who: str, message: Message, name: str = "pushpin", where: str = WHERE) -> None:
    await stage.slack.react(who, where, message, name)
    await stage.settled()


async def unreacts(stage: SlackWorld, who: str, message: Message, name: str = "pushpin") -> None:
    await stage.slack.unreact(who, WHERE, message, name)
    await stage.settled()


async def timeline(stage: SlackWorld, where: str = WHERE) -> list[str]:
    """The lines of the timeline that messages made, as the postmortem and the console word them."""
    from commands.cards import plain
    from commands.domain.event import Captured
    from commands.domain.timeline import sentence, told

    entries = await stage.world.app.store.look(lambda tx: tx.incidents.timeline(where))
    names = stage.world.app.services.directory.names()
    return [plain(sentence(entry), names) for entry in told(entries) if isinstance(entry.event, Captured)]


def last(stage: SlackWorld, where: str = WHERE) -> str:
    """The end of a channel's transcript."""
    return "\n".join(stage.slack.transcript(where).splitlines()[-2:])


async def test_the_reaction_puts_a_message_on_the_timeline_and_its_removal_takes_it_away(stage: SlackWorld) -> None:
    message = await says(stage, "ben", "the pool is full, <b>", files=[("graph.png", b"png")])
    await reacts(stage, "ana", message)
    link = f"https://acme.slack.com/archives/{message.channel}/p{message.ts.replace('.', '')}"
    assert await timeline(stage) == [f"@Ben Brook: the pool is full, <b> [graph.png] message ({link})"]
    assert "(only Ana Alvarez sees this) ## Added to the timeline" in last(stage)
    await unreacts(stage, "ana", message)
    assert await timeline(stage) == []
    assert "(only Ana Alvarez sees this) ## Taken off the timeline" in last(stage)


async def test_the_timeline_shows_the_message_at_its_own_time(stage: SlackWorld) -> None:
    message = await says(stage, "ben", "the pool is full")
    await stage.slack.advance(60)
    await stage.slash("ana", "/incident note more workers are on their way", WHERE)
    await stage.slack.advance(600)
    await reacts(stage, "ana", message)
    await stage.slash("ana", "/incident timeline", WHERE)
    shown = stage.slack.transcript(WHERE).rpartition("Timeline of")[2]
    assert shown.index("more workers are on their way") < shown.index("the pool is full")
    assert "message (https://acme.slack.com/archives/" in shown


async def test_it_stays_while_somebody_elses_reaction_stands(stage: SlackWorld) -> None:
    message = await says(stage, "ben", "the pool is full")
    await reacts(stage, "ana", message)
    await reacts(stage, "ben", message)
    await unreacts(stage, "ana", message)
    assert len(await timeline(stage)) == 1
    await unreacts(stage, "ben", message)
    assert await timeline(stage) == []


async def test_edits_and_deletions_are_followed(stage: SlackWorld) -> None:
    message = await says(stage, "ben", "the pool is full")
    await reacts(stage, "ana", message)
    await stage.slack.edit("ben", WHERE, message, "the pool was full, see @ana")
    await stage.settled()
    assert [line.partition(" message ")[0] for line in await timeline(stage)] == [
        "@Ben Brook: the pool was full, see @ana"
    ]
    await stage.slack.delete("ben", WHERE, message)
    await stage.settled()
    assert await timeline(stage) == []
    kept = await stage.world.app.store.look(lambda tx: tx.incidents.timeline(WHERE))
    assert "the pool is full" in str(kept)


async def test_a_message_in_a_thread_and_one_of_a_bot(stage: SlackWorld) -> None:
    first = await says(stage, "ana", "what is it?")
    answer = await says(stage, "ben", "the pool", thread=first)
    await reacts(stage, "ana", answer)
    assert "thread_ts" in (await timeline(stage))[0]
    card = next(one for one in stage.slack.messages(WHERE) if "First steps" in one.text)
    await reacts(stage, "ana", card)
    assert any(line.startswith("Tocsin: ") for line in await timeline(stage))


async def test_other_emoji_and_other_channels_are_none_of_our_business(stage: SlackWorld) -> None:
    await reacts(stage, "ana", await says(stage, "ben", "nice"), "thumbsup")
    before = stage.slack.transcript("general")
    there = await says(stage, "ben", "lunch?", "general")
    await reacts(stage, "ana", there, where="general")
    assert await timeline(stage) == []
    assert stage.slack.transcript("general").startswith(before)
    assert "Tocsin" not in stage.slack.transcript("general").removeprefix(before)


async def test_the_shortcut_adds_a_message(stage: SlackWorld) -> None:
    message = await says(stage, "ben", "the pool is full")
    await stage.slack.message_shortcut("ana", WHERE, message, "tocsin.add_to_timeline")
    await stage.settled()
    assert len(await timeline(stage)) == 1
    assert "(only Ana Alvarez sees this) ## Added to the timeline" in last(stage)


async def test_the_shortcut_elsewhere_says_privately_what_to_do(stage: SlackWorld) -> None:
    message = await says(stage, "ben", "the API is slow", "general")
    await stage.slack.message_shortcut("ana", "general", message, "tocsin.add_to_timeline")
    await stage.settled()
    said = stage.slack.transcript("general")
    assert "(only Ana Alvarez sees this)" in said
    assert "This is no incident's channel" in said
    assert "/incident declare sev2 the API is slow" in said


async def test_a_guest_changes_no_timeline(stage: SlackWorld) -> None:
    stage.slack.channel(WHERE).members.append(stage.slack.user("gus").id)
    message = await says(stage, "ben", "the pool is full")
    await reacts(stage, "gus", message)
    assert await timeline(stage) == []
    assert "(only Gus Guest sees this)" in stage.slack.transcript(WHERE)
    assert "The timeline is not yours to change." in stage.slack.transcript(WHERE)
    await reacts(stage, "ana", message)
    await unreacts(stage, "ana", message)
    await unreacts(stage, "gus", message)
    assert len(await timeline(stage)) == 1  # Ana took hers back while another stood, and Gus may not


async def test_deliveries_that_come_twice_do_it_once(stage: SlackWorld) -> None:
    message = await says(stage, "ben", "the pool is full")
    stage.slack.faults.duplicate()
    await reacts(stage, "ana", message)
    await stage.slack.redeliver()
    await stage.settled()
    assert len(await timeline(stage)) == 1
    assert stage.slack.transcript(WHERE).count("Added to the timeline") == 1


async def test_a_private_incidents_messages_stay_there(stage: SlackWorld) -> None:
    await stage.slash("ana", "/incident declare sev1 payroll leak --private")
    where = "incident-20260301-002"
    message = await says(stage, "ana", "it was the intern", where)
    await stage.slack.react("ana", where, message, "pushpin")
    await stage.settled()
    assert len(await timeline(stage, where)) == 1
    for channel in ("general", "incidents", WHERE):
        assert "intern" not in stage.slack.transcript(channel)
        assert "payroll" not in stage.slack.transcript(channel)


async def test_the_console_shows_the_same_timeline(stage: SlackWorld) -> None:
    message = await says(stage, "ben", "the pool is full")
    await reacts(stage, "ana", message)
    said = await stage.world.say("ana", WHERE, "/incident timeline")
    assert "@Ben Brook: the pool is full message (https://acme.slack.com/archives/" in said


async def test_a_direct_message_is_a_command(stage: SlackWorld) -> None:
    await stage.slack.direct("carla", "declare sev3 the docs are slow")
    await stage.settled()
    assert "Work on it in #incident-20260301-002." in stage.slack.direct_transcript("carla")
    await stage.slack.direct("carla", "gw status")
    await stage.settled()
    assert "/gw status" in stage.slack.direct_transcript("carla")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"text": "hello", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "hello"}}]}, "hello"),
        ({"text": "", "attachments": [{"title": "HighErrorRate", "text": "5% of all", "fallback": "x"}]},
         "HighErrorRate\n5% of all"),
        ({"text": "firing", "attachments": [{"fallback": "[FIRING] gateway"}]}, "firing\n[FIRING] gateway"),
        ({"text": "see", "attachments": [{"from_url": "https://a.example", "text": "A page"}]}, "see"),
        ({"attachments": [{"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "Down"}}]}]}, "Down"),
        ({"blocks": [{"type": "section", "fields": [{"type": "mrkdwn", "text": "a"}, {"text": "b"}]}]}, "a\nb"),
        ({}, ""),
    ],
)  # fmt: skip
def test_what_a_message_says(message: dict[str, Any], words: str) -> None:
    assert said(message) == words


async def test_on_both_databases_a_message_is_declared_from_marked_and_followed(database_url: str) -> None:
    async with slack_world(database_url) as stage:
        first = await stage.slack.say("ben", "general", "the API is slow")
        await stage.slack.message_shortcut("ana", "general", first, "tocsin.declare_from")
        await stage.settled()
        await stage.slack.submit("ana", values={"severity": "SEV2"})
        await stage.settled()
        second = await says(stage, "ana", "it is the pool")
        await reacts(stage, "ana", second)
        await stage.slack.edit("ana", WHERE, second, "it was the pool")
        await stage.slack.delete("ben", "general", first)
        await stage.settled()
        assert [line.partition(" message ")[0] for line in await timeline(stage)] == ["@Ana Alvarez: it was the pool"]
        await stage.slack.open_home("ana")
        await stage.settled()
        assert "SEV2 · the API is slow" in stage.slack.home("ana")
