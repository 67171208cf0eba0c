"""Ids of incidents: `incident-YYYYMMDD-NNN`, unique whatever happens at once."""

from __future__ import annotations

import asyncio

from bot.store.transaction import SqlTransaction
from commands.domain.incident import Declared
from commands.ports import Room
from tests.scenario.stage import Stage


async def test_numbers_begin_anew_with_each_day(stage: Stage) -> None:
    stage.later(hours=11, minutes=59, seconds=59)
    assert (await stage.declares()).id == "incident-20260301-001"
    assert (await stage.declares()).id == "incident-20260301-002"
    stage.later(seconds=1)
    assert (await stage.declares()).id == "incident-20260302-001"


async def test_the_thousandth_incident_of_a_day_has_an_id_like_any_other(stage: Stage) -> None:
    name = "incident-20260301-999"

    def nine_hundred_and_ninety_nine(tx: SqlTransaction) -> None:
        event = Declared(
            incident=name, severity="SEV4", title="one of many", service="gateway", declared_by="ana", channel=name,
            platform="console",
        )  # fmt: skip
        tx.incidents.declare(event, actor="ana")
        tx.messages.open_channel(Room(name=name, platform="console", private=False))

    await stage.world.app.store.transact("many", nine_hundred_and_ninety_nine)
    stage.later(seconds=1)
    assert (await stage.declares()).id == "incident-20260301-1000"
    stage.later(seconds=1)
    assert (await stage.declares()).id == "incident-20260301-1001"
    listed = (await stage.asks("ana", "general", "/incident list")).splitlines()[1:]
    assert [line.split()[-1] for line in listed] == [
        "#incident-20260301-1001", "#incident-20260301-1000", "#incident-20260301-999",
    ]  # fmt: skip
    assert "SEV1" in await stage.asks("ana", "general", "/incident show incident-20260301-1000")


async def test_incidents_declared_at_once_have_ids_of_their_own(stage_on: Stage) -> None:
    receipts = await asyncio.gather(
        *(stage_on.world.command("ana", "general", f"/incident declare sev2 number {n}") for n in range(12))
    )
    assert all(receipt.accepted for receipt in receipts)
    found = await stage_on.world.app.store.look(lambda tx: tx.incidents.recent(open_only=True, limit=50))
    assert sorted(incident.id for incident in found) == [f"incident-20260301-{n:03d}" for n in range(1, 13)]
    assert len({incident.title for incident in found}) == 12
