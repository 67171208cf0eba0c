"""Transcripts of tasks and hypotheses: who does what, what may be the cause, and what was ruled out."""

from __future__ import annotations

from bot.clocks import Clocks
from commands.domain.incident import Incident
from tests.scenario.stage import Stage, golden, on_card, transcript, without_card


async def shared_out(stage: Stage, incident: Incident) -> None:
    """One that nobody has is taken, and one that somebody has is given to another."""
    assert without_card(await stage.types("ana", incident.channel, "/task add read the logs")) == golden("""
        [#incident-20260301-001, all]
        T2: read the logs
          nobody yet
          [Done] [Take it]
          (by @Ana Ruiz)
        """)
    assert without_card(await stage.presses("chloe", incident.channel, "Take it")) == golden("""
        [#incident-20260301-001, all, edited]
        T2: read the logs
          @Chloé Martin
          [Done]
        """)
    assert without_card(await stage.types("ana", incident.channel, "/task assign t1 to @dev")) == golden("""
        [#incident-20260301-001, all, edited]
        T1: ask the database team
          @Dev Patel, due 12:30 UTC
          [Done]
        [#incident-20260301-001, all]
        T1 is assigned
          @Dev Patel: ask the database team
          (by @Ana Ruiz)
        """)
    assert await stage.asks("eve", incident.channel, "/task list") == golden("""
        2 open tasks
              Task                   Whose          Due
          T1  ask the database team  @Dev Patel     12:30 UTC
          T2  read the logs          @Chloé Martin
          (When one is done: /task done T1)
        """)
    await stage.news()


async def done_in_time(stage: Stage, incident: Incident) -> None:
    """By its button, and by typing after the clock has asked."""
    assert without_card(await stage.presses("chloe", incident.channel, "Done")) == golden("""
        [#incident-20260301-001, all, edited]
        T2: read the logs
          Done by @Chloé Martin at 12:00 UTC.
        """)
    stage.later(minutes=30)
    await Clocks(stage.world.app.store, stage.world.app.services, every=5).once()
    said = await stage.news()
    assert said[said.index("T1 is due") :] == golden("""
        T1 is due: ask the database team
          @Dev Patel: is it done?
          [Done] [Snooze 15 min]
          (due 12:30 UTC)
        """)
    assert without_card(await stage.types("dev", incident.channel, "/task done T1")) == golden("""
        [#incident-20260301-001, all, edited]
        T1: ask the database team
          Done by @Dev Patel at 12:30 UTC.
        [#incident-20260301-001, all]
        Done: T1
          ask the database team
          No task is left.
          (by @Dev Patel)
        """)


async def looked_back_upon(stage: Stage, incident: Incident) -> None:
    """What was done, by whom, and the whole story of it."""
    assert await stage.asks("eve", incident.channel, "/task list --all") == golden("""
        No task is open
              Task                   Whose          Due
          T1  ask the database team  @Dev Patel     done 12:30 UTC
          T2  read the logs          @Chloé Martin  done 12:00 UTC
        """)
    timeline = await stage.asks("eve", incident.channel, "/incident timeline")
    assert timeline == golden("""
        Timeline of SEV1 · API answers 502
          12:30 UTC · @Dev Patel did T1: ask the database team
          12:00 UTC · @Chloé Martin did T2: read the logs
          12:00 UTC · @Ana Ruiz gave T1 to @Dev Patel: ask the database team
          12:00 UTC · @Chloé Martin took T2: read the logs
          12:00 UTC · @Ana Ruiz added T2: read the logs
          12:00 UTC · @Ana Ruiz added T1 for @Ben Okafor: ask the database team
          12:00 UTC · @Ana Ruiz declared SEV1: API answers 502
        """)


@transcript("/task add", "/task done", "/task assign", "/task list")
async def test_tasks_have_an_owner_a_time_and_a_button(stage: Stage) -> None:
    incident = await stage.declares()
    said = await stage.types("ana", incident.channel, "/task add ask the database team @ben --due 30m")
    assert on_card(said, "Open tasks") == ["Open tasks: T1 ask the database team · @Ben Okafor, due 12:30 UTC"]
    assert without_card(said) == golden("""
        [#incident-20260301-001, all]
        T1: ask the database team
          @Ben Okafor, due 12:30 UTC
          [Done]
          (by @Ana Ruiz)
        """)
    await shared_out(stage, incident)
    await done_in_time(stage, incident)
    await looked_back_upon(stage, incident)


async def test_what_is_no_task_is_refused(stage: Stage) -> None:
    incident = await stage.declares("--private sev1 keys leaked")
    assert await stage.asks("ana", incident.channel, "/task add @ben") == golden("""
        What is to be done?
          Try: /task add ask the database team @ana
          (You typed: /task add @ben)
        """)
    assert await stage.asks("ana", incident.channel, "/task add rotate the keys @ben") == golden("""
        Ben Okafor does not read this channel.
          Invite them first, or name somebody else.
          (You typed: /task add rotate the keys @ben)
        """)
    assert await stage.asks("ana", incident.channel, "/task add rotate the keys @nobody") == golden("""
        I know nobody called @nobody.
          People I know: @ana, @ben, @chloe, @dev, @eve.
          (You typed: /task add rotate the keys @nobody)
        """)
    assert await stage.asks("ana", incident.channel, "/task done T9") == golden("""
        There is no task T9 in this incident.
          Try: /task list
          (You typed: /task done T9)
        """)
    await stage.quietly("ana", incident.channel, "/task add rotate the keys @ana", "/task done T1")
    assert await stage.asks("ana", incident.channel, "/task done T1") == golden("""
        T1 is done already.
          Try: /task list
          (You typed: /task done T1)
        """)
    assert await stage.asks("ana", incident.channel, "/task list") == golden("""
        No task is open
          Add one: /task add ask the database team @ana
        """)


async def nothing_is_decided_twice(stage: Stage, incident: Incident) -> None:
    """What makes no sense is refused, and all of them are listed."""
    assert await stage.asks("ben", incident.channel, "/incident hypothesis H2 perhaps") == golden("""
        What became of H2?
          Allowed: open, ruled-out or confirmed.
          Try: /incident hypothesis H2 ruled-out the pool is half empty
          (You typed: /incident hypothesis H2 perhaps)
        """)
    assert await stage.asks("ben", incident.channel, "/incident hypothesis H2 confirmed") == golden("""
        H2 is confirmed already.
          Try: /incident hypothesis
          (You typed: /incident hypothesis H2 confirmed)
        """)
    assert await stage.asks("ben", incident.channel, "/incident hypothesis") == golden("""
        What may be the cause
          H2 confirmed · a bad deploy (1.2.3 leaks memory) · @Ana Ruiz
          H1 ruled out · the connection pool is exhausted (half of it is free) · @Ben Okafor
        """)


async def in_the_postmortem(stage: Stage, incident: Incident) -> None:
    """The cause, and what it was not."""
    await stage.quietly("ana", incident.channel, "/task add alert on memory @dev", "/incident resolve rolled back")
    text = await stage.drafted(incident)
    assert text[text.index("## Root Cause") : text.index("## Resolution")].strip() == golden("""
        ## Root Cause

        a bad deploy (1.2.3 leaks memory)

        *Noted by Ana Ruiz at 12:00.*

        ### Ruled out

        - the connection pool is exhausted (half of it is free) (Ben Okafor)
        """)
    assert "1. [ ] alert on memory - Assigned to: Dev Patel - Due: not set" in text


@transcript("/incident hypothesis")
async def test_hypotheses_are_ruled_out_or_become_the_cause(stage: Stage) -> None:
    incident = await stage.declares()
    said = await stage.types("ana", incident.channel, "/incident hypothesis the connection pool is exhausted")
    assert on_card(said, "Suspected") == ["Suspected: H1 the connection pool is exhausted"]
    assert without_card(said) == golden("""
        [#incident-20260301-001, all]
        Suspected, H1
          the connection pool is exhausted
          (by @Ana Ruiz · once it is known: /incident hypothesis H1 ruled-out why or confirmed)
        """)
    await stage.quietly("ben", incident.channel, "/incident hypothesis a bad deploy")
    said = await stage.types("ben", incident.channel, "/incident hypothesis H1 ruled out half of it is free")
    assert without_card(said) == golden("""
        [#incident-20260301-001, all]
        H1 is ruled out
          the connection pool is exhausted
          half of it is free
          (by @Ben Okafor)
        """)
    said = await stage.types("ana", incident.channel, "/incident hypothesis h2 confirmed 1.2.3 leaks memory")
    assert without_card(said) == golden("""
        [#incident-20260301-001, all]
        H2 is confirmed
          a bad deploy
          1.2.3 leaks memory
          (by @Ana Ruiz)
        """)
    await nothing_is_decided_twice(stage, incident)
    await in_the_postmortem(stage, incident)
