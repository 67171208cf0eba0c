"""Failures 1 to 6: what is delivered twice, made to wait, claimed at once, edited, forgotten, or named badly."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from commands.domain.incident import Role
from commands.domain.plan import PlanState
from tests.fakes import FakeClock
from tests.simulators.slack import Slack
from tests.slack.stage import SlackWorld, slack_world
from tests.slack.what_broke_others.told import DECLARE, FIRST, channels, said

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")


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
