"""What Slack refuses is told to somebody who can do something, once; and what can be done later is done later."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import sqlalchemy as sa

from bot.store import schema
from bot.store.transaction import SqlTransaction
from commands.cards import Card, Table, card, plain, rich
from tests.simulators.slack import Slack
from tests.slack.clocks import Fast
from tests.slack.stage import SlackWorld, slack_world

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")

WHERE = "incident-20260301-001"
DECLARE = "declare sev1 API answers 502"


@pytest.fixture
async def stage(sqlite_url: str) -> AsyncIterator[SlackWorld]:
    """A running bot, whose waits are short."""
    groups = {"SEV1": ["@sre", "@nosuch"], "SEV2": ["@duty"]}
    async with slack_world(sqlite_url, clock=Fast(600), overrides={"invite": groups}) as running:
        yield running


async def write(stage: SlackWorld, work: Callable[[SqlTransaction], Any]) -> None:
    await stage.world.app.store.transact("test", work)


async def in_console(stage: SlackWorld, words: str) -> list[str]:
    """The messages of the console's announcements that have these words."""
    query = sa.select(schema.messages.c.card).where(schema.messages.c.channel == "incidents")
    rows = await stage.world.app.store.database.read(lambda c: list(c.execute(query).scalars()))
    cards = [Card.model_validate_json(one) for one in rows]
    read = ["\n".join([one.title, *map(plain, one.paragraphs)]) for one in cards]
    return [one for one in read if words in one]


def titles(slack: Slack, channel: str) -> list[str]:
    """The first line of each message of the bot that everybody reads."""
    said = [one for one in slack.messages(channel) if one.user == slack.bot.id and not one.ephemeral_to and one.blocks]
    return ["\n".join(slack.core.transcripts.body(one)).split("\n")[0].strip("# ") for one in said]


# ---------------------------------------------------------------- access


async def test_while_the_token_is_void_everything_waits_in_its_order_and_the_house_hears_it_once(
    stage: SlackWorld, caplog: pytest.LogCaptureFixture
) -> None:
    slack = stage.slack
    await stage.slash("ana", f"/incident {DECLARE}")
    token = slack.core.state.tokens[slack.bot_token]
    token.revoked = True
    for words in ("one", "two", "three"):
        await write(stage, lambda tx, words=words: tx.messages.post(WHERE, card(words), key=words))  # type: ignore[misc]
    refused = [one for one in slack.calls if one.answer.get("error") == "token_revoked"]
    await slack.until(
        lambda: len([one for one in slack.calls if one.answer.get("error") == "token_revoked"]) > len(refused) + 4,
        seconds=15,
    )
    assert set(titles(slack, WHERE)) & {"one", "two", "three"} == set()
    told = await in_console(stage, "Slack does not let Tocsin in")
    assert len(told) == 1
    assert "token_revoked" in told[0]
    assert "tocsin slack doctor" in told[0]
    errors = [one.message for one in caplog.records if one.levelno == logging.ERROR]
    assert len([one for one in errors if "tocsin slack doctor" in one]) == 1
    token.revoked = False
    await stage.settled()
    assert titles(slack, WHERE)[-3:] == ["one", "two", "three"]
    assert await in_console(stage, "could not be delivered") == []


async def test_a_scope_that_is_missing_is_told_and_what_it_was_for_is_done_once_it_is_granted(
    stage: SlackWorld,
) -> None:
    slack = stage.slack
    token = slack.core.state.tokens[slack.bot_token]
    scopes, token.scopes = token.scopes, tuple(one for one in token.scopes if one != "pins:write")
    await slack.slash("ana", "/incident", DECLARE, channel="general")
    await slack.until_shown(WHERE, "Not pinned: SEV1 · API answers 502")
    await slack.until(lambda: len(slack.calls_of("pins.add")) > 3)
    assert "needs the scope pins:write" in slack.transcript(WHERE)
    assert len(await in_console(stage, "does not let Tocsin do everything")) == 1
    token.scopes = scopes
    await stage.settled()
    assert slack.transcript(WHERE).count("(pinned)") == 1
    assert len([one for one in titles(slack, WHERE) if one.endswith("Not pinned: SEV1 · API answers 502")]) == 1


async def test_what_cannot_be_told_in_slack_either_is_told_in_the_console(stage: SlackWorld) -> None:
    slack = stage.slack
    await stage.slash("ana", f"/incident {DECLARE}")
    await slack.archive("ana", WHERE)
    await slack.archive("ana", "incidents")
    await slack.deactivate("ana")  # who waits for it cannot be reached directly either
    await write(stage, lambda tx: tx.messages.post(WHERE, card("Somebody should know"), key="known"))
    await stage.settled()
    told = await in_console(stage, "could not be delivered")
    assert any("Somebody should know" in one and "is_archived" in one for one in told)


# ---------------------------------------------------------------- people


async def test_whoever_cannot_be_invited_is_named_in_the_channel_and_whoever_can_is_tried_until_they_are_in(
    stage: SlackWorld,
) -> None:
    slack = stage.slack
    slack.add_user("uma", "ultra_guest", real_name="Uma Ultra")
    slack.channel("general").members.append(slack.user("uma").id)
    slack.add_group("sre", ["dora", "uma"])
    slack.faults.fail("conversations.invite", 500, times=6)  # more often than one call is repeated
    slack.faults.fail("users.lookupByEmail", 503, times=9)
    await stage.slash("ben", f"/incident {DECLARE}")
    await stage.slash("ben", "/incident role claim ic", WHERE)
    members = {slack.user(one).name for one in slack.channel(WHERE).members}
    assert {"ben", "dora", "ana"} <= members
    assert "uma" not in members
    shown = slack.transcript(WHERE)
    assert shown.count("Not everybody could be invited.") == 1
    assert "@Uma Ultra: Slack refused conversations.invite: ura_max_channels: they are a guest of one channel" in shown
    assert shown.count("Nobody of @nosuch could be invited.") == 1
    asked = [one for one in slack.calls_of("conversations.invite") if one.args["users"] == slack.user("uma").id]
    assert len([one for one in asked if not one.fault]) == 1
    slack.add_group("duty", ["carla"])
    await stage.slash("ben", "/incident severity sev2", WHERE)
    assert slack.user("carla").id in slack.channel(WHERE).members


# ---------------------------------------------------------------- one person alone


async def test_what_is_said_to_one_person_directly_is_said_once_and_changed_in_its_place(stage: SlackWorld) -> None:
    slack = stage.slack
    await stage.slash("ana", f"/incident {DECLARE}")
    slack.faults.lose_answer("chat.postMessage", times=2)
    await write(stage, lambda tx: tx.messages.post(WHERE, card("For you alone"), key="alone", only_for="carla"))
    await stage.settled()
    assert slack.direct_transcript("carla").count("For you alone") == 1
    await write(stage, lambda tx: tx.messages.edit("alone", card("Changed for you")))
    await stage.settled()
    read = slack.direct_transcript("carla")
    assert read.count("Changed for you") == 1
    assert "For you alone" not in read


# ---------------------------------------------------------------- files


async def test_show_all_uploads_a_text_once_for_each_of_its_versions(stage: SlackWorld) -> None:
    slack = stage.slack
    await stage.slash("ana", f"/incident {DECLARE}")
    rows = tuple((rich(f"row {n}"),) for n in range(300))
    long = card("A long table").model_copy(update={"table": Table(columns=("rows",), rows=rows)})
    await write(stage, lambda tx: tx.messages.post(WHERE, long, key="long"))
    await stage.settled()
    slack.faults.lose_answer("files.completeUploadExternal", times=2)
    await stage.click("ana", WHERE, "Show all")
    assert slack.transcript(WHERE).count("<file: A long table") == 1
    await stage.click("ana", WHERE, "Show all")
    assert slack.transcript(WHERE).count("<file: A long table") == 1
    assert "The whole text is in the thread of the message already." in slack.transcript(WHERE)
    shorter = long.model_copy(update={"table": Table(columns=("rows",), rows=rows[:200])})
    await write(stage, lambda tx: tx.messages.edit("long", shorter))
    await stage.settled()
    await stage.click("ana", WHERE, "Show all")
    assert slack.transcript(WHERE).count("<file: A long table") == 2
    other = long.model_copy(update={"title": "Another table"})
    await write(stage, lambda tx: tx.messages.post(WHERE, other, key="in a thread", thread="long"))
    await stage.settled()
    await stage.click("ana", WHERE, "Show all")
    assert slack.transcript(WHERE).count("<file: Another table") == 1


async def test_show_all_of_what_one_person_got_directly_comes_to_them_and_says_so_when_it_is_gone(
    stage: SlackWorld,
) -> None:
    slack = stage.slack
    await stage.slash("ana", f"/incident {DECLARE}")
    rows = tuple((rich(f"row {n}"),) for n in range(300))
    long = card("For you alone").model_copy(update={"table": Table(columns=("rows",), rows=rows)})
    await write(stage, lambda tx: tx.messages.post(WHERE, long, key="alone", only_for="carla"))
    await stage.settled()
    directly = slack.directly("carla")
    shown = next(one for one in slack.messages(directly) if "Show all" in str(one.blocks))
    await slack.click("carla", shown, "Show all", channel=directly)
    await stage.settled()
    assert slack.direct_transcript("carla").count("<file: For you alone") == 1
    assert "<file" not in slack.transcript(WHERE)
    await write(
        stage, lambda tx: tx.connection.execute(sa.delete(schema.messages).where(schema.messages.c.key == "alone"))
    )
    await slack.click("carla", shown, "Show all", channel=directly)
    await stage.settled()
    assert "not there any more" in slack.direct_transcript("carla")


async def test_a_postmortem_that_is_drafted_anew_is_uploaded_again_and_a_new_end_is_told_anew(
    stage: SlackWorld,
) -> None:
    slack = stage.slack
    await stage.slash("ana", f"/incident {DECLARE}")
    await stage.slash("ana", "/incident role claim ic", WHERE)
    await stage.slash("ana", "/incident resolve more workers", WHERE)
    await files(stage, 1)
    slack.faults.lose_answer("files.completeUploadExternal")
    await stage.slash("ana", "/incident note --as cause the pool was too small", WHERE)
    await files(stage, 2)
    assert _told(slack) == 1
    await stage.slash("ana", "/incident reopen it came back", WHERE)
    await stage.slash("ana", "/incident resolve more workers still", WHERE)
    await files(stage, 3)
    assert _told(slack) == 2
    newest = list(slack.team.files.values())[-1]
    assert newest.content is not None
    assert "the pool was too small" in newest.content.decode()


async def files(stage: SlackWorld, number: int) -> None:
    """So many drafts are in the channel's threads, each under a name of its own."""

    def there() -> bool:
        shown = [file for one in stage.slack.messages(WHERE) for file in one.files]
        return len(shown) == number

    await stage.slack.until(there)
    await stage.settled()
    names = [stage.slack.team.files[file].name for one in stage.slack.messages(WHERE) for file in one.files]
    assert len(set(names)) == len(names) == number


def _told(slack: Slack) -> int:
    return len([one for one in titles(slack, WHERE) if "Postmortem of SEV1" in one])


async def test_an_upload_that_is_refused_is_told_in_the_channel(stage: SlackWorld) -> None:
    slack = stage.slack
    await stage.slash("ana", f"/incident {DECLARE}")
    slack.faults.garble(
        "files.getUploadURLExternal", b'{"ok": false, "error": "file_uploads_disabled"}', probability=1.0
    )
    await stage.slash("ana", "/incident role claim ic", WHERE)
    await stage.slash("ana", "/incident resolve it went away", WHERE)
    await slack.until_shown(WHERE, "Not uploaded: Postmortem of SEV1")
    await stage.settled()
    assert "an admin has to allow such files in this workspace" in slack.transcript(WHERE)
    assert slack.transcript(WHERE).count("Not uploaded") == 1
