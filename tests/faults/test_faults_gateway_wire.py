"""The real adapter against a gateway that fails on the wire, through the bot as a process."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from commands.domain.plan import PlanState
from tests.faults.processes import Scene
from tests.waiting import eventually

Trouble = Callable[[Scene], None]
TROUBLE: dict[str, tuple[Trouble, PlanState, int, str]] = {
    "the answer is lost": (
        lambda acting: acting.gateway.faults.drop("POST /admin/scale"),
        PlanState.DONE,
        1,
        "5 of 5 workers ready",
    ),
    "the request is lost": (
        lambda acting: acting.gateway.faults.drop("POST /admin/scale", "before"),
        PlanState.INTERRUPTED,
        0,
        "It did not happen: still 3 workers",
    ),
    "an error is answered": (
        lambda acting: acting.gateway.faults.fail("POST /admin/scale"),
        PlanState.INTERRUPTED,
        0,
        "It did not happen: still 3 workers",
    ),
    "reads break for a while": (
        lambda acting: acting.gateway.faults.drop("GET /admin/operations", times=7),
        PlanState.DONE,
        1,
        "5 of 5 workers ready",
    ),
    "nonsense is answered": (
        lambda acting: acting.gateway.faults.garble("GET /admin/operations", b"<html>"),
        PlanState.UNKNOWN,
        1,
        "whether it happened is not known: look at it yourself",
    ),
    "it was replaced": (
        lambda acting: acting.gateway.state.replace(),
        PlanState.FAILED,
        0,
        "The target changed since it was planned (it was replaced)",
    ),
    "it is gone": (lambda acting: acting.gateway.stop(), PlanState.FAILED, 0, "does not answer (ConnectError)"),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_each_trouble_has_its_true_end(sqlite_acting: Scene, trouble: str) -> None:
    acting = sqlite_acting
    unique = uuid.uuid4().hex
    provoke, state, effects, words = TROUBLE[trouble]
    channel = acting.declare(f"declare-{unique}")
    plan_id = acting.plan(channel, "/gw scale 5", delivery=f"scale-{unique}")
    provoke(acting)
    acting.confirm(plan_id, channel)
    plan = eventually(lambda: acting.record.ended(plan_id), f"{plan_id} ends; {acting.bot.said()}")
    assert (plan.state, acting.gateway.state.effects[plan_id]) == (state, effects), plan.detail
    assert words in acting.record.text(acting.message_of(plan_id))
    asked = acting.gateway.seen.count("POST /admin/scale")
    assert asked == (0 if state is PlanState.FAILED else 1)
    acting.record.check_plan(plan, began=state is not PlanState.FAILED)
