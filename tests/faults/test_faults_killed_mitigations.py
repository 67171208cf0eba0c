"""kill -9 at each step of a confirmed mitigation, then a restart: the end is true, and nothing happened twice."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from commands.domain.lease import Lease, LeaseState
from commands.domain.plan import Plan, PlanState
from tests.faults.processes import Scene
from tests.simulators.gateway.faults import Hold
from tests.waiting import eventually

Reach = Callable[[Scene, str, str], Hold]


def _at(request: str, when: str) -> Reach:
    """Confirm, and wait until the bot has sent a request, which is held."""

    def reach(acting: Scene, plan_id: str, channel: str) -> Hold:
        held = acting.gateway.faults.hold(request, "after" if when == "after" else "before")
        acting.confirm(plan_id, channel)
        assert held.arrived.wait(30), f"{request} never came: {acting.bot.said()}"
        return held

    return reach


def _through(*requests: str) -> Reach:
    """Confirm, and let the bot go from one request to the next; the last of them is held."""

    def reach(acting: Scene, plan_id: str, channel: str) -> Hold:
        held = _at(requests[0], "before")(acting, plan_id, channel)
        for request in requests[1:]:
            following = acting.gateway.faults.hold(request)
            held.release()
            assert following.arrived.wait(30), f"{request} never came: {acting.bot.said()}"
            held = following
        return held

    return reach


def _baseline(acting: Scene, plan_id: str, channel: str) -> Hold:
    """Confirm, and wait for the reading that follows when the evidence is captured; its own two figures fail."""
    acting.gateway.faults.fail("GET /admin/metrics/summary", times=2)
    return _at("GET /admin/metrics/summary", "before")(acting, plan_id, channel)


STEPS: dict[str, tuple[Reach, PlanState, PlanState, int]] = {
    "check": (_at("GET /admin/status", "before"), PlanState.LOCKED, PlanState.DONE, 1),
    "evidence": (_at("GET /admin/metrics/summary", "before"), PlanState.LOCKED, PlanState.DONE, 1),
    "before the effect": (_at("POST /admin/scale", "before"), PlanState.EXECUTING, PlanState.INTERRUPTED, 0),
    "after the effect": (_at("POST /admin/scale", "after"), PlanState.EXECUTING, PlanState.DONE, 1),
    "read-back": (_at("GET /admin/operations", "before"), PlanState.EXECUTING, PlanState.DONE, 1),
    "verification": (
        _through("GET /admin/operations", "GET /admin/metrics/summary"), PlanState.VERIFYING, PlanState.DONE, 1,
    ),
}  # fmt: skip
#: Where the database makes no difference to those above.
BETWEEN: dict[str, tuple[Reach, PlanState, PlanState, int]] = {
    "log of the evidence": (_at("GET /admin/logs", "before"), PlanState.LOCKED, PlanState.DONE, 1),
    "before the intent": (_baseline, PlanState.LOCKED, PlanState.DONE, 1),
    "before the end": (
        _through("GET /admin/operations", "GET /admin/metrics/summary", "GET /admin/metrics/summary"),
        PlanState.VERIFYING, PlanState.DONE, 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_a_scale_killed_at_any_step_ends_in_the_truth(acting: Scene, step: str) -> None:
    _killed(acting, *STEPS[step])


@pytest.mark.parametrize("step", BETWEEN)
def test_a_scale_killed_between_two_steps_ends_in_the_truth(sqlite_acting: Scene, step: str) -> None:
    _killed(sqlite_acting, *BETWEEN[step])


def _killed(acting: Scene, reach: Reach, state: PlanState, end: PlanState, effects: int) -> None:
    unique = uuid.uuid4().hex
    channel = acting.declare(f"declare-{unique}")
    plan_id = acting.plan(channel, "/gw scale 5", delivery=f"scale-{unique}")
    held = reach(acting, plan_id, channel)
    acting.bot.kill()
    assert acting.record.plan(plan_id).state is state
    held.abandon()
    acting.bot.restart_after_kill(acting.record)
    plan = _ended(acting, plan_id)
    assert (plan.state, acting.gateway.state.effects[plan_id]) == (end, effects), plan.detail
    assert acting.gateway.state.desired == (5 if effects else 3)
    acting.record.check_plan(plan, began=True)
    _tells_the_truth(acting, plan, effects)


def _ended(acting: Scene, plan_id: str) -> Plan:
    return eventually(lambda: acting.record.ended(plan_id), f"{plan_id} ends; {acting.bot.said()}")


def _tells_the_truth(acting: Scene, plan: Plan, effects: int) -> None:
    shown = acting.record.text(acting.message_of(plan.id))
    if effects:
        assert "5 of 5 workers ready" in shown
    else:
        assert "It did not happen: still 3 workers" in shown
        assert "Tocsin was restarted meanwhile" in shown


@pytest.mark.parametrize(
    ("when", "end", "effects"), [("after", PlanState.DONE, 1), ("before", PlanState.INTERRUPTED, 0)]
)
def test_a_gradual_change_killed_at_its_second_step_goes_on_or_says_how_far_it_came(
    sqlite_acting: Scene, when: str, end: PlanState, effects: int
) -> None:
    acting, unique = sqlite_acting, uuid.uuid4().hex
    channel = acting.declare(f"declare-{unique}")
    plan_id = acting.plan(channel, "/gw scale 12 --gradual", delivery=f"scale-{unique}")
    first = _at("POST /admin/scale", "before")(acting, plan_id, channel)
    second = acting.gateway.faults.hold("POST /admin/scale", "after" if when == "after" else "before")
    first.release()
    assert second.arrived.wait(30), acting.bot.said()
    acting.bot.kill()
    second.abandon()
    acting.bot.restart_after_kill(acting.record)
    plan, did = _ended(acting, plan_id), acting.gateway.state.effects
    assert (plan.state, did[f"{plan_id}.1"], did[f"{plan_id}.2"]) == (end, 1, effects), plan.detail
    assert acting.gateway.state.desired == (12 if effects else 6)
    assert plan.left_at == {"replicas": 12 if effects else 6}
    acting.record.check()


def test_a_confirmation_whose_work_had_not_begun_is_carried_out(acting: Scene) -> None:
    unique = uuid.uuid4().hex
    channel = acting.declare(f"declare-{unique}")
    plan_id = acting.plan(channel, "/gw scale 6", delivery=f"scale-{unique}")
    held = acting.gateway.faults.hold("GET /admin/status")
    acting.confirm(plan_id, channel)
    acting.bot.kill()
    assert acting.record.plan(plan_id).state in {PlanState.APPROVED, PlanState.LOCKED}
    acting.gateway.faults.clear()
    held.abandon()
    acting.bot.restart_after_kill(acting.record)
    plan = _ended(acting, plan_id)
    assert (plan.state, acting.gateway.state.effects[plan_id]) == (PlanState.DONE, 1), plan.detail
    acting.record.check_plan(plan, began=True)


def test_what_was_approved_and_waited_behind_another_is_carried_out_after_it(sqlite_acting: Scene) -> None:
    acting, unique = sqlite_acting, uuid.uuid4().hex
    channel = acting.declare(f"declare-{unique}")
    first = acting.plan(channel, "/gw scale 5", delivery=f"first-{unique}")
    second = acting.plan(channel, "/gw scale 6", delivery=f"second-{unique}")
    held = _at("POST /admin/scale", "before")(acting, first, channel)
    acting.confirm(second, channel)
    acting.bot.kill()
    assert (acting.record.plan(first).state, acting.record.plan(second).state) == (
        PlanState.EXECUTING,
        PlanState.APPROVED,
    )
    held.abandon()
    acting.bot.restart_after_kill(acting.record)
    ends = [_ended(acting, one) for one in (first, second)]
    assert [one.state for one in ends] == [PlanState.INTERRUPTED, PlanState.DONE], [one.detail for one in ends]
    assert (acting.gateway.state.desired, acting.gateway.state.effects[second]) == (6, 1)
    for plan in ends:
        acting.record.check_plan(plan, began=True)


def test_an_undo_that_is_killed_takes_its_change_back_once(sqlite_acting: Scene) -> None:
    acting, unique = sqlite_acting, uuid.uuid4().hex
    channel = acting.declare(f"declare-{unique}")
    plan_id = acting.plan(channel, "/gw scale 5", delivery=f"scale-{unique}")
    acting.confirm(plan_id, channel)
    _ended(acting, plan_id)
    undo = acting.plan(channel, "/gw undo", delivery=f"undo-{unique}")
    held = _at("POST /admin/scale", "after")(acting, undo, channel)
    acting.bot.kill()
    assert (acting.record.plan(plan_id).state, acting.record.plan(undo).state) == (PlanState.DONE, PlanState.EXECUTING)
    held.abandon()
    acting.bot.restart_after_kill(acting.record)
    assert _ended(acting, undo).state is PlanState.DONE
    assert acting.record.plan(plan_id).state is PlanState.UNDONE
    assert (acting.gateway.state.desired, acting.gateway.state.effects[undo]) == (3, 1)
    acting.record.check_plan(acting.record.plan(undo), began=True)


def test_a_diagnostic_that_was_stored_but_not_answered_is_answered_once(acting: Scene) -> None:
    unique = uuid.uuid4().hex
    held = acting.gateway.faults.hold("GET /admin/status")
    acting.bot.console.command("ana", "general", "/gw status", delivery=f"status-{unique}")
    assert held.arrived.wait(30)
    acting.bot.kill()
    assert acting.record.answered(f"status-{unique}") == ""
    held.abandon()
    acting.bot.restart_after_kill(acting.record)
    key = acting.answered(f"status-{unique}")
    assert "3" in acting.record.text(key)
    again = acting.bot.console.command("ana", "general", "/gw status", delivery=f"status-{unique}")
    assert (again["duplicate"], again["reply_key"]) == (True, key)
    assert [one for one in acting.record.messages("general") if unique in one] == [key]


@pytest.mark.parametrize(
    ("request_held", "when", "end", "effects"),
    [
        ("GET /admin/status", "before", LeaseState.REVERTED, 1),
        ("POST /admin/scale", "after", LeaseState.REVERTED, 1),
        ("POST /admin/scale", "before", LeaseState.RUNNING, 0),  # it is tried again
    ],
    ids=["before there is a plan for it", "after the effect", "before the effect"],
)
def test_the_end_of_a_lease_that_is_killed_ends_in_the_truth(
    sqlite_acting: Scene, request_held: str, when: str, end: LeaseState, effects: int
) -> None:
    acting, unique = sqlite_acting, uuid.uuid4().hex
    plan_id = acting.plan(acting.declare(f"declare-{unique}"), "/gw scale 5 --for 2h", delivery=f"scale-{unique}")
    acting.confirm(plan_id, acting.record.plan(plan_id).channel)
    _ended(acting, plan_id)
    held = acting.gateway.faults.hold(request_held, "after" if when == "after" else "before")
    acting.answer("ben", "general", f"/lease revert {plan_id}", delivery=f"revert-{unique}")
    assert held.arrived.wait(30), acting.bot.said()
    acting.bot.kill()
    held.abandon()
    acting.bot.restart_after_kill(acting.record)
    lease = eventually(lambda: _over(acting, plan_id), f"the try ends; {acting.bot.said()}")
    revert = _ended(acting, str(lease.revert))
    assert (lease.state, acting.gateway.state.effects[revert.id]) == (end, effects), revert.detail
    assert acting.gateway.state.desired == (3 if effects else 5)
    acting.record.check_plan(revert, began=True)


def _over(acting: Scene, plan_id: str) -> Lease | None:
    lease = acting.record.look(lambda tx: tx.leases.find(plan_id))
    return lease if lease and lease.revert and lease.state is not LeaseState.ENDING else None
