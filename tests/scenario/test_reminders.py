"""The clocks of an incident: what people are told when something is owed, once, and what ticks it off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.clocks import Clocks
from commands.domain.incident import Incident
from commands.people import SYSTEM
from tests.scenario.stage import Stage, Still, golden, on_card, transcript, without_card
from tests.world import settings_for, world

HOURS = {"zone": "Europe/Madrid", "days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "until": "17:30"}


@pytest.fixture
async def stage(sqlite_url: str) -> AsyncIterator[Stage]:
    """With people to escalate to; its clocks are looked at when a test says so."""
    levels = [{"title": "On-call"}, {"title": "Engineering lead", "people": ["dev"]}, {"title": "CTO"}]
    clocks = {"enabled": False, "escalation": levels, "office_hours": HOURS}
    async with world(settings_for(sqlite_url, clocks=clocks), clock=Still()) as running:
        yield Stage(running)


async def looks(stage: Stage, **later: float) -> str:
    """Time passes, the clocks are looked at, twice; what is said."""
    stage.later(**later)
    for _ in range(2):
        await Clocks(stage.world.app.store, stage.world.app.services, every=5).once()
    return await stage.news()


async def test_a_commander_is_asked_for_until_there_is_one(stage: Stage) -> None:
    incident = await stage.declares()
    assert await looks(stage, minutes=1, seconds=59) == ""
    assert await looks(stage, seconds=1) == golden("""
        [#incident-20260301-001, all]
        Nobody commands this incident
          @Ana Ruiz: SEV1 · API answers 502 needs somebody who decides.
          [Be incident commander] [Snooze 15 min]
          (due 12:02 UTC)
        """)
    assert await looks(stage, minutes=5) == golden("""
        [#incident-20260301-001, all, edited]
        Nobody commands this incident
          Told again below.
        [#incident-20260301-001, all]
        Nobody commands this incident
          @Ana Ruiz: SEV1 · API answers 502 needs somebody who decides.
          [Be incident commander] [Snooze 15 min]
          (due 12:02 UTC, 5 min ago)
        """)
    await stage.types("ben", incident.channel, "/incident role claim ic")
    assert await looks(stage, seconds=5) == golden("""
        [#incident-20260301-001, all, edited]
        Nobody commands this incident
          @Ben Okafor does.
        """)
    assert await looks(stage, minutes=1) == ""
    await stage.types("ben", incident.channel, "/incident role release ic")
    assert await looks(stage, minutes=1) == "", "the clock begins again when the role is left"
    assert "Nobody commands this incident" in await looks(stage, minutes=1)


async def test_an_update_that_is_due_is_asked_for_with_a_button_that_gives_it(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.types("ben", incident.channel, "/incident role claim ic")
    assert await looks(stage, minutes=15) == golden("""
        [#incident-20260301-001, all]
        The next update is due
          @Ben Okafor: the last update was 15 min ago (investigating).
          Say what is new: /incident status investigating what is known now
          [Still investigating] [Snooze 15 min]
          (due 12:15 UTC)
        """)
    said = await stage.presses("chloe", incident.channel, "Still investigating")
    assert on_card(said, "Next update due") == ["Next update due: 12:30 UTC"]
    assert without_card(said) == golden("""
        [#incident-20260301-001, all]
        Update: still investigating
          @Chloé Martin: nothing new yet. Next update: 12:30 UTC
        """)
    assert await looks(stage, seconds=5) == golden("""
        [#incident-20260301-001, all, edited]
        The next update is due
          There was one.
        """)
    assert await looks(stage, minutes=14) == "", "the clock of updates has begun again"


async def test_what_is_not_resolved_is_escalated_level_by_level(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.types("ben", incident.channel, "/incident role claim ic")
    await stage.types("ben", incident.channel, "/incident status identified a bad deploy")
    said = await looks(stage, minutes=30)
    assert said[said.index("Escalate") :] == golden("""
        Escalate to level 2
          SEV1 · API answers 502 is open for 30 min. Call: Engineering lead, @Dev Patel
          [Page them] [They were called] [Snooze 15 min]
          (due 12:30 UTC)
        [#incident-20260301-001, all]
        The next update is due
          @Ben Okafor: the last update was 30 min ago (identified).
          Say what is new: /incident status identified what is known now
          [Still identified] [Snooze 15 min]
          (due 12:15 UTC, 15 min ago)
        """)
    assert await stage.presses("ben", incident.channel, "They were called") == golden("""
        [#incident-20260301-001, all, edited]
        Escalate to level 2
          @Ben Okafor: Engineering lead was called.
        """)
    said = await looks(stage, minutes=30)
    assert "Escalate to level 3" in said
    assert "Escalate to level 2" not in said
    assert "Escalate" not in await looks(stage, minutes=30)
    timeline = await stage.asks("ben", incident.channel, "/incident timeline")
    assert "Escalated to level 2: Engineering lead." in timeline


async def test_what_was_told_and_lapsed_is_told_again_when_it_is_owed_again(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.types("ben", incident.channel, "/incident role claim ic")
    assert "Escalate to level 2" in await looks(stage, minutes=30)
    await stage.types("ben", incident.channel, "/incident status monitoring a fix is out")
    assert "Escalate to level 2\n  Nobody is asked for it any more." in await looks(stage, minutes=1)
    await stage.types("ben", incident.channel, "/incident status investigating it is back")
    assert "Call: Engineering lead" in await looks(stage, minutes=1)


async def test_clocks_begin_again_when_it_is_opened_again_and_when_it_gets_worse(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.types("ben", incident.channel, "/incident role claim ic")
    await stage.types("ben", incident.channel, "/incident resolve rolled back")
    await stage.drafted(incident)
    stage.later(hours=20)
    await stage.types("ben", incident.channel, "/incident reopen errors are back")
    await stage.news()
    assert await looks(stage, minutes=14) == ""
    said = await looks(stage, minutes=16)
    assert "open for 30 min" in said
    assert "level 3" not in said
    assert "Escalate to level 3" in await looks(stage, hours=5)
    other = await stage.declares("sev4 a typo")
    await stage.types("ben", other.channel, "/incident role claim ic")
    stage.later(hours=4)
    await stage.types("ben", other.channel, "/incident severity sev1 it is more than that")
    await stage.news()
    assert f"#{other.channel}" not in await looks(stage, minutes=14)


async def test_what_is_asked_for_in_vain_is_asked_for_less_often(stage: Stage) -> None:
    await stage.declares()
    for minutes in (2, 5, 10, 20, 40, 60, 60):
        assert "needs somebody who decides" not in await looks(stage, minutes=minutes - 1)
        assert "needs somebody who decides" in await looks(stage, minutes=1)


async def test_a_reminder_can_be_snoozed_and_comes_again_if_it_is_still_owed(stage: Stage) -> None:
    incident = await stage.declares()
    await looks(stage, minutes=2)
    assert await stage.presses("ben", incident.channel, "Snooze 15 min") == golden("""
        [#incident-20260301-001, all, edited]
        Nobody commands this incident
          Snoozed until 12:17 UTC by @Ben Okafor.
        """)
    assert "Nobody commands" not in await looks(stage, minutes=12)
    assert "Nobody commands" in await looks(stage, minutes=3)
    stale = await stage.message_with("Be incident commander", incident.channel)
    await stage.types("ben", incident.channel, "/incident role claim ic")
    refused = await stage.clicks("ben", stale, "Snooze 15 min")
    assert await stage.world.read(refused.reply_key, "ben") == golden("""
        That is done already.
          Try: /reminders
        """)


async def test_roles_that_are_held_for_long_and_a_handover_that_nobody_answers(stage: Stage) -> None:
    incident = await stage.declares("sev4 a typo")
    await stage.types("ben", incident.channel, "/incident role claim ic")
    assert await looks(stage, hours=8) == golden("""
        [#incident-20260301-001, all]
        Incident commander: time for a handover
          @Ben Okafor has been incident commander for 8 h.
          Somebody rested takes over: /handover @who
          [Snooze 1 h]
          (due 20:00 UTC)
        """)
    await stage.types("ben", incident.channel, "/handover @chloe")
    assert await looks(stage, minutes=10) == golden("""
        [#incident-20260301-001, all]
        A handover waits for its answer
          @Chloé Martin: accept or decline the handover of @Ben Okafor.
          Or name somebody else: /incident role ic @who
          [Accept] [Decline] [Snooze 15 min]
          (due 20:10 UTC)
        """)


async def test_the_postmortem_is_asked_for_in_office_hours_and_what_is_closed_is_quiet(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.types("ben", incident.channel, "/incident resolve rolled back")
    await stage.drafted(incident)
    await stage.news()
    assert await looks(stage, hours=44) == ""
    assert await looks(stage, hours=4) == golden("""
        [#incident-20260301-001, all]
        incident-20260301-001: hold the postmortem
          SEV1 · API answers 502 was resolved 2 d ago.
          Once it was held: /incident status postmortem
          [It was held] [Snooze until tomorrow]
          (due 12:00 UTC)
        """), "a Tuesday at noon"
    assert await looks(stage, hours=8) == ""
    assert await looks(stage, hours=12, minutes=30) == "", "a night in Madrid"
    assert "hold the postmortem" in await looks(stage, hours=4)
    await stage.types("ben", incident.channel, "/incident status postmortem")
    assert await looks(stage, days=5) == golden("""
        [#incident-20260301-001, all, edited]
        incident-20260301-001: hold the postmortem
          Done.
        [#incident-20260301-001, all]
        incident-20260301-001: publish the postmortem
          SEV1 · API answers 502 was resolved 8 d ago.
          Once it is published: /incident status closed
          [It is published] [Snooze until tomorrow]
          (due 2026-03-08 12:00 UTC, 1 d ago)
        """)
    await stage.types("ben", incident.channel, "/incident status closed")
    assert await looks(stage, seconds=5) == golden("""
        [#incident-20260301-001, all, edited]
        incident-20260301-001: publish the postmortem
          Done.
        """)
    assert await looks(stage, days=3) == ""


async def test_what_nobody_did_for_a_month_is_asked_for_no_more(stage: Stage) -> None:
    await stage.resolves("ben", await stage.declares(), "rolled back")
    assert "hold the postmortem" in await looks(stage, hours=48)
    said = await looks(stage, days=30)
    assert said.count("Nobody is asked for it any more.") == 1
    assert await looks(stage, days=1) == ""


async def test_an_incident_that_opened_by_itself_asks_for_somebody(stage: Stage) -> None:
    await stage.world.command(SYSTEM.id, "incidents", "/incident declare sev1 gateway: errors 40%")
    await stage.news()
    assert "Nobody commands this incident" in await looks(stage, minutes=2)
    assert "Nobody has responded" in await looks(stage, minutes=13)


async def snoozed_and_done(stage: Stage, incident: Incident) -> None:
    """By its buttons."""
    assert await looks(stage, minutes=10) == golden("""
        [#incident-20260301-001, all]
        Reminder: back with the logs
          @Chloé Martin, it is time.
          [Done] [Snooze 15 min]
          (asked by @Ben Okafor · ask-…)
        """)
    assert await stage.presses("chloe", incident.channel, "Snooze 15 min") == golden("""
        [#incident-20260301-001, all, edited]
        Reminder: back with the logs
          Snoozed until 12:25 UTC.
          (asked by @Ben Okafor · ask-…)
        [#incident-20260301-001, only chloe]
        Snoozed
          Until 12:25 UTC, 15 min from now.
        """)
    await looks(stage, minutes=15)
    assert await stage.presses("chloe", incident.channel, "Done") == golden("""
        [#incident-20260301-001, all, edited]
        Reminder: back with the logs
          Done by @Chloé Martin.
          (asked by @Ben Okafor · ask-…)
        """)


async def cancelled(stage: Stage, incident: Incident) -> None:
    """It is not told any more, and not cancelled twice."""
    await stage.types("ben", incident.channel, "/remind @chloe in 2h call the provider")
    ask = (await stage.world.app.store.look(lambda tx: tx.reminders.asks()))[0].id
    assert await stage.asks("ben", incident.channel, f"/remind cancel {ask}") == golden("""
        Reminder: call the provider
          Cancelled.
          (by @Ben Okafor)
        """)
    await stage.news()
    assert "call the provider" not in await looks(stage, hours=2)
    assert await stage.asks("eve", "general", "/reminders") == golden("""
        Nothing is due here
          Ask for one: /remind @ana 10m back with the logs
        """)
    assert await stage.asks("ben", "general", f"/remind cancel {ask}") == golden("""
        That reminder is cancelled already.
          Try: /reminders
          (You typed: /remind cancel ask-…)
        """)


async def elsewhere_and_at_the_end(stage: Stage, incident: Incident) -> None:
    """By a viewer who was asked; and what is closed is quiet."""
    await stage.types("ben", "general", "/remind @eve 5m send the figures")
    await looks(stage, minutes=5)
    assert await stage.presses("eve", "general", "Done") == golden("""
        [#general, all, edited]
        Reminder: send the figures
          Done by @Eve Larsson.
          (asked by @Ben Okafor · ask-…)
        """), "a viewer, who was asked"
    await stage.types("ben", incident.channel, "/remind @chloe 2h one more look")
    await stage.types("ben", incident.channel, "/incident resolve rolled back")
    await stage.types("ben", incident.channel, "/incident status closed")
    await stage.news()
    assert "one more look" not in await looks(stage, hours=2), "what is closed is quiet"
    for wrong in ("0m now", "31d later", "tomorrow x", "5m"):
        assert "Reminder:" not in await stage.asks("ben", "general", f"/remind @chloe {wrong}")


@transcript("/remind", "/reminders", "/remind cancel")
async def test_somebody_is_reminded_of_what_they_said(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.types("ben", incident.channel, "/incident role claim ic")
    assert await stage.types("ben", incident.channel, "/remind @chloe 10m back with the logs") == golden("""
        [#incident-20260301-001, all]
        Reminder: back with the logs
          @Chloé Martin is reminded at 12:10 UTC, in 10 min.
          (To drop it: /remind cancel ask-…)
        """)
    assert await stage.asks("ben", incident.channel, "/reminders") == golden("""
        What is due here
          When       What                                     Of
          12:10 UTC  back with the logs                       @Chloé Martin · ask-…
          12:15 UTC  The next update is due                   the clock
          12:30 UTC  Escalate to level 2                      the clock
          13:00 UTC  Escalate to level 3                      the clock
          20:00 UTC  Incident commander: time for a handover  the clock
        """)
    await stage.news()
    await snoozed_and_done(stage, incident)
    await cancelled(stage, incident)
    await elsewhere_and_at_the_end(stage, incident)


async def test_a_clock_that_jumps_tells_nothing_twice_and_loses_nothing(stage: Stage) -> None:
    await stage.declares()
    stage.later(hours=3)
    said = await looks(stage)
    assert said.count("Nobody commands this incident") == 1, "of what was missed, only the newest"
    assert said.count("Escalate to level") == 1, "level by level, however late"
    stage.world.clock.advance(timedelta(hours=-2))
    assert await looks(stage) == "", "back in time, nothing is due that was not told"
    stage.world.clock.advance(timedelta(hours=2, minutes=5))
    assert (await looks(stage)).count("Escalate to level 3") == 0, "not before level 2 has had its time"
    assert (await looks(stage, minutes=25)).count("Escalate to level 3") == 1
