"""Drills and what is measured: a fault that was injected opens no incident, and counts nowhere."""

from __future__ import annotations

from datetime import timedelta

from bot.clocks import Clocks
from bot.sections import WatchSettings
from bot.watch import Watch
from commands.domain.incident import Incident
from commands.domain.period import ReportKind
from commands.reporting import of_channel, period_report
from tests.fakes import START
from tests.scenario.drilling import Ground, ground

WATCH = WatchSettings(declare=True, readings=3, every_seconds=5)


async def _measures(drills: Ground, watching: Watch, times: int, *, errors: float) -> list[Incident]:
    """Some readings in a row; all incidents that there are by then."""
    world = drills.stage.world
    drills.gateway.reading_now = drills.gateway.reading_now.model_copy(update={"error_rate": errors})
    for _ in range(times):
        drills.stage.later(seconds=5)
        await watching.once()
        await world.app.pipeline.drain()
    return await world.app.store.look(lambda tx: tx.incidents.recent(open_only=False, limit=9))


async def test_the_watch_sees_a_drill_and_declares_nothing_until_it_is_over(drills: Ground) -> None:
    app = drills.stage.world.app
    watching = Watch(app.store, app.services, app.pipeline, WATCH)
    drill = await drills.starts("/drill start failing-backend --for 10m")
    assert await _measures(drills, watching, 6, errors=0.6) == [drill]
    await drills.stage.quietly("ana", drill.channel, "/drill stop")
    assert len(await _measures(drills, watching, 6, errors=0.6)) == 1
    kept = await app.store.look(lambda tx: tx.samples.between("gateway", drill.declared_at, app.services.clock.now()))
    assert {one.drill for one in kept} == {True}
    found = await _measures(drills, watching, 12, errors=0.6)
    assert [one.source for one in found] == ["watch", "person"]  # what does not end with the drill is real


async def test_at_the_table_what_is_measured_is_real(drills: Ground) -> None:
    app = drills.stage.world.app
    watching = Watch(app.store, app.services, app.pipeline, WATCH)
    drill = await drills.starts("/drill start outage --tabletop")
    assert drills.gateway.injected == []
    found = await _measures(drills, watching, 4, errors=0.6)
    assert [one.source for one in found] == ["watch", "person"]
    assert found[1].id == drill.id


async def test_a_drill_counts_in_no_report(drills: Ground) -> None:
    stage, channel = drills.stage, (await drills.starts()).channel
    bad = drills.gateway.reading_now.model_copy(update={"error_rate": 0.5, "errors": 500, "drill": True})
    good = bad.model_copy(update={"error_rate": 0.0, "errors": 0, "drill": False})
    await stage.measured(good, bad, bad, good)
    await stage.runs("ana", channel, "/gw restart", by="ben")
    await stage.quietly("ana", channel, "/incident resolve --anyway restarted")
    await stage.drafted(await drills.newest())
    stage.later(minutes=1)
    app = stage.world.app
    since, until = START - timedelta(days=1), app.services.clock.now()
    report = await app.store.look(
        lambda tx: period_report(ReportKind.WEEKLY, since, until, app.services, tx, of_channel("general"))
    )
    assert (report.past, report.levels, report.changes, report.times) == ((), (), (), ())
    assert report.reached
    assert report.reached.availability == 1


async def test_the_clocks_of_a_drill_call_nobody_in(sqlite_url: str) -> None:
    levels = [{"title": "Leads", "people": ["dev"]}, {"title": "Directors", "people": ["chloe"]}]
    async with ground(sqlite_url, clocks={"enabled": False, "escalation": levels}) as drills:
        await drills.starts("/drill start outage --for 1h")
        app = drills.stage.world.app
        drills.stage.later(minutes=50)
        await Clocks(app.store, app.services, every=5).once()
        said = await drills.stage.news()
        assert "SEV1 · DRILL: Nothing works needs somebody who decides." in said
        assert "In earnest, you would call: " in said
        assert "@Dev" not in said
        assert "@Chloe" not in said
