"""Temporary changes: told before they end, renewed, taken back once, and never over somebody else's change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from commands.domain.lease import Lease, LeaseState
from commands.domain.plan import PlanState
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
          (Longer: /lease renew PLAN 30m · now: /lease revert PLAN)
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
          [Renew for 30 min] [Take back now]
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
    from commands.mitigation import leasing

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
          [Renew for 30 min] [Take back now]
          (asked by @Ben Okafor · or: /lease renew plan-20260301-… 2h)
        """)
    assert "since 12:30 UTC it should have been taken back" in await stage.asks("ana", "general", "/leases")
    stage.world.gateway.desired = 10
    await stage.presses("ana", "general", "Take back now")
    assert (await over(stage, plan_id)).state is LeaseState.REVERTED
    assert stage.world.gateway.desired == 3


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
    async with world(settings_for(sqlite_url, policy={"file": str(file)}), clock=Still()) as running:
        yield Stage(running)


async def test_the_policy_bounds_a_lease(bound: Stage) -> None:
    assert await bound.asks("ben", "general", "/gw scale 10 --for 30m") == golden("""
        30 min is too long: such a change lasts 10 min at most. The rule short says so.
          It can be renewed before it ends.
          (You typed: /gw scale 10 --for 30m)
        """)
    assert "lasts longer than nothing" in await bound.asks("ben", "general", "/gw scale 10 --for 0m")
    await bound.types("ben", "general", "/gw scale 10 --for 10m")
    assert (await bound.world.plan()).lease is not None
