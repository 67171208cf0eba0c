"""Somebody is called, and if nobody answers, the next: what people read, in the console."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.adapters import discover
from bot.clocks import Clocks
from tests.scenario.on_call import SETTINGS
from tests.scenario.stage import Stage, Still, answered, golden, transcript
from tests.world import audited, settings_for, world


@pytest.fixture
async def stage(sqlite_url: str) -> AsyncIterator[Stage]:
    settings = settings_for(sqlite_url, **SETTINGS)
    duty = discover()["on_call", "static"].build(settings)
    async with world(settings, clock=Still(), duty=duty) as running:
        yield Stage(running)


async def incident(stage: Stage) -> str:
    """With a commander, so that no clock asks for one."""
    channel = (await stage.declares()).channel
    await stage.quietly("ana", channel, "/incident role claim ic", "/incident status monitoring it is watched")
    return channel


async def looks(stage: Stage, **later: float) -> str:
    """Time passes, the clocks are looked at; what people read of it."""
    stage.later(**later)
    await Clocks(stage.world.app.store, stage.world.app.services, every=5).once()
    return await stage.news()


@transcript("/page")
async def test_somebody_is_called_and_answers(stage: Stage) -> None:
    channel = await incident(stage)
    assert await stage.types("ana", channel, "/page @ben the database does not answer") == golden("""
        [#incident-20260301-001, only ben]
        You are paged: the database does not answer
          SEV1 · API answers 502 · #incident-20260301-001
          [I'm on it]
          (asked by @Ana Ruiz)
        [#incident-20260301-001, all]
        Page: the database does not answer
          Called: @Ben Okafor (Gateway engineer)
          Without an answer by 12:05 UTC it goes on to @Ana Ruiz (on call for gateway).
          [I'm on it] [Call the next]
        """)
    stage.later(minutes=2)
    assert await stage.presses("ben", channel, "I'm on it") == golden("""
        [#incident-20260301-001, only ben, edited]
        You are paged: the database does not answer
          SEV1 · API answers 502 · #incident-20260301-001
          @Ben Okafor is on it, since 12:02 UTC.
        [#incident-20260301-001, all, edited]
        Page: the database does not answer
          @Ben Okafor is on it, since 12:02 UTC.
        [#incident-20260301-001, all]
        Somebody is on it
          @Ben Okafor answered the page after 2 min.
        """)


async def nobody_answers(stage: Stage, channel: str) -> None:
    """Who has a phone only is called by it, and then everybody is."""
    assert await looks(stage, minutes=5) == golden("""
        [#incident-20260301-001, all, edited]
        Page: the database does not answer
          No answer from @Dev Patel (Engineering lead). It goes on below.
        [#incident-20260301-001, all]
        Page: the database does not answer
          Call them by phone: VP Engineering (CTO or VP Engineering)
          Who             What                   Phone
          VP Engineering  CTO or VP Engineering  +1-555-0999
          [I'm on it]
        """)
    assert await looks(stage, minutes=5) == golden("""
        [#incident-20260301-001, all]
        The next update is due
          @Ana Ruiz: the last update was 15 min ago (monitoring).
          Say what is new: /incident status monitoring what is known now
          [Still monitoring] [Snooze 15 min]
          (due 12:15 UTC)
        [#incident-20260301-001, all, edited]
        Page: the database does not answer
          No answer from VP Engineering (CTO or VP Engineering). It goes on below.
        [#incident-20260301-001, all]
        Page: the database does not answer
          Nobody has answered. Call somebody by phone.
          Who             What                   Phone
          @Ana Ruiz       on call for gateway    +1-555-0123
          @Dev Patel      Engineering lead       +1-555-0456
          VP Engineering  CTO or VP Engineering  +1-555-0999
          [I'm on it]
        """)


async def answered_late(stage: Stage, channel: str) -> None:
    """Whoever answers, everybody who was called reads it."""
    assert await stage.presses("ben", channel, "I'm on it") == golden("""
        [#incident-20260301-001, only ana, edited]
        You are paged: the database does not answer
          SEV1 · API answers 502 · #incident-20260301-001
          @Ben Okafor is on it, since 12:15 UTC.
        [#incident-20260301-001, only dev, edited]
        You are paged: the database does not answer
          SEV1 · API answers 502 · #incident-20260301-001
          @Ben Okafor is on it, since 12:15 UTC.
        [#incident-20260301-001, all, edited]
        Page: the database does not answer
          @Ben Okafor is on it, since 12:15 UTC.
        [#incident-20260301-001, all, edited]
        Page: the database does not answer
          @Ben Okafor is on it, since 12:15 UTC.
        [#incident-20260301-001, all]
        Somebody is on it
          @Ben Okafor answered the page after 15 min.
        """)


async def test_who_does_not_answer_is_followed_by_the_next(stage: Stage) -> None:
    channel = await incident(stage)
    await stage.types("chloe", channel, "/page gateway the database does not answer")
    assert await looks(stage, minutes=4) == ""
    assert await looks(stage, minutes=1) == golden("""
        [#incident-20260301-001, all, edited]
        Page: the database does not answer
          No answer from @Ana Ruiz (on call for gateway). It goes on below.
        [#incident-20260301-001, only dev]
        You are paged: the database does not answer
          SEV1 · API answers 502 · #incident-20260301-001
          [I'm on it]
          (asked by @Chloé Martin)
        [#incident-20260301-001, all]
        Page: the database does not answer
          Called: @Dev Patel (Engineering lead)
          Without an answer by 12:10 UTC it goes on to VP Engineering (CTO or VP Engineering).
          [I'm on it] [Call the next]
        """)
    await nobody_answers(stage, channel)
    await answered_late(stage, channel)


async def test_the_same_delivery_and_the_same_page_call_nobody_twice(stage: Stage) -> None:
    channel = await incident(stage)
    for _ in range(2):
        await stage.world.command("ana", channel, "/page @ben the database does not answer", delivery="same")
    assert (await stage.news()).count("You are paged") == 1
    accepted, said = await answered(stage, "chloe", channel, "/page @ben are you there?")
    assert not accepted
    assert said == golden("""
        They were called 0 s ago, and nobody has answered yet.
          Not to wait, press Call the next where it was told.
          (You typed: /page @ben are you there?)
        """)
    calls = await stage.message_with("Call the next", channel)
    assert (await stage.clicks("chloe", calls, "Call the next")).accepted
    assert not (await stage.clicks("dev", calls, "Call the next")).accepted, "of two who press, one calls the next"
    await stage.presses("dev", channel, "I'm on it")
    trail = [one.subject.partition(" ")[2] for one in await stage.world.app.store.look(audited) if one.kind == "page"]
    assert trail == ["answered", "called next", "called"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("/page nobody-here why", "nobody-here is no service and nobody that I know."),
        ("/page level 7 why", "7 is no level."),
        ("/page level 2", "Say why, in a few words: they may be asleep."),
        ("/page @zoe why", "I know nobody called @zoe."),
    ],
)
async def test_what_calls_nobody_says_why(stage: Stage, line: str, why: str) -> None:
    assert (await answered(stage, "ana", "general", line))[1].splitlines()[0] == why


async def test_an_incident_that_is_over_needs_nobody(stage: Stage) -> None:
    channel = await incident(stage)
    await stage.types("ana", channel, "/page @ben the database does not answer")
    await stage.resolves("ana", await stage.world.incident(channel), "rolled back")
    assert await looks(stage, seconds=5) == golden("""
        [#incident-20260301-001, only ben, edited]
        You are paged: the database does not answer
          SEV1 · API answers 502 · #incident-20260301-001
          The incident is over; you are not needed any more.
        [#incident-20260301-001, all, edited]
        Page: the database does not answer
          The incident is over; nobody is needed any more.
        """)
    assert await looks(stage, minutes=30) == ""


async def test_the_reminder_to_escalate_calls_the_level(stage: Stage) -> None:
    channel = (await stage.declares()).channel
    await stage.quietly("ana", channel, "/incident role claim ic")
    await looks(stage, minutes=30)
    assert await stage.presses("ana", channel, "Page them") == golden("""
        [#incident-20260301-001, all, edited]
        Escalate to level 2
          @Ana Ruiz: Engineering lead was called.
        [#incident-20260301-001, only dev]
        You are paged: API answers 502
          SEV1 · API answers 502 · #incident-20260301-001
          [I'm on it]
          (asked by @Ana Ruiz)
        [#incident-20260301-001, all]
        Page: API answers 502
          Called: @Dev Patel (Engineering lead)
          Without an answer by 12:35 UTC it goes on to VP Engineering (CTO or VP Engineering).
          [I'm on it] [Call the next]
          (by @Ana Ruiz)
        """)
    said = await stage.asks("ana", channel, "/incident timeline")
    assert said[said.index("Escalated") :] == golden("""
        Escalated to level 2: Engineering lead.
          12:00 UTC · @Ana Ruiz took the role of incident commander
          12:00 UTC · @Ana Ruiz declared SEV1: API answers 502
        """)


async def test_levels(stage: Stage) -> None:
    assert await stage.types("ana", "general", "/page level 3 we lose customers") == golden("""
        [#general, all]
        Page: we lose customers
          Call them by phone: VP Engineering (CTO or VP Engineering)
          Who             What                   Phone
          VP Engineering  CTO or VP Engineering  +1-555-0999
          [I'm on it]
          (by @Ana Ruiz)
        """)


@transcript("/oncall")
async def test_oncall(stage: Stage) -> None:
    assert await stage.asks("ben", "general", "/oncall") == golden("""
        On call: gateway
          Call first: @Ana Ruiz (+1-555-0123)
          Level 2, Engineering lead: @Dev Patel (+1-555-0456)
          Level 3, CTO or VP Engineering: VP Engineering (+1-555-0999)
          (Call them: /page gateway what is wrong)
        """)
    assert await stage.asks("eve", "general", "/oncall billing") == golden("""
        On call: billing
          Call first: @Dev Patel
          Level 2, Engineering lead: @Dev Patel
          Level 3, CTO or VP Engineering: VP Engineering
          (Call them: /page billing what is wrong)
        """)


@transcript("/oncall list")
async def test_oncall_list(stage: Stage) -> None:
    assert await stage.asks("ben", "general", "/oncall list") == golden("""
        On call
          Service  On duty     Until   Then
          gateway  @Ana Ruiz   always
          billing  @Dev Patel  always
          (More: /oncall gateway)
        """)


@transcript("/oncall override", "/oncall end")
async def test_override(stage: Stage) -> None:
    assert await stage.types("ana", "general", "/oncall override @ben until 08:00 billing") == golden("""
        [#general, all]
        On call: billing
          @Ben Okafor is on call for billing until 2026-03-02 07:00 UTC.
          (To end it: /oncall end billing)
        """)
    assert await stage.asks("ben", "general", "/oncall billing") == golden("""
        On call: billing
          Call first: @Ben Okafor (+1-555-0124) until 2026-03-02 07:00 UTC, then @Dev Patel
          Level 2, Engineering lead: @Dev Patel (+1-555-0456)
          Level 3, CTO or VP Engineering: VP Engineering (+1-555-0999)
          @Ben Okafor stands in, says @Ana Ruiz. To end it: /oncall end billing
          (Call them: /page billing what is wrong)
        """)
    assert await stage.types("ana", "general", "/oncall end billing") == golden("""
        [#general, only ben]
        On call: billing
          Call first: @Ben Okafor (+1-555-0124) until 2026-03-02 07:00 UTC, then @Dev Patel
          Level 2, Engineering lead: @Dev Patel (+1-555-0456)
          Level 3, CTO or VP Engineering: VP Engineering (+1-555-0999)
          @Ben Okafor stands in, says @Ana Ruiz. To end it: /oncall end billing
          (Call them: /page billing what is wrong)
        [#general, all]
        On call: billing
          @Ben Okafor stands in no more.
          (by @Ana Ruiz)
        """)


ROTATIONS = {
    "gateway": [
        {"people": ["ana", "ben"], "start": "2026-02-23", "zone": "Europe/Madrid"},
        {"people": ["dev"], "start": "2026-02-23", "days": 28},
    ]
}


async def test_who_takes_turns_and_who_stands_in_survive_a_restart(sqlite_url: str) -> None:
    settings = settings_for(sqlite_url, **(SETTINGS | {"on_call": {}, "paging": {"rotations": ROTATIONS}}))
    duty = discover()["on_call", "static"].build(settings)
    async with world(settings, clock=Still(), duty=duty) as running:
        stage = Stage(running)
        assert await stage.asks("ben", "general", "/oncall") == golden("""
            On call: gateway
              Call first: @Ana Ruiz (+1-555-0123) until 2026-03-02 08:00 UTC, then @Ben Okafor
              Call second: @Dev Patel (+1-555-0456) until 2026-03-23 09:00 UTC
              Level 2, Engineering lead: @Dev Patel (+1-555-0456)
              Level 3, CTO or VP Engineering: VP Engineering (+1-555-0999)
              (Call them: /page gateway what is wrong)
            """)
        await stage.quietly("ana", "general", "/oncall override @chloe until 2026-03-02T20:00")
        await stage.quietly("ana", "general", "/page gateway the database does not answer")
    later = Still()
    later.advance(timedelta(minutes=5))
    async with world(settings, clock=later, duty=duty) as running:
        stage = Stage(running)
        await stage.news()
        said = await stage.asks("ben", "general", "/oncall")
        assert "Call first: @Chloé Martin until 2026-03-02 19:00 UTC\n" in said, "who has it then is another question"
        said = await looks(stage)
        assert "No answer from @Chloé Martin (on call for gateway). It goes on below." in said
        assert "Called: @Dev Patel (on call for gateway)" in said


async def test_a_declaration_calls_whoever_is_on_call_where_the_settings_say_so(sqlite_url: str) -> None:
    settings = settings_for(sqlite_url, **(SETTINGS | {"paging": {"at_declaration": ["sev1"]}}))
    async with world(settings, clock=Still()) as running:
        stage = Stage(running)
        said = await stage.types("chloe", "general", "/incident declare sev1 API answers 502 --private")
        assert "[#incident-20260301-001, only ana]\nYou are paged: SEV1, private" in said
        assert "paged" not in await stage.types("chloe", "general", "/incident declare sev2 API is slow")


async def test_a_page_opens_a_private_incident_to_whom_it_calls_and_a_viewer_may_answer_it(stage: Stage) -> None:
    channel = (await stage.declares("sev1 keys leaked --private")).channel
    said = await stage.types("ana", channel, "/page @eve can we tell the public?")
    assert f"[#{channel}, only eve]\nYou are paged: can we tell the public?" in said
    assert "@Eve Larsson is on it" in await stage.presses("eve", channel, "I'm on it")


async def test_where_numbers_are_not_for_channels_they_are_in_oncall(sqlite_url: str) -> None:
    settings = settings_for(sqlite_url, **(SETTINGS | {"paging": {"numbers_in_channels": False}}))
    async with world(settings, clock=Still()) as running:
        stage = Stage(running)
        said = await stage.types("ana", "general", "/page level 3 we lose customers")
        assert "+1-555" not in said
        assert "Their numbers: /oncall" in said
        assert "VP Engineering (+1-555-0999)" in await stage.asks("ana", "general", "/oncall")
