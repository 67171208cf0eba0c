"""Temporary changes: told before they end, renewed, taken back once, and never over somebody else's change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.store.transaction import SqlTransaction
from commands.domain.lease import Lease, LeaseState
from commands.domain.plan import PlanState
from commands.mitigation import leasing, running
from tests.scenario.stage import Stage, Still, golden, stable, transcript
from tests.world import audited, settings_for, world


async def leased(stage: Stage, channel: str = "general", line: str = "/gw scale 10 --for 30m") -> str:
    """A temporary change that is made; the plan's id."""
    await stage.runs("ben", channel, line)
    plan = await stage.world.plan()
    await stage.news()
    stage.later(seconds=1)
    return plan.id


async def lease_of(stage: Stage, plan_id: str) -> Lease:
    found = await stage.world.app.store.look(lambda tx: tx.leases.find(plan_id))
    assert found is not None
    return found


async def over(stage: Stage, plan_id: str) -> Lease:
    """The lease, once it neither runs nor is being ended."""

    async def ended() -> Lease | None:
        lease = await lease_of(stage, plan_id)
        return lease if lease.state not in {LeaseState.RUNNING, LeaseState.ENDING} else None

    found = await stage.world.until(ended)
    assert isinstance(found, Lease)
    return found


async def timers(stage: Stage, plan_id: str) -> list[str]:
    """The work that waits for its time in the engine."""
    query = sa.text("SELECT workflow_uuid FROM workflow_status WHERE workflow_uuid LIKE :of ORDER BY 1")
    database = stage.world.app.store.database
    return await database.read(lambda c: list(c.execute(query, {"of": f"{plan_id}:lease:%"}).scalars()))


@transcript("/leases", "/lease revert")
async def test_a_temporary_change_is_listed_and_taken_back(stage: Stage) -> None:
    incident = await stage.declares()
    assert await stage.asks("ben", incident.channel, "/leases") == golden("""
        Nothing is temporary
          What is to end by itself is asked for so: /gw scale 10 --for 30m
        """)
    await stage.news()
    assert "  Lasts: 30 min, then Tocsin takes it back" in await stage.types(
        "ben", incident.channel, "/gw scale 10 for 30m"
    )
    await stage.presses("ben", incident.channel, "Confirm")
    plan = await stage.world.settled()
    assert await stage.asks_card(plan.id) == golden("""
        Done: Scale gateway up from 3 to 10 workers
          10 of 10 workers ready; verified
          Before: errors 0.2%, p95 40 ms, 100 req/s
          After: errors 0.2%, p95 40 ms, 100 req/s
          Temporary: until 12:30 UTC, then Tocsin takes it back
          (asked by @Ben Okafor, confirmed by @Ben Okafor)
        """)
    assert await stage.asks("eve", incident.channel, "/leases") == golden("""
        1 temporary change
          Scale gateway up from 3 to 10 workers · until 12:30 UTC (30 min left) · asked by @Ben Okafor · plan-20260301-…
          (Longer: /lease renew PLAN 30m · now: /lease revert PLAN · to stay: /lease keep PLAN)
        """)
    stage.later(minutes=1)
    assert await stage.asks("ben", incident.channel, f"/lease revert {plan.id}") == golden("""
        Taking back: Scale gateway up from 3 to 10 workers
          A message in its channel tells how that goes.
        """)
    lease = await over(stage, plan.id)
    assert (lease.state, stage.world.gateway.desired, stage.world.gateway.asked) == ("reverted", 3, ["scale", "scale"])
    assert await stage.asks_card(plan.id) == golden("""
        Undone: Scale gateway up from 3 to 10 workers
          10 of 10 workers ready; verified; undone by “Revert: scale gateway down from 10 to 3 workers”
          Before: errors 0.2%, p95 40 ms, 100 req/s
          After: errors 0.2%, p95 40 ms, 100 req/s
          (asked by @Ben Okafor, confirmed by @Ben Okafor)
        """)
    assert await stage.asks_card(str(lease.revert)) == golden("""
        Done: Revert: scale gateway down from 10 to 3 workers
          3 of 3 workers ready; verified
          Before: errors 0.2%, p95 40 ms, 100 req/s
          After: errors 0.2%, p95 40 ms, 100 req/s
          (asked by @Ben Okafor)
        """)
    told = (await stage.asks("eve", incident.channel, "/incident timeline")).splitlines()
    assert "  12:01 UTC · @Ben Okafor ended early: Scale gateway up from 3 to 10 workers" in told
    assert "  12:01 UTC · Undone: Scale gateway up from 3 to 10 workers" in told
    assert "  12:00 UTC · Temporary until 12:30 UTC: Scale gateway up from 3 to 10 workers" in told
    kinds = [one.kind for one in await stage.world.app.store.look(audited) if one.detail.get("plan") == lease.revert]
    assert kinds == ["outcome", "intent", "lease end"]


async def test_its_time_runs_out_and_everybody_is_told_before(stage_on: Stage) -> None:
    """On a lease of seconds the timers come by themselves."""
    stage_on.later(seconds=1)
    plan_id = await leased(stage_on, line="/gw scale 10 --for 1s")
    lease = await over(stage_on, plan_id)
    assert (lease.state, stage_on.world.gateway.desired) == (LeaseState.REVERTED, 3)
    assert "asked by @Tocsin" in await stage_on.asks_card(str(lease.revert))
    assert (await stage_on.world.plan(plan_id)).state is PlanState.UNDONE


async def test_the_notice_can_be_answered(stage: Stage) -> None:
    plan_id = await leased(stage)
    assert await timers(stage, plan_id) == [f"{plan_id}:lease:1:end", f"{plan_id}:lease:1:notice"]
    await noticed(stage, plan_id)
    assert await stage.news() == golden("""
        [#general, all]
        Ends in 5 min: Scale gateway up from 3 to 10 workers
          At 12:30 UTC Tocsin takes it back.
          [Renew for 30 min] [Take back now] [Keep for good]
          (asked by @Ben Okafor · or: /lease renew plan-20260301-… 2h)
        """)
    message = await stage.message_with("Renew for 30 min", "general")
    assert not (await stage.clicks("chloe", message, "Renew for 30 min")).accepted
    await stage.news()
    assert await stage.presses("ana", "general", "Renew for 30 min") == golden("""
        [#general, all, edited]
        Done: Scale gateway up from 3 to 10 workers
          10 of 10 workers ready; verified
          Before: errors 0.2%, p95 40 ms, 100 req/s
          After: errors 0.2%, p95 40 ms, 100 req/s
          Temporary: until 12:55 UTC, then Tocsin takes it back
          (asked by @Ben Okafor, confirmed by @Ben Okafor)
        [#general, all, edited]
        Renewed: Scale gateway up from 3 to 10 workers
          It lasts until 12:55 UTC. By @Ana Ruiz
        """)
    assert not (await stage.clicks("ben", message, "Take back now")).accepted
    await stage.news()
    await noticed(stage, plan_id, term=1)
    assert await stage.news() == ""


async def noticed(stage: Stage, plan_id: str, term: int = 1) -> None:
    """Twenty-five minutes later; the timer of this term comes."""
    at = stage.world.clock.now()
    lease = await lease_of(stage, plan_id)
    stage.world.clock.advance(lease.notice_at(at) - at)
    await stage.world.app.store.transact("timer", lambda tx: leasing.notice(plan_id, term, tx))


@transcript("/lease renew")
async def test_renewing_is_bounded_and_audited(stage: Stage) -> None:
    plan_id = await leased(stage)
    assert await stage.asks("ben", "general", f"/lease renew {plan_id} 2h") == golden("""
        Renewed: Scale gateway up from 3 to 10 workers
          It lasts until 14:00 UTC, then it is taken back.
          (by @Ben Okafor)
        """)
    assert "2 d is too long: such a change lasts 1 d at most." in await stage.asks(
        "ben", "general", f"/lease renew {plan_id} 2d"
    )
    assert "is not for you" in await stage.asks("chloe", "general", f"/lease renew {plan_id} 2h")
    entries = await stage.world.app.store.look(audited)
    renewed = [(one.actor, one.detail["term"]) for one in entries if one.kind == "lease renewed"]
    assert renewed == [("ben", 2)]
    await stage.quietly("ben", "general", f"/lease revert {plan_id}")
    await over(stage, plan_id)
    assert "is over" in await stage.asks("ben", "general", f"/lease renew {plan_id} 2h")


async def test_what_somebody_changed_since_is_left_and_told(stage: Stage) -> None:
    plan_id = await leased(stage)
    stage.world.gateway.desired = 12
    await stage.quietly("ben", "general", f"/lease revert {plan_id}")
    assert (await over(stage, plan_id)).state is LeaseState.KEPT
    assert await told(stage, "Take back now") == golden("""
        Not taken back: Scale gateway up from 3 to 10 workers
          Somebody changed gateway since.
          [Renew for 30 min] [Take back now] [Leave it so]
          (asked by @Ben Okafor · or: /lease renew plan-20260301-… 2h)
        """)
    assert "since 12:30 UTC it should have been taken back" in await stage.asks("ana", "general", "/leases")
    stage.world.gateway.desired = 10
    await stage.presses("ana", "general", "Take back now")
    assert (await over(stage, plan_id)).state is LeaseState.REVERTED
    assert stage.world.gateway.desired == 3


async def test_what_was_made_to_stay_meanwhile_is_not_taken_back_with_it(stage: Stage) -> None:
    """The number is as the temporary change left it, but a later one has put it there for good."""
    plan_id = await leased(stage)
    for replicas in (6, 10):
        await stage.runs("ben", "general", f"/gw scale {replicas}")
        stage.later(seconds=1)
    await stage.quietly("ben", "general", f"/lease revert {plan_id}")
    lease = await over(stage, plan_id)
    assert (lease.state, lease.why) == (LeaseState.KEPT, "“Scale gateway up from 6 to 10 workers” came after it.")
    assert stage.world.gateway.desired == 10


@transcript("/lease keep")
async def test_what_is_temporary_can_be_made_to_stay(stage: Stage) -> None:
    incident = await stage.declares()
    plan_id = await leased(stage, incident.channel)
    assert await stage.asks("ben", incident.channel, f"/lease keep {plan_id}") == golden("""
        Made to stay: Scale gateway up from 3 to 10 workers
          It is temporary no longer. To take it back: /gw undo plan-20260301-…
          (by @Ben Okafor)
        """)
    assert (await lease_of(stage, plan_id)).state is LeaseState.VOID
    assert "Temporary" not in await stage.asks_card(plan_id)
    assert "is over" in await stage.asks("ben", incident.channel, f"/lease keep {plan_id}")
    told = (await stage.asks("eve", incident.channel, "/incident timeline")).splitlines()
    assert "  12:00 UTC · @Ben Okafor made it stay: Scale gateway up from 3 to 10 workers" in told
    kinds = [(one.kind, one.actor) for one in await stage.world.app.store.look(audited) if "lease" in one.kind]
    assert kinds[0] == ("lease made to stay", "ben")


async def test_what_nobody_saw_happen_is_said_to_be_so_and_can_be_left(sqlite_url: str) -> None:
    pace = {"poll_seconds": 0.5, "every_seconds": 1, "effect_within_seconds": 3, "absent_for_seconds": 1}
    async with world(settings_for(sqlite_url, verify=pace), clock=Still()) as site:
        stage, gateway = Stage(site), site.gateway

        async def scale(*_args: object, **_kwargs: object) -> None:
            gateway.desired = 4

        gateway.scale = scale  # type: ignore[method-assign, assignment]
        plan_id = await leased(stage)
        await stage.quietly("ben", "general", f"/lease revert {plan_id}")
        assert (await over(stage, plan_id)).state is LeaseState.KEPT
        assert "Nobody saw it happen, and gateway does not show it" in await told(stage, "Leave it so")
        await stage.presses("ana", "general", "Leave it so")
        assert (await lease_of(stage, plan_id)).state is LeaseState.VOID


async def told(stage: Stage, label: str) -> str:
    """The newest message with such a button."""
    message = await stage.message_with(label, "general")
    return stable(await stage.world.read(message.key))


async def test_a_freeze_does_not_keep_it_and_a_target_that_was_away_is_tried_again(stage: Stage) -> None:
    plan_id = await leased(stage)
    await stage.quietly("dev", "general", "/tocsin freeze something is wrong")
    stage.world.gateway.down = True
    await stage.quietly("ben", "general", f"/lease revert {plan_id}")

    async def waits() -> str:
        return await stage.news()

    assert "does not answer" in await stage.world.until(waits)
    assert (await lease_of(stage, plan_id)).state is LeaseState.RUNNING
    stage.world.gateway.down = False
    await stage.quietly("ben", "general", f"/lease revert {plan_id}")
    assert (await over(stage, plan_id)).state is LeaseState.REVERTED
    assert stage.world.gateway.desired == 3


async def test_an_end_that_something_held_up_is_tried_again_and_its_message_says_what_became_of_it(
    stage: Stage,
) -> None:
    """Another change held the target when the plan that takes it back came to it."""
    plan_id = await leased(stage)
    target, store = (await stage.world.plan()).target.key, stage.world.app.store
    await store.transact("other", lambda tx: tx.plans.lock(target, plan_id))
    await stage.quietly("ben", "general", f"/lease revert {plan_id}")

    async def waits() -> str:
        lease = await lease_of(stage, plan_id)
        return await stage.news() if (lease.state, lease.term) == (LeaseState.RUNNING, 3) else ""

    said = await stage.world.until(waits)
    assert "Not done: locked by “Scale gateway up from 3 to 10 workers”; nothing was changed. It is tried again" in said
    assert await comes_again(stage, plan_id, term=3) == golden("""
        [#general, all, edited]
        Not done: Revert: scale gateway down from 10 to 3 workers
          Locked by “Scale gateway up from 3 to 10 workers”; nothing was changed
          (asked by @Ben Okafor · plan-20260301-…)
        """)
    await store.transact("other", lambda tx: tx.plans.unlock(target, plan_id))
    await stage.quietly("ben", "general", f"/lease revert {plan_id}")
    assert (await over(stage, plan_id)).state is LeaseState.REVERTED
    assert stage.world.gateway.desired == 3
    assert "Taken back: Scale gateway up from 3 to 10 workers" in await stage.news()


async def comes_again(stage: Stage, plan_id: str, term: int) -> str:
    """The timer of the next try has come, and it was held up as the one before; what people read then."""
    plan, services = await stage.world.plan(plan_id), stage.world.app.services
    found = await leasing.way_back(plan, services)
    await stage.world.app.store.transact("timer", lambda tx: leasing.end(plan_id, term, found, services, tx))

    async def held_up() -> bool:
        lease = await lease_of(stage, plan_id)
        return (lease.state, lease.term) == (LeaseState.RUNNING, term + 1)

    await stage.world.until(held_up)
    return await stage.news()


@pytest.mark.parametrize("tries", [1, leasing.TRIES])
async def test_what_was_held_up_comes_again_and_not_for_ever(stage: Stage, tries: int) -> None:
    plan_id = await leased(stage)
    plan, services, asked = await stage.world.plan(plan_id), stage.world.app.services, list[tuple[str, object]]()

    def held_up(tx: SqlTransaction) -> None:
        back = {"undoes": plan_id, "ends_lease": True, "state": PlanState.FAILED, "took_effect": False}
        reverts = [plan.model_copy(update=back | {"id": f"plan-back-{number}"}) for number in range(tries)]
        for one in reverts:
            tx.plans.add(one)
        tx.leases.move(tx.leases.find(plan_id), LeaseState.ENDING)  # type: ignore[arg-type]
        tx.work.enqueue = lambda workflow, **work: asked.append((workflow, work["payload"]))  # type: ignore[method-assign]
        leasing.reverted(reverts[-1], services, tx, passing=True)

    await stage.world.app.store.transact("held up", held_up)
    lease = await lease_of(stage, plan_id)
    if tries == 1:
        assert (lease.state, lease.term) == (LeaseState.RUNNING, 2)
        assert asked == [(leasing.END, {"plan": plan_id, "term": 2, "try": 2})]
    else:
        assert (lease.state, asked) == (LeaseState.KEPT, [])


async def test_an_end_that_fails_is_told_and_can_be_tried_again(stage: Stage) -> None:
    plan_id = await leased(stage)
    stage.world.gateway.refuse = "another operation is running"
    await stage.quietly("ben", "general", f"/lease revert {plan_id}")
    assert (await over(stage, plan_id)).state is LeaseState.KEPT
    assert "Failed: the target refused: another operation is running" in await told(stage, "Take back now")


async def test_an_undo_voids_the_lease(stage: Stage) -> None:
    plan_id = await leased(stage)
    await stage.runs("ana", "general", "/gw undo")
    assert (await lease_of(stage, plan_id)).state is LeaseState.VOID
    assert "Nothing is temporary" in await stage.asks("ben", "general", "/leases")


async def test_a_lease_that_somebody_took_off_in_the_record_keeps_its_plan_from_running(stage: Stage) -> None:
    await stage.types("ben", "general", "/gw scale 10 --for 30m --in 20m")
    await stage.presses("ben", "general", "Confirm")
    plan, services = await stage.world.plan(), stage.world.app.services

    def tampered(tx: SqlTransaction) -> None:
        tx.plans.move(plan.id, PlanState.APPROVED, PlanState.APPROVED, lease=None)
        running.lock(plan.id, services, tx)

    await stage.world.app.store.transact("elsewhere", tampered)
    ended = await stage.world.plan()
    assert (ended.state, stage.world.gateway.asked) == (PlanState.FAILED, [])
    assert "somebody has changed the plan itself" in ended.detail


async def test_what_never_happened_has_no_lease(stage: Stage) -> None:
    stage.world.gateway.never_arrives = True
    await stage.runs("ben", "general", "/gw scale 10 --for 30m")
    assert "Nothing is temporary" in await stage.asks("ben", "general", "/leases")
    assert "is not temporary" in await stage.asks("ben", "general", f"/lease revert {(await stage.world.plan()).id}")


@pytest.fixture
async def bound(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Where a rule of the policy bounds leases."""
    file = tmp_path / "policy.yaml"
    who = "who: {roles: [operator, admin]}"
    file.write_text(f"rules:\n- {{name: short, effect: allow, classes: [mitigation], {who}, lease: 10m}}\n")
    async with world(settings_for(sqlite_url, policy={"file": str(file)}), clock=Still()) as site:
        yield Stage(site)


async def test_the_policy_bounds_a_lease(bound: Stage) -> None:
    assert await bound.asks("ben", "general", "/gw scale 10 --for 30m") == golden("""
        30 min is too long: such a change lasts 10 min at most. The rule short says so.
          It can be renewed before it ends.
          (You typed: /gw scale 10 --for 30m)
        """)
    assert "lasts longer than nothing" in await bound.asks("ben", "general", "/gw scale 10 --for 0m")
    plan_id = await leased(bound, line="/gw scale 10 --for 10m")
    assert "may only be temporary" in await bound.asks("ben", "general", f"/lease keep {plan_id}")
    assert (await bound.world.plan()).lease is not None
