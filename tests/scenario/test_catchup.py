"""Transcripts of the story so far: all of it in a handover, and what is new for the reader alone."""

from __future__ import annotations

from commands.domain.sli import Reading
from tests.fakes import START
from tests.scenario.stage import Stage, golden, transcript

#: What both tell of the incident.
SITUATION = """\
  Status: identified
  Open for: 5 min
  Now: errors 0.2%, p95 40 ms, 100 req/s
  Impact: one in three payments fails
  Severity: SEV2 → SEV1 at 12:05 UTC (every payment now)
  Incident commander: @Ana Ruiz
  Free roles: technical lead, communications lead
  Next: The next update is due (12:20 UTC); Escalate to level 2 (12:35 UTC); Escalate to level 3 (13:05 UTC)
  Pending: nothing
  Open tasks: T1 ask the database team · @Ben Okafor, due 12:30 UTC
  Suspected: H2 a bad deploy
  Ruled out: H1 the connection pool is exhausted (half of it is free)
  Decided: no failover before 13:00
  Links: error rate (https://grafana.example/d/1)
  [Errors and p95 of gateway, 11:50 to 12:05 UTC. Error rate: last 1%, between 1% and 30%, highest at 11:57; above the objective of 5% from 11:57 to 11:59. p95: always 40 ms; never above the objective of 500 ms.]"""  # noqa: E501


def reading(error_rate: float) -> Reading:
    return Reading(
        at=START,
        window_seconds=60,
        requests=600,
        errors=round(600 * error_rate),
        error_rate=error_rate,
        rps=10,
        p95_ms=40,
    )


async def a_long_night(stage: Stage, channel: str) -> None:
    await stage.measured(reading(0.3), reading(0.2), reading(0.01))
    await stage.quietly(
        "ana",
        channel,
        "/incident role claim ic",
        "/incident note --as impact one in three payments fails",
        "/incident hypothesis the connection pool is exhausted",
        "/incident hypothesis a bad deploy",
        "/incident hypothesis H1 ruled-out half of it is free",
        "/incident note --as decision no failover before 13:00",
        "/task add ask the database team @ben --due 30m",
        "/incident link https://grafana.example/d/1 error rate",
    )
    stage.later(minutes=5)
    await stage.quietly("ben", channel, "/incident severity sev1 every payment now", "/incident status identified pool")


async def test_a_handover_tells_everything_that_the_next_person_must_know(stage: Stage) -> None:
    incident = await stage.declares("sev2 payments fail")
    await a_long_night(stage, incident.channel)
    said = await stage.types("ana", incident.channel, "/handover @ben the database team calls back at one")
    assert said == golden(
        """
        [#incident-20260301-001, all]
        Handover: SEV1 · payments fail
          @Ana Ruiz hands over as incident commander to @Ben Okafor.
          What matters: the database team calls back at one
        """,
        SITUATION,
        "  [Accept] [Decline]",
    )


@transcript("/catchup")
async def test_who_comes_back_reads_what_is_new(stage: Stage) -> None:
    incident = await stage.declares("sev2 payments fail")
    await stage.quietly("chloe", incident.channel, "/incident note I go for lunch")
    await a_long_night(stage, incident.channel)
    assert await stage.asks("chloe", incident.channel, "/catchup") == golden(
        """
        Catch-up: SEV1 · payments fail
          2 new since you last did something here, 12:00 UTC:
          12:05 UTC · @Ben Okafor set the status to identified (pool)
          12:05 UTC · @Ben Okafor changed the severity from SEV2 to SEV1 (every payment now)
        """,
        SITUATION,
    )
    stage.later(minutes=1)
    await stage.quietly("ben", incident.channel, "/task done T1")
    again = (await stage.asks("chloe", "general", f"/catchup {incident.id}")).splitlines()
    assert "\n".join(again[:3]) == golden("""
        Catch-up: SEV1 · payments fail
          1 new since you last caught up, 12:05 UTC:
          12:06 UTC · @Ben Okafor did T1: ask the database team
        """)
    assert (await stage.asks("eve", incident.channel, "/catchup")).splitlines()[1].strip() == golden("""
          13 new since the declaration, 12:00 UTC:
        """)
    assert (await stage.asks("eve", incident.channel, "/catchup --since 30s")).splitlines()[1].strip() == golden("""
          1 new in the last 30 s:
        """)


async def test_what_was_read_in_the_console_is_not_new(stage: Stage) -> None:
    incident = await stage.declares()
    stage.later(minutes=2)
    await stage.quietly("ana", incident.channel, "/incident note the first")
    record = stage.world.app.record
    last = (await record.messages(incident.channel, "eve"))[-1]
    await record.mark_read(incident.channel, "eve", last.id)
    stage.later(minutes=1)
    await stage.quietly("ana", incident.channel, "/incident note the second")
    said = await stage.asks("eve", "general", f"/catchup #{incident.id}")
    assert "\n".join(said.splitlines()[:3]) == golden("""
        Catch-up: SEV1 · API answers 502
          1 new since you last looked, 12:02 UTC:
          12:03 UTC · @Ana Ruiz: the second
        """)


async def test_a_private_story_is_told_to_its_people_only(stage: Stage) -> None:
    incident = await stage.declares("--private sev1 keys leaked")
    assert await stage.asks("eve", "general", f"/catchup {incident.id}") == golden("""
        There is no incident incident-20260301-001.
          Try: /incident list
          (You typed: /catchup incident-20260301-001)
        """)
