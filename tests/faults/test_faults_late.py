"""The clocks of a plan go on while the bot is dead."""

from __future__ import annotations

import time
from pathlib import Path

from commands.domain.plan import PlanState
from tests.faults.processes import scene
from tests.simulators.gateway.server import GatewaySimulator
from tests.waiting import eventually


def test_a_plan_whose_time_ran_out_while_the_bot_was_dead_expires(
    tmp_path: Path, database_url: str, gateway: GatewaySimulator
) -> None:
    with scene(tmp_path, database_url, gateway, policy={"approve_within_seconds": 3}) as acting:
        channel = acting.declare("declare-1")
        plan_id = acting.plan(channel, "/gw scale 5", delivery="scale-0001")
        token = acting.record.token(acting.message_of(plan_id), "Confirm")
        acting.bot.kill()
        plan = acting.record.plan(plan_id)
        assert plan.state is PlanState.PLANNED
        _until(plan.approve_by.timestamp())
        acting.bot.restart_after_kill(acting.record)
        plan = eventually(lambda: acting.record.ended(plan_id), f"{plan_id} expires")
        assert plan.state is PlanState.EXPIRED
        receipt = acting.bot.console.click("ana", channel, token)
        assert not receipt["accepted"]
        assert "out of date" in acting.record.text(receipt["reply_key"])
        assert gateway.state.desired == 3
        assert [one.kind for one in acting.record.audit() if one.detail.get("plan") == plan_id] == ["expired"]


def test_a_confirmed_plan_is_not_begun_after_its_time_to_execute(
    tmp_path: Path, sqlite_url: str, gateway: GatewaySimulator
) -> None:
    """Checked, then killed before the intent: after a long night, what was checked then says nothing about now."""
    with scene(tmp_path, sqlite_url, gateway, policy={"execute_within_seconds": 6}) as acting:
        channel = acting.declare("declare-1")
        held = gateway.faults.hold("GET /admin/metrics/summary")
        plan_id = acting.plan(channel, "/gw scale 5", delivery="scale-0001")
        acting.confirm(plan_id, channel)
        assert held.arrived.wait(30), acting.bot.said()
        acting.bot.kill()
        held.abandon()
        plan = acting.record.plan(plan_id)
        assert plan.state is PlanState.LOCKED
        _until(plan.execute_by.timestamp())
        acting.bot.restart_after_kill(acting.record)
        plan = eventually(lambda: acting.record.ended(plan_id), f"{plan_id} ends")
        assert (plan.state, gateway.state.effects[plan_id]) == (PlanState.FAILED, 0)
        assert plan.detail == "confirmed too long ago to run now; nothing was changed"
        acting.record.check_plan(plan, began=False)


def _until(moment: float) -> None:
    eventually(lambda: time.time() > moment, "time passes", within=30)
