"""The watch: a breach that lasts is told and declared once, whatever fails in between."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from bot.delivery import OwnIntake, Receipt, TextDelivery
from bot.sections import WatchSettings
from bot.store import schema
from bot.store.errors import StoreUnavailable
from bot.store.transaction import SqlTransaction
from bot.watch import Watch
from commands.domain.incident import Incident, Measured
from tests.world import World

SETTINGS = WatchSettings(declare=True, readings=3, every_seconds=5)


def watch(world: World, intake: OwnIntake | None = None, **settings: Any) -> Watch:
    """A process that watches, from its start."""
    app = world.app
    return Watch(app.store, app.services, intake or app.pipeline, SETTINGS.model_copy(update=settings))


async def measures(world: World, watching: Watch, times: int, *, bad: bool, errors: float = 0.5) -> None:
    """Some readings in a row; whoever fails is asked again, as `run` does."""
    world.gateway.reading_now = world.gateway.reading_now.model_copy(update={"error_rate": errors if bad else 0.0})
    for _ in range(times):
        world.clock.advance(timedelta(seconds=5))
        try:
            await watching.once()
        except StoreUnavailable:
            continue
        finally:
            await world.app.pipeline.drain()


async def opened(world: World) -> list[Incident]:
    return await world.app.store.look(lambda tx: tx.incidents.recent(open_only=False, limit=10))


async def measured(world: World, incident: str) -> list[str]:
    """What the watch put on a timeline."""
    entries = await world.app.store.look(lambda tx: tx.incidents.timeline(incident))
    return [entry.event.text.split(":")[0] for entry in entries if isinstance(entry.event, Measured)]


async def said(world: World, channel: str) -> list[str]:
    """The titles of what stands in a channel."""
    return [one.card.title for one in await world.app.record.messages(channel, "ana") if one.card]


async def test_a_breach_that_lasts_is_declared_once(tocsin_on: World) -> None:
    watching = watch(tocsin_on)
    await measures(tocsin_on, watching, 2, bad=True)
    assert await opened(tocsin_on) == []
    await measures(tocsin_on, watching, 6, bad=True)
    (incident,) = await opened(tocsin_on)
    assert (incident.severity, incident.source) == ("SEV3", "watch")
    assert incident.title.startswith("gateway: errors 50.0%")


@dataclass
class Failing:
    """An intake whose store is gone a number of times, before it is asked or after it has answered."""

    pipeline: OwnIntake
    before: int = 0
    after: int = 0

    async def by_itself(self, delivery: TextDelivery) -> Receipt:
        """See OwnIntake."""
        if self.before:
            self.before -= 1
            raise StoreUnavailable("gone")
        receipt = await self.pipeline.by_itself(delivery)
        if self.after:
            self.after -= 1
            raise StoreUnavailable("gone")
        return receipt


@pytest.mark.parametrize(("before", "after"), [(1, 0), (3, 2), (0, 2)])
async def test_a_store_that_fails_in_between_neither_loses_nor_doubles_it(
    tocsin: World, before: int, after: int
) -> None:
    watching = watch(tocsin, Failing(tocsin.app.pipeline, before, after))
    await measures(tocsin, watching, 12, bad=True)
    assert len(await opened(tocsin)) == 1


async def test_the_next_process_declares_what_the_last_one_owed(tocsin_on: World) -> None:
    await measures(tocsin_on, watch(tocsin_on, Failing(tocsin_on.app.pipeline, before=99)), 3, bad=True)
    assert await opened(tocsin_on) == []
    await measures(tocsin_on, watch(tocsin_on), 2, bad=True)
    assert len(await opened(tocsin_on)) == 1


async def test_what_recovered_before_it_could_be_declared_is_owed_no_more(tocsin: World) -> None:
    failing = watch(tocsin, Failing(tocsin.app.pipeline, before=99))
    await measures(tocsin, failing, 3, bad=True)
    await measures(tocsin, failing, 3, bad=False)
    await measures(tocsin, watch(tocsin), 3, bad=False)
    assert await opened(tocsin) == []


async def test_readings_before_and_after_a_restart_are_in_a_row(tocsin: World) -> None:
    for _ in range(3):
        await measures(tocsin, watch(tocsin), 1, bad=True)
    assert len(await opened(tocsin)) == 1


async def test_readings_with_hours_between_them_are_not_in_a_row(tocsin: World) -> None:
    for _ in range(3):
        await measures(tocsin, watch(tocsin), 1, bad=True)
        tocsin.clock.advance(timedelta(hours=1))
    assert await opened(tocsin) == []


async def _lease(world: World, **values: Any) -> None:
    await world.app.store.database.write(lambda c: c.execute(schema.leases.update().values(values)))


async def test_a_second_breach_after_the_lease_was_away_is_declared(tocsin: World) -> None:
    """Another process saw the recovery, and told of it."""
    watching = watch(tocsin)
    await measures(tocsin, watching, 4, bad=True)
    (first,) = await opened(tocsin)
    await tocsin.command("ana", first.channel, "/incident resolve --anyway it is over")
    owner = tocsin.app.store.owner
    await _lease(tocsin, owner="another", until=2e10)
    await measures(tocsin, watching, 3, bad=False)
    await _lease(tocsin, owner=owner)
    await measures(tocsin, watch(tocsin), 3, bad=False)
    await measures(tocsin, watching, 4, bad=True)
    assert len(await opened(tocsin)) == 2


async def test_a_breach_and_a_recovery_are_told_once_where_people_work_on_it(tocsin_on: World) -> None:
    incident = await tocsin_on.declare()
    for bad in (True, False):
        for _ in range(3):
            await measures(tocsin_on, watch(tocsin_on), 2, bad=bad)
    assert await measured(tocsin_on, incident.id) == ["outside the objectives", "recovered"]
    titles = await said(tocsin_on, incident.channel)
    assert titles[-2:] == ["Outside the objectives", "Within the objectives again"]
    assert len(await opened(tocsin_on)) == 1


async def test_what_gets_worse_is_told_with_the_severity_that_it_is(tocsin: World) -> None:
    watching = watch(tocsin)
    await measures(tocsin, watching, 3, bad=True, errors=0.2)
    (incident,) = await opened(tocsin)
    for errors, times in ((0.6, 2), (0.99, 3), (0.6, 5)):  # the mildest of three in a row has lasted
        await measures(tocsin, watching, times, bad=True, errors=errors)
    titles = [title for title in await said(tocsin, incident.channel) if "figures" in title]
    assert titles == ["The figures are those of SEV2", "The figures are those of SEV1"]
    text = await tocsin.read((await tocsin.app.record.messages(incident.channel, "ana"))[-1].key)
    assert "That is SEV1: Complete service outage. If so: /incident severity SEV1 errors 99.0%" in text


async def test_with_a_severity_of_the_settings_that_one_is_declared(tocsin: World) -> None:
    await measures(tocsin, watch(tocsin, severity="sev1"), 4, bad=True)
    (incident,) = await opened(tocsin)
    assert incident.severity == "SEV1"


async def test_of_two_that_watch_at_once_one_tells(tocsin_on: World) -> None:
    import asyncio

    incident = await tocsin_on.declare()
    both = watch(tocsin_on), watch(tocsin_on)
    tocsin_on.gateway.down = True
    for _ in range(4):
        tocsin_on.clock.advance(timedelta(seconds=5))
        await asyncio.gather(*(one.once() for one in both))
    assert await measured(tocsin_on, incident.id) == ["outside the objectives"]


async def test_a_refusal_of_its_own_incident_is_told_to_everybody(tocsin: World) -> None:
    await measures(tocsin, watch(tocsin, severity="sev9"), 5, bad=True)
    shown = (await said(tocsin, "incidents"))[-1]
    assert shown == "gateway is outside its objectives, and I could not open an incident"
    assert await opened(tocsin) == []
    text = await tocsin.read((await tocsin.app.record.messages("incidents", "ana"))[-1].key)
    assert "Why: " in text
    assert "sev9" in text
    assert "Open one: /incident declare SEV3 gateway: errors 50.0%" in text


async def test_nothing_is_declared_where_nobody_asked_for_it(tocsin: World) -> None:
    await measures(tocsin, watch(tocsin, declare=False), 5, bad=True)
    assert await opened(tocsin) == []


async def test_old_readings_are_forgotten(tocsin: World) -> None:
    watching = watch(tocsin, keep_days=1)
    await measures(tocsin, watching, 2, bad=False)
    tocsin.clock.advance(timedelta(days=2))
    await measures(tocsin, watching, 1, bad=False)

    def kept(tx: SqlTransaction) -> int:
        return len(tx.samples.newest("gateway", since=tx.now - timedelta(days=9), limit=99))

    assert await tocsin.app.store.look(kept) == 1
