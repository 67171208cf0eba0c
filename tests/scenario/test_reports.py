"""Reports: what happened in a span of time, how fast people were, and what came back; nothing of what is private."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import httpx
import pytest

from bot.reports import Reports
from commands.domain.incident import Declared, Incident, begin
from commands.domain.period import ReportKind, Scheduled
from commands.domain.sli import Reading
from commands.reporting import of_channel
from tests.scenario.stage import Stage, Still, golden, transcript
from tests.world import settings_for, world


@pytest.fixture
async def stage(sqlite_url: str) -> AsyncIterator[Stage]:
    async with world(settings_for(sqlite_url), clock=Still()) as running:
        yield Stage(running)


async def three_incidents(stage: Stage) -> None:
    """Two with one cause, of which the second lasted longer; and a private one."""
    for title, minutes in (("API answers 502", 10), ("=API is slow", 30)):
        incident = await stage.declares(f"sev2 {title}")
        lines = ("/incident role claim ic", "/incident note --as cause The pool was exhausted.")
        await stage.quietly("ben", incident.channel, *lines)
        stage.later(minutes=minutes)
        await stage.quietly("ben", incident.channel, "/incident resolve rolled back")
        await stage.drafted(incident)
        stage.later(hours=1)
    await stage.declares("--private sev1 keys leaked")
    stage.later(minutes=1)


def reading(at: datetime, error_rate: float) -> Reading:
    return Reading(at=at, window_seconds=10, requests=1000, errors=round(1000 * error_rate), error_rate=error_rate)


async def was_measured(stage: Stage, *rates: float) -> None:
    """One reading an hour until now."""
    now = stage.world.clock.now()
    kept = [reading(now - timedelta(hours=len(rates) - n), rate) for n, rate in enumerate(rates, start=1)]
    await stage.world.app.store.transact("kept", lambda tx: [tx.samples.add("gateway", one) for one in kept])


def begun(**values: Any) -> Incident:
    """An incident somewhere."""
    common = {"incident": "incident-20260301-009", "severity": "SEV2", "title": "x", "service": "gateway"}
    declared = Declared.model_validate({**common, "declared_by": "ana", "channel": "c", **values})
    return begin(declared, datetime(2026, 3, 1, 12, tzinfo=UTC))


async def told(stage: Stage, title: str) -> str:
    """The report, once it was made."""

    async def there() -> str:
        said = await stage.news()
        return said[said.index(title) :] if title in said else ""

    return str(await stage.world.until(there))


@transcript("/report")
async def test_a_report_says_how_often_how_fast_and_why_again(stage: Stage) -> None:
    await three_incidents(stage)
    await was_measured(stage, 0.0, 0.004, 0.0, 0.0)
    assert await stage.asks("eve", "general", "/report mttr 30d") == golden("""
        Response times: it is being made
          It comes here in a moment.
        """)
    await stage.news()
    assert await told(stage, "Response times:") == golden("""
        Response times: 3 incidents
          Came back: the pool was exhausted (2 times).
          #incident-20260301-002 SEV2 =API is slow; #incident-20260301-001 SEV2 API answers 502
          1 private incident is counted only.
          From: 2026-01-30 14:41 UTC
          Until: 2026-03-01 14:41 UTC
          Incidents: SEV1 1, SEV2 2
          Availability of gateway: 99.900%, objective 99.99%; 10.0 times the error budget of this span spent
          [Response times of gateway, 2026-01-30 14:41 to 2026-03-01 14:41 UTC. Incidents: last 2, between 0 and 2, highest at 2026-03-01 14:41. Error rate: last 0%, between 0% and 0.4%, highest at 2026-03-01 12:41; never above the objective of 5%.]
                What                       Median  9 of 10 within  Longest  Of
          TTA   time to acknowledge        0 s     0 s             0 s      2
          Open  from declared to resolved  20 min  28 min          30 min   2
          SEV2  from declared to resolved  20 min  28 min          30 min   2
          (Files: HTML (/reports/mttr/20260130T144100Z/20260301T144100Z.html) · CSV (/reports/mttr/20260130T144100Z/20260301T144100Z.csv))
        """)  # noqa: E501


async def visited(stage: Stage, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=stage.world.app.console)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8700") as client:
        await client.get("/")
        return await client.get(path)


async def test_its_files_are_complete_and_harmless(stage: Stage) -> None:
    await three_incidents(stage)
    now = stage.world.clock.now() + timedelta(minutes=1)
    span = f"{now - timedelta(days=1):%Y%m%dT%H%M%SZ}/{now:%Y%m%dT%H%M%SZ}"
    rows = list(csv.DictReader(io.StringIO((await visited(stage, f"/reports/daily/{span}.csv")).text)))
    assert [(row["title"], row["open_seconds"], row["causes"]) for row in rows] == [
        ("'=API is slow", "1800", "the pool was exhausted"),
        ("API answers 502", "600", "the pool was exhausted"),
    ]
    page = (await visited(stage, f"/reports/daily/{span}.html")).text
    assert "Daily status of gateway" in page
    assert "the pool was exhausted: 2 times" in page
    assert "keys leaked" not in page
    assert "1 private, counted only" in page
    assert (await visited(stage, "/reports/yearly/x/y.csv")).status_code == 404
    assert (await visited(stage, "/reports/daily/x/y.csv")).status_code == 404
    for ending in ("csv", "html"):
        assert (await visited(stage, f"/reports/daily/00010101T000000Z/99991231T235959Z.{ending}")).status_code == 404


def test_a_workspace_reads_of_its_own_incidents_and_of_those_at_home() -> None:
    theirs = begun(platform="slack:T2")
    assert [of_channel(where)(theirs) for where in ("general", "general@slack:T2", "general@slack:T1")] == [
        True, True, False,
    ]  # fmt: skip
    assert of_channel("general@slack:T1")(begun(platform="console"))
    assert not of_channel("general")(begun(platform="console", private=True))


async def test_what_is_no_span_is_refused(stage: Stage) -> None:
    assert await stage.asks("ana", "general", "/report weekly 9999d") == golden("""
        A report goes over a minute to 366 d.
          Try: /report mttr 30d
          (You typed: /report weekly 9999d)
        """)


async def test_a_report_that_is_due_is_made_once(stage: Stage) -> None:
    app = stage.world.app
    every = [Scheduled(kind=ReportKind.DAILY, channel="general", at=time(11, 30), zone="UTC")]
    await Reports(app.store, app.services, every).once()
    await Reports(app.store, app.services, every).once()  # another process, or the same after a restart
    assert (await told(stage, "Daily status:")).count("Daily status:") == 1
    stage.later(hours=1)
    await Reports(app.store, app.services, every).once()
    assert "Daily status:" not in await stage.news()
    stage.later(hours=23)
    await Reports(app.store, app.services, every).once()
    assert "Daily status:" in await told(stage, "Daily status:")


@pytest.mark.parametrize(
    ("kind", "now", "due"),
    [
        (ReportKind.DAILY, "2026-03-29T06:00", "2026-03-29T05:00"),  # the night in which the clocks go on
        (ReportKind.DAILY, "2026-03-29T04:59", "2026-03-28T06:00"),
        (ReportKind.WEEKLY, "2026-03-01T12:00", "2026-02-23T06:00"),
        (ReportKind.MONTHLY, "2026-03-01T05:59", "2026-02-01T06:00"),
        (ReportKind.MONTHLY, "2026-03-01T06:00", "2026-03-01T06:00"),
        (ReportKind.QUARTERLY, "2026-03-01T12:00", "2026-01-01T06:00"),
    ],
)
def test_reports_are_due_by_the_clock_on_the_wall(kind: ReportKind, now: str, due: str) -> None:
    def utc(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    values: dict[str, Any] = {"kind": kind, "channel": "general", "at": time(7, 0), "zone": "Europe/Berlin"}
    assert Scheduled(**values).due(utc(now)) == utc(due)
