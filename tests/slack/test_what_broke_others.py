"""What broke other incident bots in Slack, each as a story here, by signed HTTP and by Socket Mode.

The numbers are those of the list that we keep of them. What two processes may do wrong is in `test_two_bots.py`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from datetime import timedelta
from typing import Any

import pytest

from bot.platforms.slack import intake
from commands.domain.incident import Role, Status
from commands.domain.plan import PlanState
from commands.domain.sli import Reading
from tests.fakes import FakeClock
from tests.simulators.slack import Slack
from tests.slack.clocks import Fast
from tests.slack.stage import MODES, SlackWorld, slack_world

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")

FIRST, SECOND = "incident-20260301-001", "incident-20260301-002"
DECLARE = "/incident declare sev1 API answers 502"


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """Both ways in."""
    return str(request.param)


@pytest.fixture
async def lasting(sqlite_url: str, mode: str) -> AsyncIterator[SlackWorld]:
    """The same for what goes on failing: time must pass while it is tried again, not because of it."""
    async with slack_world(sqlite_url, mode=mode, clock=Fast()) as running:
        yield running


@pytest.fixture
async def stage(sqlite_url: str, mode: str) -> AsyncIterator[SlackWorld]:
    """A running bot."""
    async with slack_world(sqlite_url, mode=mode) as running:
        yield running


def channels(slack: Slack) -> list[str]:
    """The names of the incidents' channels."""
    return sorted(one.name for one in slack.team.channels.values() if one.name.startswith("incident-"))


def said(slack: Slack, channel: str, words: str) -> int:
    """How many messages of a channel show these words."""
    shown = slack.core.transcripts
    place = slack.channel(channel)
    return sum(words in "\n".join(shown.message(place, one)) for one in slack.messages(channel))


# ---------------------------------------------------------------- 1: twice delivered


async def test_1_a_declaration_that_is_delivered_twice_is_one_incident(stage: SlackWorld) -> None:
    slack = stage.slack
    slack.faults.duplicate("slash")
    await stage.slash("ana", DECLARE)
    assert channels(slack) == [FIRST]
    assert [said(slack, where, FIRST) for where in ("general", "incidents")] == [1, 1]


async def test_1_an_event_that_slack_retries_is_worked_once(stage: SlackWorld) -> None:
    """A mention is an event: it comes again after a minute and after five, as long as nobody acknowledges it."""
    slack = stage.slack
    slack.faults.duplicate("event", times=3)
    await slack.mention("ana", "general", "declare sev1 API answers 502")
    await stage.settled()
    for delivery in [one for one in slack.core.deliveries.sent if one.payload.get("event", {}).get("text")]:
        await slack.core.bring(delivery)
    await stage.settled()
    assert channels(slack) == [FIRST]
    assert said(slack, "general", f"Work on it in #{FIRST}.") == 1


# ---------------------------------------------------------------- 2: too many requests


@pytest.mark.parametrize("times", [1, 9])
async def test_2_a_channel_that_slack_makes_wait_is_made_and_nobody_has_to_ask_again(
    stage: SlackWorld, times: int
) -> None:
    """More often than one call is repeated, too."""
    slack = stage.slack
    slack.faults.ratelimit("conversations.create", retry_after=30, times=times)
    before = stage.world.clock.now()
    await stage.slash("ana", DECLARE)
    assert channels(slack) == [FIRST]
    assert stage.world.clock.now() - before >= timedelta(seconds=30 * times)
    assert "SEV1 · API answers 502" in slack.transcript(FIRST)
    assert said(slack, "general", f"Work on it in #{FIRST}.") == 1
    assert slack.rate_limited == []


# ---------------------------------------------------------------- 3: two at once


async def test_3_of_two_who_claim_command_at_once_one_has_it_and_the_other_reads_so(stage: SlackWorld) -> None:
    slack = stage.slack
    await stage.slash("ana", DECLARE)
    await slack.join("ben", FIRST)
    await stage.settled()
    card = slack.message(FIRST, "[Be incident commander]")
    await asyncio.gather(*(slack.click(who, card, "Be incident commander", channel=FIRST) for who in ("ana", "ben")))
    await stage.settled()
    winner = (await stage.world.incident(FIRST)).holder(Role.COMMANDER)
    loser = {"ana": "Ben Brook", "ben": "Ana Alvarez"}[winner or ""]
    assert said(slack, FIRST, "Incident commander: ") == 1
    assert f"(only {loser} sees this)" in slack.transcript(FIRST)
    assert "no commander yet" not in slack.channel(FIRST).topic.value


# ---------------------------------------------------------------- 4: a topic of theirs


async def test_4_a_topic_that_a_human_wrote_is_left_alone_and_roles_go_on_changing(stage: SlackWorld) -> None:
    slack = stage.slack
    await stage.slash("ana", DECLARE)
    theirs = "Bridge: https://meet.example/api & call <@dora>"
    await slack.set_topic("ana", FIRST, theirs)
    await stage.slash("ana", "/incident role claim ic", FIRST)
    await stage.slash("ana", "/incident role tech @ben", FIRST)
    await stage.slash("ana", "/incident status identified", FIRST)
    assert slack.channel(FIRST).topic.value == theirs
    incident = await stage.world.incident(FIRST)
    assert (incident.holder(Role.COMMANDER), incident.holder(Role.TECH)) == ("ana", "ben")
    card = "\n".join(slack.core.transcripts.body(slack.message(FIRST, "*Incident commander*")))
    assert "*Incident commander* | @Ana Alvarez" in card
    assert "*Status* | *identified*" in card


# ---------------------------------------------------------------- 5: restarts


async def test_5_what_was_to_happen_later_happens_after_a_restart_and_nothing_is_said_again(
    sqlite_url: str, mode: str
) -> None:
    clock, patient = FakeClock(), {"policy": {"approve_within_seconds": 1.5}}
    async with Slack.start(clock=clock) as slack:
        async with slack_world(sqlite_url, mode=mode, slack=slack, clock=clock, overrides=patient) as before:
            await before.slash("ana", DECLARE)
            await before.slash("ana", "/gw scale 5", FIRST)
            assert "Next update due" in slack.transcript(FIRST)
            assert (await before.world.plan()).state is PlanState.PLANNED
            posted, shown = len(slack.calls_of("chat.postMessage")), slack.message(FIRST, "*Next update due*")
            due = _fact(slack, shown, "Next update due")
        slack.core.http.urls.clear()
        async with slack_world(sqlite_url, mode=mode, slack=slack, clock=clock, overrides=patient) as after:
            assert (await after.world.settled()).state is PlanState.EXPIRED
            await after.settled()
            assert "Not confirmed in time: Scale gateway up" in slack.transcript(FIRST)
            assert _fact(slack, slack.message(FIRST, "*Next update due*"), "Next update due") == due
            assert len(slack.calls_of("chat.postMessage")) == posted


def _fact(slack: Slack, message: Any, label: str) -> str:
    return next(line for line in slack.core.transcripts.body(message) if label in line)


# ---------------------------------------------------------------- 6: names


@pytest.mark.parametrize(
    "title",
    ["APIが遅い: 決済ができません", "الخدمة متوقفة", "🔥" * 40, "x" * 300, "../#general @channel"],
    ids=["Japanese", "Arabic", "emoji", "long", "markup"],
)
async def test_6_no_title_has_a_part_in_the_name_of_the_channel(stage: SlackWorld, title: str) -> None:
    slack = stage.slack
    await stage.slash("ana", f"/incident declare sev1 {title}")
    assert channels(slack) == [FIRST]
    assert (await stage.world.incident(FIRST)).title == title
    assert 0 < len(slack.channel(FIRST).topic.value) <= 250
    assert [ping for ping in slack.pings if ping.kind != "user"] == []


async def test_6_a_name_that_others_have_gets_a_number_and_an_archived_one_too(stage: SlackWorld) -> None:
    slack = stage.slack
    slack.add_channel(FIRST, ["dora"])
    slack.add_channel(f"{FIRST}-2", ["dora"], kind="private")
    archived = slack.add_channel(f"{FIRST}-3", ["dora"])
    archived.archived = True
    await stage.slash("ana", DECLARE)
    assert "SEV1 · API answers 502" in slack.transcript(f"{FIRST}-4")
    assert f"Work on it in #{FIRST}-4." in slack.transcript("general")
    assert slack.messages(FIRST) == []


async def test_6_names_that_are_all_taken_are_said_to_who_declared_and_not_tried_for_ever(lasting: SlackWorld) -> None:
    stage, slack = lasting, lasting.slack
    for suffix in ("", "-2", "-3", "-4", "-5"):
        slack.add_channel(f"{FIRST}{suffix}", ["dora"])
    await slack.slash("ana", "/incident", "declare sev1 API answers 502", channel="general")
    await slack.until_shown("incidents", "(only Ana Alvarez sees this)")
    told = slack.transcript("incidents")
    assert f"A message to #{FIRST} could not be delivered" in told
    assert "taken by channels of others" in told
    slack.core.state.channel(f"{FIRST}-5").name = "freed"
    await stage.settled()
    assert "SEV1 · API answers 502" in slack.transcript(f"{FIRST}-5")
    assert told.count("could not be delivered") == slack.transcript("incidents").count("could not be delivered")


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
        assert "resolved · IC Ana Alvarez" in slack.channel(FIRST).topic.value
    assert said(slack, FIRST, "Resolved after") == 1


def _break(slack: Slack, method: str, way: str) -> None:
    if way == "fails":
        slack.faults.fail(method, 503, probability=1.0)
    elif way == "hangs up":
        slack.faults.drop(method, probability=1.0)
    else:
        slack.faults.garble(method, b'{"ok": false, "error": "restricted_action"}', probability=1.0)


# ---------------------------------------------------------------- 8: a database that is slow


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Another program writes to the file, and does not come to an end."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=20)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def test_8_a_locked_database_is_said_in_time_and_nothing_of_it_happens_later(
    stage: SlackWorld, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "PATIENCE_SECONDS", 0.2)  # how long it is does not matter, that it ends does
    slack = stage.slack
    with locked(sqlite_url):
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
    monkeypatch.setattr(intake, "PATIENCE_SECONDS", 0.2)  # see above
    slack = stage.slack
    slack.core.sockets.timeout = slack.core.http.timeout = 1.0
    with locked(sqlite_url):
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

    assert "archived" in await slack.until(told, seconds=10)
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
    assert "| Mar 1, 2026 12:00 UTC |" in shown
    assert "| Mar 3, 2026 15:00 UTC |" in shown
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
        await slack.until(lambda: channels(slack), seconds=10)
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
