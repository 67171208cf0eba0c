"""What can be taken back, when, and how often; what a plan says of its effect until then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from commands.cards import Tone
from commands.domain.location import HERE, Location
from commands.domain.plan import FINAL, Plan, PlanState
from commands.domain.sli import Reading
from commands.ports import Operation, Workload
from tests.fakes import FakeGateway
from tests.scenario.stage import Stage, Still, golden
from tests.world import settings_for, world


def after_a_change(gateway: FakeGateway, **reading: Any) -> None:
    """From the next scale on, the gateway measures differently."""

    async def scale(*args: Any, **kwargs: Any) -> None:
        await original(*args, **kwargs)
        gateway.reading_now = gateway.reading_now.model_copy(update=reading)

    original, gateway.scale = gateway.scale, scale  # type: ignore[method-assign]


async def ended(stage: Stage) -> bool:
    """Whether no plan is under way."""
    plans = await stage.world.app.store.look(lambda tx: tx.plans.recent(target=None, limit=50))
    return all(plan.state in FINAL or plan.state is PlanState.PLANNED for plan in plans)


async def test_a_change_is_taken_back_once(stage: Stage) -> None:
    """Two undos wait, the first is confirmed, somebody scales again, the second is confirmed."""
    await stage.runs("ben", "general", "/gw scale 7")
    scaled = await stage.world.plan()
    undos = []
    for _ in range(2):
        stage.later(seconds=1)
        await stage.types("ana", "general", "/gw undo")
        undos.append(await stage.message_with("Confirm", "general"))
    first, second = undos
    await stage.clicks("ana", first, "Confirm")
    await stage.world.until(lambda: ended(stage))
    stage.later(seconds=1)
    stage.world.gateway.desired = 7
    refused = await stage.clicks("ana", second, "Confirm")
    assert await stage.world.read(refused.reply_key) == golden("""
        “Scale gateway up from 3 to 7 workers” was undone already.
          Try: /gw history
        """)
    assert stage.world.gateway.desired == 7
    assert (await stage.world.plan(scaled.id)).state is PlanState.UNDONE


async def test_an_undo_runs_at_its_hour_or_without_approval_where_that_is_said(stage: Stage) -> None:
    await stage.runs("ben", "general", "/gw scale 7")
    stage.later(seconds=1)
    assert "Runs at: " in await stage.types("ana", "general", "/gw undo --in 20m")
    shown = await stage.types("ana", "general", '/gw undo --break-glass "it burns"')
    assert "Without approval: it burns. It is announced, and reviewed later." in shown
    assert "give one of them" in await stage.types("ana", "general", "/gw undo --in 20m --at 14:05")


async def asked(stage: Stage, times: int) -> bool:
    """Whether the gateway has been asked so often."""
    return len(stage.world.gateway.asked) == times


async def test_an_undo_does_not_take_back_what_came_after_its_change(stage: Stage) -> None:
    await stage.runs("ben", "general", "/gw scale 7")
    stage.later(seconds=1)
    await stage.types("ana", "general", "/gw undo")
    undo = await stage.message_with("Confirm", "general")
    for replicas in (9, 7):
        stage.later(seconds=1)
        await stage.types("ben", "general", f"/gw scale {replicas}")
        await stage.clicks("ben", await stage.message_with("Confirm", "general"), "Confirm")
        await stage.world.until(lambda: ended(stage))
    refused = await stage.clicks("ana", undo, "Confirm")
    assert "“Scale gateway down from 9 to 7 workers” came after" in await stage.world.read(refused.reply_key)


async def test_a_change_of_another_kind_that_followed_does_not_stand_in_its_way(stage: Stage) -> None:
    await stage.runs("ben", "general", "/gw scale 7")
    scaled = await stage.world.plan()
    stage.later(seconds=1)
    image = {"image": "gateway:1", "container": "gateway"}
    other = {"id": "plan-other", "action": "image", "before": image, "after": image, "summary": "Set the image"}
    later = scaled.model_copy(update=other | {"created_at": stage.world.clock.now(), "history": ()})
    await stage.world.app.store.transact("elsewhere", lambda tx: tx.plans.add(later))
    stage.later(seconds=1)
    await stage.runs("ana", "general", "/gw undo scale")
    assert stage.world.gateway.desired == 3


async def test_an_undo_ends_although_its_change_was_undone_meanwhile(stage: Stage) -> None:
    """Both undos were on their way before either had ended: the second lets go of the target all the same."""
    await stage.runs("ben", "general", "/gw scale 7")
    scaled = await stage.world.plan()
    stage.later(seconds=1)
    await stage.types("ana", "general", "/gw undo")
    undo = await stage.message_with("Confirm", "general")
    stage.world.gateway.stuck = True
    await stage.clicks("ana", undo, "Confirm")
    await stage.world.until(lambda: asked(stage, 2))
    await stage.world.app.store.transact(
        "elsewhere", lambda tx: tx.plans.move(scaled.id, PlanState.DONE, PlanState.UNDONE)
    )
    running = stage.world.gateway.operations
    running |= {key: one.model_copy(update={"state": "done"}) for key, one in running.items()}
    stage.world.gateway.stuck = False
    plan = await stage.world.settled()
    assert (plan.undoes, plan.state) == (scaled.id, PlanState.DONE)
    await stage.runs("ben", "general", "/gw scale 5")
    assert stage.world.gateway.desired == 5


async def test_what_got_worse_is_undone_and_its_card_says_how(stage: Stage) -> None:
    gateway = stage.world.gateway
    after_a_change(gateway, errors=400, error_rate=0.4)
    shown = await stage.runs("ben", "general", "/gw scale 7")
    assert shown.splitlines()[0] == "Failed: Scale gateway up from 3 to 7 workers"
    assert "  Undo: /gw undo puts back 3 workers" in shown.splitlines()
    scaled = await stage.world.plan()
    assert (scaled.state, scaled.took_effect, scaled.verdict) == (PlanState.FAILED, True, "failed")
    stage.later(seconds=1)
    await stage.runs("ana", "general", "/gw undo")
    assert gateway.desired == 3
    undone = await stage.world.plan(scaled.id)
    assert undone.state is PlanState.UNDONE
    assert "it got worse" in undone.detail
    assert "undone by “Undo: scale gateway down from" in undone.detail


async def test_the_newest_change_is_undone_though_it_failed_and_an_older_one_is_done(stage: Stage) -> None:
    await stage.runs("ben", "general", "/gw scale 5")
    stage.later(seconds=1)
    after_a_change(stage.world.gateway, errors=400, error_rate=0.4)
    await stage.runs("ben", "general", "/gw scale 7")
    stage.later(seconds=1)
    said = await stage.types("ana", "general", "/gw undo")
    assert "Undo: scale gateway down from 7 to 5 workers?" in said


async def test_what_ended_without_a_clear_result_is_undone_where_it_took_effect(sqlite_url: str) -> None:
    pace = {"poll_seconds": 0.5, "effect_within_seconds": 3}
    async with world(settings_for(sqlite_url, verify=pace), clock=Still()) as running:
        stage = Stage(running)
        running.gateway.stuck = True
        shown = await stage.runs("ben", "general", "/gw scale 7")
        assert shown.splitlines()[0] == "Outcome unknown: Scale gateway up from 3 to 7 workers"
        assert "  Undo: /gw undo puts back 3 workers" in shown.splitlines()
        stage.later(seconds=1)
        said = await stage.types("ana", "general", "/gw undo")
    assert "Undo: scale gateway down from 7 to 3 workers?" in said


async def test_what_never_arrived_has_nothing_to_take_back(stage: Stage) -> None:
    stage.world.gateway.never_arrives = True
    shown = await stage.runs("ben", "general", "/gw scale 7")
    assert "Undo: /gw undo" not in shown
    assert "There is nothing to undo" in await stage.asks("ana", "general", "/gw undo")


async def test_a_change_that_never_happened_does_not_stand_in_the_way_of_an_undo(stage: Stage) -> None:
    await stage.runs("ben", "general", "/gw scale 7")
    stage.later(seconds=1)
    stage.world.gateway.never_arrives = True
    await stage.runs("ben", "general", "/gw scale 9")
    stage.world.gateway.never_arrives = False
    stage.later(seconds=1)
    await stage.runs("ana", "general", "/gw undo")
    assert stage.world.gateway.desired == 3


async def test_what_arrived_after_all_is_taken_back(stage: Stage) -> None:
    """A request that was slow beyond belief: the plan says interrupted, the target says otherwise."""
    stage.world.gateway.never_arrives = True
    await stage.runs("ben", "general", "/gw scale 7")
    stage.world.gateway.never_arrives = False
    stage.world.gateway.desired = 7
    stage.later(seconds=1)
    assert "Undo: scale gateway down from 7 to 3 workers?" in await stage.types("ana", "general", "/gw undo")


async def test_a_restart_does_not_stand_between_undo_and_the_change_before(stage: Stage) -> None:
    await stage.runs("ben", "general", "/gw scale 7")
    stage.later(seconds=1)
    await stage.runs("ben", "general", "/gw restart")
    stage.later(seconds=1)
    assert "Undo: scale gateway down from 7 to 3 workers?" in await stage.types("ana", "general", "/gw undo")


async def test_a_restart_alone_leaves_nothing_to_undo(stage: Stage) -> None:
    await stage.runs("ben", "general", "/gw restart")
    assert "There is nothing to undo" in await stage.asks("ben", "general", "/gw undo")


async def test_what_could_not_be_verified_is_no_green_success(stage: Stage) -> None:
    incident = await stage.declares()
    gateway = stage.world.gateway
    gateway.reading_now = gateway.reading_now.model_copy(update={"requests": 0, "errors": 0, "error_rate": 0.0})
    shown = await stage.runs("ben", incident.channel, "/gw scale 7")
    assert shown.splitlines()[0] == "Done, not verified: Scale gateway up from 3 to 7 workers"
    plan = await stage.world.plan()
    card = (await stage.world.message(f"{plan.id}:card")).card
    assert card is not None
    assert (plan.verdict, card.tone) == ("inconclusive", Tone.WARNING)
    timeline = await stage.asks("ana", incident.channel, "/incident timeline")
    assert "Done, not verified: Scale gateway up from 3 to 7 workers" in timeline


def test_a_plan_that_was_stored_before_its_effect_was_kept_still_loads() -> None:
    plan = _plan()
    old = plan.model_dump(mode="json", exclude={"took_effect", "verdict"})
    loaded = Plan.model_validate(old | {"state": "done"})
    assert (loaded.in_force, loaded.outcome) == (True, "done")
    assert not Plan.model_validate(old | {"state": "failed"}).can_be_undone


def _plan() -> Plan:
    at = Still().now()
    return Plan.model_validate(
        {
            "id": "plan-1", "action": "scale", "summary": "Scale", "arguments": {}, "fingerprint": {},
            "target": {"kind": "gateway", "name": "gateway", "uid": "u"}, "before": {"replicas": 3},
            "after": {"replicas": 7}, "undo": "", "requester": "ana", "incident": None, "channel": "general",
            "platform": "console", "created_at": at, "approve_by": at, "execute_by": at,
        }
    )  # fmt: skip


# ---------------------------------------------------------------- what is measured


async def test_traffic_from_before_the_change_does_not_verify_it(stage: Stage) -> None:
    """An error rate of 8% from the change on must not be read as less, mixed with the good seconds before it."""
    gateway, clock = stage.world.gateway, stage.world.clock
    changed_at = []

    async def scale(*args: Any, **kwargs: Any) -> None:
        await original(*args, **kwargs)
        changed_at.append(clock.now())

    async def reading(service: str, *, window: timedelta, at: Location = HERE) -> Reading:
        good = gateway.reading_now.model_copy(update={"at": clock.now(), "errors": 0, "error_rate": 0.0})
        if not changed_at:
            return good
        since = clock.now() - changed_at[0]
        rate = 0.08 * min(since / window, 1)
        return good.model_copy(update={"errors": int(rate * good.requests), "error_rate": rate})

    original, gateway.scale = gateway.scale, scale  # type: ignore[method-assign]
    gateway.reading = reading  # type: ignore[method-assign]
    shown = await stage.runs("ben", "general", "/gw scale 7")
    assert "it got worse" in shown
    assert "Before: errors 0.0%" in shown
    assert "After: errors 8.0%" in shown


# ---------------------------------------------------------------- what is read back


async def test_a_gateway_that_was_replaced_during_a_restart_is_not_said_to_be_untouched(stage: Stage) -> None:
    gateway = stage.world.gateway

    async def restart(*args: Any, **kwargs: Any) -> None:
        await original(*args, **kwargs)
        gateway.uid = "99999999-0000-0000-0000-000000000000"
        gateway.operations.clear()

    original, gateway.restart = gateway.restart, restart  # type: ignore[method-assign]
    shown = await stage.runs("ben", "general", "/gw restart")
    assert shown.splitlines()[:2] == [
        "Outcome unknown: Restart gateway: 3 workers, one by one",
        "  Gateway was replaced meanwhile by a new one, which has 3 workers, 3 ready",
    ]


@pytest.mark.parametrize(
    ("uid", "desired", "said"),
    [
        ("99999999-0", 5, "Gateway was replaced meanwhile by a new one, which has 5 workers, 5 ready"),
        ("", 5, "5 workers, set by somebody else; 5 ready"),
        ("", 7, "7 workers, as wanted, but gateway knows nothing of this request"),
    ],
)
async def test_a_scale_without_a_trace_says_what_is_there(stage: Stage, uid: str, desired: int, said: str) -> None:
    gateway = stage.world.gateway

    async def scale(*args: Any, **kwargs: Any) -> None:
        gateway.uid, gateway.desired = uid or gateway.uid, desired

    gateway.scale = scale  # type: ignore[method-assign]
    shown = await stage.runs("ben", "general", "/gw scale 7")
    assert shown.splitlines()[:2] == ["Outcome unknown: Scale gateway up from 3 to 7 workers", f"  {said}"]


async def test_a_scale_is_done_when_its_workers_are_ready(sqlite_url: str) -> None:
    pace = {"poll_seconds": 0.5, "effect_within_seconds": 3}
    async with world(settings_for(sqlite_url, verify=pace), clock=Still()) as running:

        async def find(name: str, at: Location = HERE) -> Workload:
            return (await original(name)).model_copy(update={"ready": 1})

        original, running.gateway.find = running.gateway.find, find  # type: ignore[method-assign]
        shown = await Stage(running).runs("ben", "general", "/gw scale 5")
    assert shown.splitlines()[:2] == [
        "Outcome unknown: Scale gateway up from 3 to 5 workers",
        "  No clear result in time; last seen: 1 of 5 workers ready",
    ]


async def test_a_scale_that_somebody_changed_while_it_ran_is_not_done(stage: Stage) -> None:
    gateway = stage.world.gateway

    async def scale(*args: Any, operation: str, **kwargs: Any) -> None:
        gateway.desired = 4
        gateway.operations[operation] = Operation(id=operation, state="done", done=4, total=4)

    gateway.scale = scale  # type: ignore[method-assign]
    shown = await stage.runs("ben", "general", "/gw scale 7")
    assert shown.splitlines()[1] == "  4 workers wanted by now, set by somebody else"
