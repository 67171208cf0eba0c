"""The gateway fails in each way that it can; the plan's end says what is true, and nothing is asked twice.

These need no kill, so they run on the bot of the tests with a fake gateway at the port.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.store import schema
from bot.store.audit import verify
from bot.store.transaction import SqlTransaction
from commands.domain.event import ActionFinished
from commands.domain.evidence import Evidence
from commands.domain.location import HERE, Location
from commands.domain.plan import Plan, PlanState, Target
from commands.mitigation import running
from commands.ports import Operation
from tests.world import World, audited, settings_for, world

NOTHING = "nothing was changed"


async def planned(tocsin: World, text: str = "/gw scale 10") -> tuple[str, str]:
    """An incident with a plan; its channel, and the key of the plan's message."""
    incident = await tocsin.declare()
    receipt = await tocsin.command("ben", incident.channel, text)
    return incident.channel, receipt.reply_key


async def confirmed(tocsin: World, key: str) -> Plan:
    """Confirm, and wait for the end."""
    receipt = await tocsin.click("ana", key, "Confirm")
    assert receipt.accepted, await tocsin.read(receipt.reply_key)
    return await tocsin.settled()


async def traces(tocsin: World, plan: Plan) -> tuple[list[str], list[str]]:
    """The audit's kinds for a plan, oldest first, and the results on the timeline."""

    def read(tx: SqlTransaction) -> tuple[list[str], list[str]]:
        assert plan.incident
        kinds = [one.kind for one in reversed(audited(tx, 1000)) if one.detail.get("plan") == plan.id]
        events = [entry.event for entry in tx.incidents.timeline(plan.incident)]
        assert verify(tx.connection).broken_at is None
        assert tx.connection.execute(sa.select(schema.locks)).all() == []
        return kinds, [one.outcome for one in events if isinstance(one, ActionFinished) and one.plan == plan.id]

    return await tocsin.app.store.look(read)


async def test_a_lost_answer_is_read_back_and_not_asked_again(tocsin_on: World) -> None:
    _, key = await planned(tocsin_on)
    tocsin_on.gateway.lose_answer = True
    plan = await confirmed(tocsin_on, key)
    assert (plan.state, tocsin_on.gateway.desired, tocsin_on.gateway.asked) == (PlanState.DONE, 10, ["scale"])
    assert "10 of 10 workers ready" in await tocsin_on.read(key)


async def test_what_cannot_be_written_into_the_audit_is_not_done(tocsin: World) -> None:
    """No intent, no change."""
    _, key = await planned(tocsin)
    refuse = "BEGIN SELECT RAISE(ABORT, 'no room'); END"
    trigger = f"CREATE TRIGGER shut BEFORE INSERT ON {schema.audit.name} WHEN NEW.kind = 'intent' {refuse}"
    await tocsin.app.store.database.write(lambda connection: connection.execute(sa.text(trigger)))
    plan = await confirmed(tocsin, key)
    assert (plan.state, tocsin.gateway.asked) == (PlanState.FAILED, [])
    assert NOTHING in plan.detail
    assert await traces(tocsin, plan) == (["confirmed", "outcome"], ["not done"])


async def test_a_request_that_arrives_after_it_was_looked_for_is_no_failure(tocsin: World) -> None:
    """Its answer was lost and it is on its way still: that it is not there once is no proof that it never comes."""
    _, key = await planned(tocsin)
    gateway = tocsin.gateway
    gateway.never_arrives = True
    looks = 0

    async def late(_: Target, operation: str) -> Operation | None:
        nonlocal looks
        looks += 1
        if looks == 1:
            return None
        gateway.desired = 10
        return Operation(id=operation, state="done", done=2, total=2)

    gateway.operation = late  # type: ignore[method-assign]
    plan = await confirmed(tocsin, key)
    assert (plan.state, gateway.asked) == (PlanState.DONE, ["scale"])


async def test_what_was_begun_is_not_begun_a_second_time(tocsin: World) -> None:
    """A process that was gone between its intent and the effect, and comes back: the intent is there already."""
    _, key = await planned(tocsin)
    plan = await confirmed(tocsin, key)
    kept = Evidence(plan=plan.id, at=tocsin.clock.now(), text="")

    def again(tx: SqlTransaction) -> Plan | None:
        tx.plans.move(plan.id, PlanState.DONE, PlanState.EXECUTING)
        return running.begin(plan.id, "another life", tocsin.gateway.reading_now, kept, tocsin.app.services, tx)

    assert await tocsin.app.store.transact("again", again) is None
    kinds, _ = await traces(tocsin, plan)
    assert kinds.count("intent") == 1


async def test_a_request_that_never_arrived_is_said_not_to_have_happened(tocsin_on: World) -> None:
    _, key = await planned(tocsin_on)
    tocsin_on.gateway.never_arrives = True
    plan = await confirmed(tocsin_on, key)
    assert (plan.state, tocsin_on.gateway.desired, tocsin_on.gateway.asked) == (PlanState.INTERRUPTED, 3, ["scale"])
    assert plan.detail.startswith("it did not happen: still 3 workers. Ask for it again")
    assert await traces(tocsin_on, plan) == (["confirmed", "intent", "outcome"], ["interrupted"])


async def test_a_gateway_that_refuses_changed_nothing(tocsin: World) -> None:
    _, key = await planned(tocsin)
    tocsin.gateway.refuse = "expected 3, found 4"
    plan = await confirmed(tocsin, key)
    assert (plan.state, plan.detail) == (PlanState.FAILED, f"the target refused: expected 3, found 4; {NOTHING}")
    assert await traces(tocsin, plan) == (["confirmed", "intent", "outcome"], ["failed"])


async def test_a_gateway_that_died_before_the_check_is_not_asked(tocsin: World) -> None:
    _, key = await planned(tocsin)
    tocsin.gateway.down = True
    plan = await confirmed(tocsin, key)
    assert (plan.state, tocsin.gateway.asked) == (PlanState.FAILED, [])
    assert plan.detail == "The admin API of gateway does not answer (ConnectError). Nothing was changed"
    assert await traces(tocsin, plan) == (["confirmed", "outcome"], ["not done"])


async def test_drift_between_plan_and_execution_voids_the_confirmation(tocsin_on: World) -> None:
    _, key = await planned(tocsin_on)
    tocsin_on.gateway.desired = 4
    plan = await confirmed(tocsin_on, key)
    assert (plan.state, tocsin_on.gateway.asked, tocsin_on.gateway.desired) == (PlanState.FAILED, [], 4)
    assert "workers 3 → 4" in plan.detail
    assert "so Tocsin did nothing" in await tocsin_on.read(key)


async def test_a_target_that_was_replaced_voids_the_confirmation(tocsin: World) -> None:
    _, key = await planned(tocsin)
    tocsin.gateway.uid = "99999999-2222-3333-4444-555555555555"
    plan = await confirmed(tocsin, key)
    assert (plan.state, tocsin.gateway.asked) == (PlanState.FAILED, [])
    assert "it was replaced" in plan.detail


async def test_an_answer_that_makes_no_sense_does_not_hold_the_lock_for_ever(tocsin: World) -> None:
    """A bug here, or there: the plan ends, the next one can run."""
    channel, key = await planned(tocsin)

    async def nonsense(*_: object) -> None:
        raise KeyError("progress")

    tocsin.gateway.operation = nonsense  # type: ignore[method-assign, assignment]
    plan = await confirmed(tocsin, key)
    assert plan.state is PlanState.UNKNOWN
    assert "look at it yourself" in plan.detail
    del tocsin.gateway.operation
    tocsin.clock.advance(timedelta(seconds=1))
    receipt = await tocsin.command("ben", channel, "/gw scale 5")
    plan = await confirmed(tocsin, receipt.reply_key)
    assert (plan.state, tocsin.gateway.desired) == (PlanState.DONE, 5)


async def test_a_second_plan_is_refused_while_one_runs(tocsin_on: World) -> None:
    channel, key = await planned(tocsin_on)
    tocsin_on.gateway.operations.clear()
    hold = asyncio.Event()
    find = tocsin_on.gateway.find

    async def slow(name: str, at: Location = HERE) -> object:
        await hold.wait()
        return await find(name, at)

    tocsin_on.gateway.find = slow  # type: ignore[method-assign, assignment]
    await tocsin_on.click("ana", key, "Confirm")

    async def locked() -> bool:
        return (await tocsin_on.plan()).state is PlanState.LOCKED

    await tocsin_on.until(locked)
    tocsin_on.gateway.find = find  # type: ignore[method-assign]
    told = await tocsin_on.say("ben", channel, "/gw scale 12")
    assert "gateway is busy: Scale gateway up from 3 to 10 workers is locked." in told
    assert "@Ana Ruiz started it" in told
    hold.set()
    plan = await tocsin_on.settled()
    assert (plan.state, tocsin_on.gateway.asked) == (PlanState.DONE, ["scale"])


async def test_two_plans_confirmed_one_after_the_other_do_not_both_run(tocsin_on: World) -> None:
    channel, first = await planned(tocsin_on)
    second = (await tocsin_on.command("ben", channel, "/gw scale 12")).reply_key
    await tocsin_on.click("ana", first, "Confirm")
    await tocsin_on.click("ana", second, "Confirm")

    async def both() -> list[Plan]:
        found = await tocsin_on.app.store.look(lambda tx: tx.plans.recent(target=None, limit=2))
        return found if all(one.state in {PlanState.DONE, PlanState.FAILED} for one in found) else []

    ended = await tocsin_on.until(both)
    assert sorted(one.state for one in ended) == [PlanState.DONE, PlanState.FAILED]
    assert tocsin_on.gateway.asked == ["scale"]


async def test_undo_refuses_when_somebody_else_changed_the_target(tocsin_on: World) -> None:
    channel, key = await planned(tocsin_on)
    await confirmed(tocsin_on, key)
    tocsin_on.gateway.desired = 6
    told = await tocsin_on.say("ben", channel, "/gw undo")
    assert "Somebody changed gateway since: it was left at 10 workers and has 6." in told
    assert tocsin_on.gateway.desired == 6


async def test_undo_that_was_planned_is_void_when_somebody_else_changes_the_target(tocsin_on: World) -> None:
    channel, key = await planned(tocsin_on)
    await confirmed(tocsin_on, key)
    tocsin_on.clock.advance(timedelta(seconds=1))
    undo = await tocsin_on.command("ben", channel, "/gw undo")
    tocsin_on.gateway.desired = 6
    plan = await confirmed(tocsin_on, undo.reply_key)
    assert (plan.state, tocsin_on.gateway.desired) == (PlanState.FAILED, 6)
    assert "workers 10 → 6" in plan.detail


async def test_a_restart_that_is_stuck_ends_as_unknown(sqlite_url: str) -> None:
    pace = {"poll_seconds": 0.05, "effect_within_seconds": 3}
    async with world(settings_for(sqlite_url, verify=pace)) as tocsin:
        _, key = await planned(tocsin, "/gw restart")
        tocsin.gateway.stuck = True
        plan = await confirmed(tocsin, key)
        assert (plan.state, tocsin.gateway.asked) == (PlanState.UNKNOWN, ["restart"])
        assert plan.detail == "no clear result in time; last seen: 0 of 2 workers restarted"


@pytest.mark.parametrize("late", [timedelta(seconds=300), timedelta(hours=3)])
async def test_a_click_after_the_time_is_over_changes_nothing(tocsin: World, late: timedelta) -> None:
    _, key = await planned(tocsin)
    token = await tocsin.token(key, "ana", "Confirm")
    tocsin.clock.advance(late)
    receipt = await tocsin.click("ana", key, "", token=token)
    assert not receipt.accepted
    assert tocsin.gateway.asked == []
