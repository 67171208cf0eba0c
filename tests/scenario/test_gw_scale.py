"""`/gw scale`, from the question to the result."""

from __future__ import annotations

from tests.world import World


async def test_a_scale_is_planned_confirmed_executed_and_verified(tocsin_on: World) -> None:
    incident = await tocsin_on.declare()
    receipt = await tocsin_on.command("ben", incident.channel, "/gw scale 10")
    shown = await tocsin_on.read(receipt.reply_key)
    assert shown.splitlines()[0] == "Scale gateway up from 3 to 10 workers?"
    assert "Now: 3 of 3 workers ready" in shown
    assert "[Confirm] [Veto] [Cancel]" in shown
    assert tocsin_on.gateway.desired == 3
    await tocsin_on.click("ana", receipt.reply_key, "Confirm")
    plan = await tocsin_on.settled()
    assert (plan.state, tocsin_on.gateway.desired, tocsin_on.gateway.asked) == ("done", 10, ["scale"])
    assert plan.result == "10 of 10 workers ready; verified; errors 0.2% → 0.2%, p95 40 ms → 40 ms"


async def test_a_plan_that_waits_is_cancelled_when_the_incident_is_resolved(tocsin: World) -> None:
    incident = await tocsin.declare()
    receipt = await tocsin.command("ben", incident.channel, "/gw scale 10")
    await tocsin.command("ana", incident.channel, "/incident resolve it was a false alarm")
    assert (await tocsin.read(receipt.reply_key)).splitlines()[0] == "Cancelled: Scale gateway up from 3 to 10 workers"
    assert (await tocsin.plan()).state == "cancelled"
    assert tocsin.gateway.asked == []
