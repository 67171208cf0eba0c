"""Maintenance windows: planned, announced a day before, begun, prolonged, ended; what people and the public read."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from bot.store.transaction import SqlTransaction
from commands.domain.maintenance import MaintenanceState
from commands.domain.ticket import Ticket
from tests.scenario.stage import Stage, golden, transcript
from tests.scenario.upkeep import LINE, Works, in_both


@transcript("/maintenance", "/maintenance plan")
async def test_a_window_is_planned_and_announced_a_day_before(works: Works) -> None:
    stage = works.stage
    assert await works.asks("/maintenance") == golden("""
        Maintenance
          None is planned.
          (To plan one: /maintenance plan "Database upgrade" from 22:00 to 23:30 --service gateway)
        """)
    assert await stage.types("ben", "general", LINE) == in_both(
        """
        Maintenance planned: Database upgrade
          From: 2026-03-03 22:00 UTC
          To: 2026-03-03 23:30 UTC (1 h 30 min)
          Affects: gateway, API
          The public reads: nothing yet; of it a day before, or by /maintenance announce maint-…
          (planned by @Ben Okafor · maint-…)
        """,
        new=True,
    )
    assert "Database upgrade" not in await works.page(), "nobody out there knows yet"
    assert await works.looks(hours=33) == ""
    assert await works.looks(hours=1) == in_both(
        """
        Maintenance planned: Database upgrade
          From: 2026-03-03 22:00 UTC
          To: 2026-03-03 23:30 UTC (1 h 30 min)
          Affects: gateway, API
          The public reads: We will do maintenance on this service.
          (planned by @Ben Okafor · maint-…)
        """,
        hint="Before it begins: back up the configuration, and see that the backup can be read.",
    )
    page = await works.page()
    assert "Database upgrade" in page
    assert "2026-03-03 22:00 UTC" in page
    assert "All systems operational" in page
    feed = (await works.public.get("/status/feed.atom")).text
    assert "Maintenance: Database upgrade" in feed
    assert "From 2026-03-03T22:00+00:00 to 2026-03-03T23:30+00:00." in feed
    assert works.there == [("scheduled", ["We will do maintenance on this service."], {"c1": "operational"})]
    assert await works.looks(hours=1) == "", "once"
    assert await works.asks("/maintenance") == golden("""
        Maintenance
          Database upgrade · planned · 2026-03-03 22:00 UTC to 2026-03-03 23:30 UTC · public · maint-…
          (To plan one: /maintenance plan "Database upgrade" from 22:00 to 23:30 --service gateway)
        """)


async def begun(works: Works) -> None:
    """By its button: the public reads it, and alerts are silenced."""
    stage = works.stage
    assert await stage.presses("ben", "general", "Begin") == in_both(
        """
        Maintenance running: Database upgrade
          From: 2026-03-01 13:00 UTC
          To: 2026-03-01 14:00 UTC (1 h)
          Affects: gateway, API
          Alerts: of gateway are silenced until its end
          The public reads: The maintenance has begun.
          (planned by @Ben Okafor · maint-…)
        """,
        hint="To show everybody a page meanwhile: /gw maintenance on",
        done="Begun by @Ben Okafor.",
    )
    page = await works.page()
    assert "Maintenance now" in page
    assert "Under maintenance" in page
    await works.looks()
    assert works.there[0][0] == "in_progress"
    assert works.there[0][2] == {"c1": "under_maintenance"}
    assert "gateway" in await works.asks("/silences")


async def made_longer(works: Works) -> None:
    """People are asked to end it, and take more time."""
    stage = works.stage
    assert await works.looks(minutes=31) == golden("""
        [#general, all]
        End the maintenance? Database upgrade
          @Ben Okafor: it was to be over at 14:00 UTC.
          [End] [30 min more]
          (maint-…)
        """)
    assert await stage.types("ben", "general", "/maintenance extend by 45m") == in_both(
        """
        Maintenance running: Database upgrade
          From: 2026-03-01 13:00 UTC
          To: 2026-03-01 14:45 UTC (1 h 45 min)
          Affects: gateway, API
          Alerts: of gateway are silenced until its end
          The public reads: The maintenance takes longer.
          (planned by @Ben Okafor · maint-…)
        """,
        done="Extended by @Ben Okafor.",
    )
    assert (await works.asks("/silences")).count("until") == 1, "the longer one alone"
    assert await works.looks(minutes=44) == ""


async def ended(works: Works) -> None:
    """All is as it was, and somebody looks once more."""
    stage = works.stage
    assert await stage.types("ben", "general", "/maintenance end") == in_both(
        """
        Maintenance done: Database upgrade
          From: 2026-03-01 13:00 UTC
          To: 2026-03-01 14:45 UTC (1 h 45 min)
          Affects: gateway, API
          The public reads: The maintenance is over.
          (planned by @Ben Okafor · maint-…)
        """,
        hint="See that all is well: /gw status /gw errors\nYou are reminded to look once more in 30 min.",
    )
    await works.looks()
    assert works.there[0][0] == "completed"
    assert works.there[0][2] == {"c1": "operational"}
    assert "Nothing is silenced" in await works.asks("/silences")
    assert "All systems operational" in await works.page()
    assert "Database upgrade" not in await works.page()
    assert "see that all is well" in await works.looks(minutes=30)


@transcript("/maintenance start", "/maintenance extend", "/maintenance end")
async def test_people_are_asked_to_begin_and_to_end_it(works: Works) -> None:
    stage = works.stage
    await stage.quietly("ben", "general", '/maintenance plan "Database upgrade" from 13:00 to 14:00 --service gateway')
    await works.looks()
    assert await works.looks(hours=1) == golden("""
        [#general, all]
        Begin the maintenance? Database upgrade
          @Ben Okafor: it was to begin at 13:00 UTC.
          [Begin] [Cancel it]
          (maint-…)
        """)
    assert await works.looks(minutes=29) == ""
    await begun(works)
    await made_longer(works)
    await ended(works)


@transcript("/maintenance announce", "/maintenance cancel")
async def test_one_is_announced_early_and_called_off(works: Works) -> None:
    stage = works.stage
    await stage.quietly("ben", "general", LINE)
    assert await stage.types("ben", "general", "/maintenance announce") == in_both("""
        Maintenance planned: Database upgrade
          From: 2026-03-03 22:00 UTC
          To: 2026-03-03 23:30 UTC (1 h 30 min)
          Affects: gateway, API
          The public reads: We will do maintenance on this service.
          (planned by @Ben Okafor · maint-…)
        """)
    assert await stage.types("ben", "general", "/maintenance cancel") == in_both("""
        Maintenance cancelled: Database upgrade
          From: 2026-03-03 22:00 UTC
          To: 2026-03-03 23:30 UTC (1 h 30 min)
          Affects: gateway, API
          The public reads: The maintenance was cancelled.
          (planned by @Ben Okafor · maint-…)
        """)
    assert "Called off" in await works.page()
    assert "Called off" not in await works.page_in(days=3)
    assert works.there == [], "what was taken back before it was told is never told"
    assert await works.asks("/maintenance start") == golden("""
        None is planned.
          Try: /maintenance
          (You typed: /maintenance start)
        """)


async def test_what_nobody_began_lapses(works: Works) -> None:
    await works.stage.quietly("ben", "general", '/maintenance plan "Upgrade" from 13:00 to 14:00')
    await works.looks()
    await works.looks(hours=1)
    assert await works.looks(hours=1) == golden("""
        [#incidents, all, edited]
        Maintenance lapsed: Upgrade
          From: 2026-03-01 13:00 UTC
          To: 2026-03-01 14:00 UTC (1 h)
          The public reads: The maintenance did not take place.
          (planned by @Ben Okafor · maint-…)
        [#general, all, edited]
        Maintenance: Upgrade
          Lapsed.
        """)
    assert works.there[0][:2] == (
        "completed", ["The maintenance did not take place.", "We will do maintenance on this service."],
    )  # fmt: skip
    assert "Upgrade" not in await works.page()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ('"A" from 25:00 to 13:00', "is no time"),
        ('"A" from 2026-02-01T10:00 to 13:00', "begins within a year"),
        ('"A" from 13:00 to 2026-03-01T12:30', "ends after it began"),
        ('"A" from 13:00 to 14:00 --components web', "There is no component web"),
        ('"" from 13:00 to 14:00', "A title has"),
    ],
)
async def test_a_window_that_makes_no_sense_is_refused(shared: Stage, typed: str, said: str) -> None:
    assert said in await shared.asks("ben", "general", f"/maintenance plan {typed}")


async def test_who_may_not_change_the_gateway_plans_nothing(shared: Stage) -> None:
    said = await shared.asks("chloe", "general", '/maintenance plan "A" from 13:00 to 14:00')
    assert "may" in said.casefold()
    assert "None is planned." in await shared.asks("ana", "general", "/maintenance")


async def test_a_window_and_a_ticket_are_kept_by_both_kinds_of_database(stage_on: Stage) -> None:
    await stage_on.quietly("ben", "general", '/maintenance plan "Upgrade" from 13:00 to 14:00', "/maintenance start")
    store, now = stage_on.world.app.store, stage_on.world.clock.now()
    ticket = Ticket(incident="incident-20260301-001", system="Jira", key="OPS-1", seen={"state": "Done"}, made_at=now)
    for one in (ticket.model_copy(update={"key": "", "seen": {}}), ticket):
        await store.transact(f"ticket:{one.key}", partial(_put, one))
    windows, tickets = await store.look(lambda tx: (tx.maintenances.since(now), tx.tickets.open("Jira", since=now)))
    assert [one.state for one in windows] == [MaintenanceState.RUNNING]
    assert tickets == [ticket]
    await stage_on.quietly("ben", "general", "/maintenance end")
    later = now + timedelta(days=1)
    assert await store.look(lambda tx: [*tx.maintenances.standing(), *tx.maintenances.since(later)]) == []


def _put(ticket: Ticket, tx: SqlTransaction) -> None:
    tx.tickets.put(ticket)
