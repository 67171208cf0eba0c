"""Failures 7 to 12: what stands beside an incident breaks, is locked, archived or old, and answers get lost."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from bot.platforms.slack import intake
from commands.domain.incident import Role, Status
from commands.domain.sli import Reading
from tests.fakes import FakeClock
from tests.locking import locked
from tests.simulators.slack import Slack
from tests.slack.stage import SlackWorld, slack_world
from tests.slack.what_broke_others.told import DECLARE, FIRST, SECOND, channels, said

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")


# ---------------------------------------------------------------- 7: side integrations


@pytest.mark.parametrize("way", ["fails", "refuses", "hangs up"])
async def test_7_nothing_beside_the_incident_stops_it_from_being_resolved(lasting: SlackWorld, way: str) -> None:
    stage, slack, world = lasting, lasting.slack, lasting.world
    world.on_call.down = world.gateway.down = True
    for method in (
        "pins.add",
        "bookmarks.list",
        "conversations.info",
        "conversations.setTopic",
        "conversations.invite",
    ):
        _break(slack, method, way)
    for method in ("conversations.setPurpose", "files.getUploadURLExternal"):
        _break(slack, method, way)
    await slack.slash("ana", "/incident", "declare sev1 API answers 502", channel="general")
    await slack.until_shown(FIRST, "First steps")
    await slack.join("ana", FIRST) if slack.user("ana").id not in slack.channel(FIRST).members else None
    await slack.slash("ana", "/incident", "role claim ic", channel=FIRST)
    await slack.until_shown(FIRST, "Incident commander: Ana")  # commands do not wait for each other
    await slack.slash("ana", "/incident", "resolve it went away", channel=FIRST)
    await slack.until_shown(FIRST, "Resolved after")
    await slack.until_shown(FIRST, "Postmortem of SEV1")
    assert (await world.incident(FIRST)).status is Status.RESOLVED
    slack.faults.clear()
    await stage.settled()
    if way != "refuses":  # what was refused is not asked for again; what failed is done when that is possible
        shown = slack.transcript(FIRST)
        assert "(pinned) ## ✅ SEV1 · API answers 502" in shown
        assert shown.count("<file: Postmortem of SEV1") == 1
        await slack.until(lambda: "resolved · IC Ana Alvarez" in slack.channel(FIRST).topic.value, seconds=60)
    assert said(slack, FIRST, "Resolved after") == 1


def _break(slack: Slack, method: str, way: str) -> None:
    if way == "fails":
        slack.faults.fail(method, 503, probability=1.0)
    elif way == "hangs up":
        slack.faults.drop(method, probability=1.0)
    else:
        slack.faults.garble(method, b'{"ok": false, "error": "restricted_action"}', probability=1.0)


# ---------------------------------------------------------------- 8: a database that is slow


async def test_8_a_locked_database_is_said_in_time_and_nothing_of_it_happens_later(
    stage: SlackWorld, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack = stage.slack
    with monkeypatch.context() as short, locked(sqlite_url):
        short.setattr(intake, "PATIENCE_SECONDS", 0.2)  # how long it is does not matter, that it ends does
        ack = await slack.slash("ana", "/incident", "declare sev1 API answers 502", channel="general")
        assert ack.ok
        assert "could not store that" in slack.transcript("general")
    await stage.settled()
    assert channels(slack) == []
    await stage.slash("ana", DECLARE)
    assert channels(slack) == [FIRST]


async def test_8_an_event_that_meets_a_locked_database_is_taken_when_slack_brings_it_again(
    stage: SlackWorld, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack = stage.slack
    with monkeypatch.context() as short, locked(sqlite_url):
        short.setattr(intake, "PATIENCE_SECONDS", 0.2)  # see above
        for way in (slack.core.sockets, slack.core.http):
            short.setattr(way, "timeout", 1.0)
        await slack.mention("ana", "general", "declare sev1 API answers 502")
        await slack.settle()
        assert channels(slack) == []
    await slack.redeliver()
    await stage.settled()
    assert channels(slack) == [FIRST]


# ---------------------------------------------------------------- 9: an archived channel


async def test_9_a_channel_that_was_archived_holds_up_no_other_and_somebody_is_told(stage: SlackWorld) -> None:
    slack, world = stage.slack, stage.world
    await stage.slash("ana", DECLARE)
    await stage.slash("ben", "/incident declare sev2 checkout is slow")
    await stage.slash("ana", "/incident role claim ic", FIRST)
    await slack.archive("ana", FIRST)
    await stage.settled()
    await world.command("ana", FIRST, "/incident note typed at the console")
    await world.command("ana", FIRST, "/incident status identified")
    await stage.slash("ben", "/incident note all is well here", SECOND)
    told = slack.transcript("incidents")
    assert f"(only Ana Alvarez sees this) ## ⚠️ A message to #{FIRST} could not be delivered" in told
    assert "is_archived" in told
    assert "unarchive the channel" in told
    assert "all is well here" in slack.transcript(SECOND)
    await slack.unarchive("ana", FIRST)
    await slack.invite("ana", FIRST, slack.bot) if slack.bot.id not in slack.channel(FIRST).members else None
    await stage.slash("ana", "/incident note back again", FIRST)
    assert "back again" in slack.transcript(FIRST)


async def test_9_when_the_announcements_are_archived_who_declared_is_told_in_the_incident(lasting: SlackWorld) -> None:
    stage, slack = lasting, lasting.slack
    await slack.archive("ana", "incidents")
    await slack.slash("ana", "/incident", "declare sev1 API answers 502", channel="general")

    def told() -> str:
        """In the channel; or directly, while she is not in it yet."""
        read = (slack.transcript(FIRST) if FIRST in channels(slack) else "") + slack.direct_transcript("ana")
        return read if "A message to #incidents could not be delivered" in read else ""

    assert "archived" in await slack.until(told)
    await slack.unarchive("ana", "incidents")
    await stage.settled()
    assert told().count("could not be delivered") == 1


# ---------------------------------------------------------------- 10: times


async def test_10_a_timeline_of_several_days_has_its_dates_and_every_time_its_zone(stage: SlackWorld) -> None:
    slack, clock = stage.slack, stage.world.clock
    await stage.slash("ana", DECLARE)
    await stage.slash("ana", "/incident note first look", FIRST)
    clock.advance(timedelta(days=2, hours=3))
    await stage.slash("ana", "/incident note two days later", FIRST)
    await stage.slash("ana", "/incident timeline", FIRST)
    shown = slack.transcript(FIRST)
    assert "Mar 1, 2026 12:00 UTC · @Ana" in shown
    assert "Mar 3, 2026 15:00 UTC · @Ana" in shown
    entries = await stage.world.app.store.look(lambda tx: tx.incidents.timeline(FIRST))
    assert {entry.at.utcoffset() for entry in entries} == {timedelta(0)}


# ---------------------------------------------------------------- 11: commanders


async def test_11_a_commander_who_was_named_by_hand_stays_whatever_duty_and_restarts_say(
    sqlite_url: str, mode: str
) -> None:
    """Ana is on duty and declared it; Ben was made commander, and a human wrote so into the topic."""
    clock = FakeClock()
    async with Slack.start(clock=clock) as slack:
        async with slack_world(sqlite_url, mode=mode, slack=slack, clock=clock) as before:
            await before.slash("ana", DECLARE)
            await before.slash("ana", "/incident role claim ic", FIRST)
            await before.slash("ana", "/incident role ic @ben", FIRST)
            await slack.set_topic("ana", FIRST, "Ben leads")
        slack.core.http.urls.clear()
        async with slack_world(sqlite_url, mode=mode, slack=slack, clock=clock) as after:
            await after.slash("ana", "/incident status identified", FIRST)
            await after.slash("ana", "/incident severity sev2", FIRST)
            assert (await after.world.incident(FIRST)).holder(Role.COMMANDER) == "ben"
            assert slack.channel(FIRST).topic.value == "Ben leads"
            assert "*Incident commander* | @Ben Brook" in slack.transcript(FIRST)


@pytest.mark.parametrize("named", [True, False])
async def test_11_an_incident_that_opened_by_itself_asks_for_a_human_commander(
    sqlite_url: str, mode: str, named: bool
) -> None:
    """The settings name the workspace, or there is only one."""
    clock = FakeClock()
    async with AsyncExitStack() as ending:
        slack = await ending.enter_async_context(Slack.start(clock=clock))
        where = f"slack:{slack.team.id}" if named else "slack"
        watch = {"enabled": True, "declare": True, "platform": where, "readings": 2, "every_seconds": 600}
        stage = await ending.enter_async_context(
            slack_world(sqlite_url, mode=mode, slack=slack, clock=clock, overrides={"watch": watch})
        )
        stage.world.gateway.reading_now = Reading(
            at=clock.now(), window_seconds=10, requests=1000, errors=500, error_rate=0.5, rps=100, p95_ms=900
        )
        await slack.until(lambda: channels(slack))
        name = channels(slack)[0]
        await slack.until_shown(name, "First steps")
        shown = slack.transcript(name)
        assert "*Roles* | nobody yet" in shown
        assert "[Be incident commander]" in shown
        assert "On duty: @Ana Alvarez" in shown
        assert "no commander yet" in await slack.until(lambda: slack.channel(name).topic.value)
        incident = await stage.world.incident(name)
        assert (incident.roles, incident.source) == ({}, "watch")
        stage.world.gateway.reading_now = stage.world.gateway.reading_now.model_copy(update={"error_rate": 0.001})


# ---------------------------------------------------------------- 12: an answer that was lost


@pytest.mark.parametrize("taken", [False, True])
async def test_12_a_channel_whose_making_was_not_answered_is_found_again(stage: SlackWorld, taken: bool) -> None:
    """Also where the first name is somebody else's."""
    slack = stage.slack
    if taken:
        slack.add_channel(FIRST, ["dora"])
    name = f"{FIRST}-2" if taken else FIRST
    slack.faults.lose_answer("conversations.create", times=1 if not taken else 2)
    await stage.slash("ana", DECLARE)
    assert channels(slack) == sorted({FIRST, name})
    assert said(slack, name, "SEV1 · API answers 502") >= 1
    assert f"Work on it in #{name}." in slack.transcript("general")


async def test_12_a_message_whose_sending_was_not_answered_is_found_and_not_said_twice(stage: SlackWorld) -> None:
    slack = stage.slack
    await stage.slash("ana", DECLARE)
    slack.faults.lose_answer("chat.postMessage", times=3)
    await stage.slash("ana", "/incident note said once", FIRST)
    await stage.slash("ana", "/incident note and this one", FIRST)
    assert said(slack, FIRST, "said once") == said(slack, FIRST, "and this one") == 1
