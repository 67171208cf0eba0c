"""An order that the gateway would end by itself lasts as long as its lease, also when that is renewed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.scenario.steering import Steered

LINES = {
    "/gw loglevel debug for 15m": ("/admin/config/overrides", "overrides"),
    "/gw drain backend blue for 15m": ("/admin/upstreams/overrides", "overrides"),
    "/gw weight backend blue=3 --for 15m": ("/admin/upstreams/overrides", "overrides"),
    "/gw breaker closed backend for 15m": ("/admin/circuit-breaker/overrides", "overrides"),
}


async def renewed(here: Steered, line: str, span: str) -> str:
    """A plan that is made and then renewed; its id."""
    await here.runs(line)
    plan = await here.bot.plan()
    assert "Renewed" in await here.says(f"/lease renew {plan.id} {span}")
    return plan.id


@pytest.mark.parametrize("line", LINES)
async def test_a_renewal_is_told_to_the_gateway(here: Steered, line: str) -> None:
    path, within = LINES[line]
    plan = await renewed(here, line, "2h")

    async def told() -> bool:
        (order,) = here.ask(path)[within]
        left = datetime.fromisoformat(order["expires_at"]) - datetime.now(UTC)
        return order["reason"] == f"{plan} by ben" and timedelta(hours=2) < left < timedelta(hours=2, minutes=6)

    await here.bot.until(lambda: settled(told))
    shown = await here.runs("/gw undo")
    assert ": Undo: " in shown
    assert here.ask(path)[within] == []


async def settled(told: object) -> bool:
    """Between the new order and the end of the former one there are two."""
    try:
        return bool(await told())  # type: ignore[operator]
    except ValueError:
        return False


async def test_a_renewal_that_the_gateway_has_not_taken_is_told(here: Steered) -> None:
    await here.runs("/gw loglevel debug for 15m")
    plan = await here.bot.plan()
    for order in here.ask("/admin/config/overrides")["overrides"]:
        here.process.admin.delete(f"/admin/config/overrides/{order['id']}").raise_for_status()
    await here.says(f"/lease renew {plan.id} 2h")

    async def told() -> bool:
        shown = await here.bot.app.record.messages("general", "ben")
        return any(one.card and one.card.title == f"Not prolonged: {plan.summary}" for one in shown)

    await here.bot.until(told)
    said = await here.bot.read(f"{plan.id}:lease:2:prolong", "ben")
    assert "gateway may end it by itself before: the gateway does not have the order any more." in said
