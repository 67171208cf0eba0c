"""What stops a change: a veto, the kill switch, a lock; and a change that waits for its hour."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bot.store.views import MessageView
from commands.domain.incident import Incident
from commands.domain.location import HERE, Location
from commands.domain.plan import PlanState
from commands.mitigation import running
from commands.ports import Workload
from tests.scenario.stage import Stage, golden, transcript


async def test_anybody_on_the_incident_vetoes_with_one_click(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.types("ben", incident.channel, "/gw scale 10")
    assert await stage.presses("chloe", incident.channel, "Veto") == golden("""
        [#incident-20260301-001, all, edited]
        Vetoed: Scale gateway up from 3 to 10 workers
          Nothing was changed.
          (asked by @Ben Okafor, vetoed by @Chloé Martin)
        """)
    assert stage.world.gateway.asked == []


@transcript("/plans", "/deny")
async def test_a_plan_for_later_is_listed_and_can_be_denied(stage: Stage) -> None:
    assert await stage.asks("eve", "general", "/plans") == golden("""
        No plan waits
          What changes something shows its plan first: /gw scale 10
        """)
    await stage.types("ben", "general", "/gw scale 10 in 20m")
    await stage.presses("ana", "general", "Confirm")
    assert await stage.asks_card() == golden("""
        Confirmed: Scale gateway up from 3 to 10 workers
          Runs at 12:20 UTC; until then it can be stopped.
          [Veto]
          (asked by @Ben Okafor, confirmed by @Ana Ruiz · plan-20260301-…)
        """)
    assert await stage.asks("eve", "general", "/plans") == golden("""
        1 plan waiting
          Scale gateway up from 3 to 10 workers · waits for its hour, 2026-03-01 12:20 UTC · asked by @Ben Okafor · plan-20260301-…
          (Yes: /approve PLAN · no: /deny PLAN)
        """)  # noqa: E501
    assert await stage.asks("chloe", "general", "/deny") == golden("""
        Vetoed: Scale gateway up from 3 to 10 workers
        """)
    assert (await stage.world.plan()).state is PlanState.VETOED
    assert stage.world.gateway.asked == []


async def test_a_plan_runs_when_its_hour_has_come(stage: Stage) -> None:
    await stage.types("ben", "general", "/gw scale 10 --in 1s")
    await stage.presses("ben", "general", "Confirm")
    assert (await stage.world.plan()).state is PlanState.APPROVED
    assert (await stage.world.settled()).state is PlanState.DONE


async def test_an_hour_that_has_passed_is_refused_and_so_is_a_double_one(stage: Stage) -> None:
    assert await stage.asks("ben", "general", "/gw scale 10 at 11:30") == golden("""
        11:30 UTC was 30 min ago.
          A plan runs later, or at once without --at.
          (You typed: /gw scale 10 at 11:30)
        """)
    assert await stage.asks("ben", "general", "/gw scale 10 --at 12:30 --in 20m") == golden("""
        --at and --in say the same thing; give one of them.
          Try: /gw scale 10 --in 20m
          (You typed: /gw scale 10 --at 12:30 --in 20m)
        """)
    assert await stage.asks("ben", "general", "/gw scale 10 in 9d") == golden("""
        That is in 9 d.
          A plan waits for at most 7 d.
          (You typed: /gw scale 10 in 9d)
        """)


async def frozen(stage: Stage) -> None:
    """Everybody is told."""
    assert await stage.types("chloe", "general", "/tocsin freeze two regions disagree") == golden("""
        [#incidents, all]
        All changes are frozen
          @Chloé Martin: two regions disagree
          Reading works, and so does /gw undo. To end it: /tocsin thaw
        [#incident-20260301-001, all]
        All changes are frozen
          @Chloé Martin: two regions disagree
          Reading works, and so does /gw undo. To end it: /tocsin thaw
        [#general, all]
        All changes are frozen
          @Chloé Martin: two regions disagree
          Reading works, and so does /gw undo. To end it: /tocsin thaw
        """)


async def refused_while_frozen(stage: Stage, incident: Incident, waiting: MessageView) -> None:
    """A click, a command and a second freeze; undo works."""
    refused = await stage.clicks("ben", waiting, "Confirm")
    assert await stage.world.read(refused.reply_key, "ben") == golden("""
        All changes are frozen: two regions disagree.
          @Chloé Martin froze them, and ends it with /tocsin thaw, or an admin does. Reading and /gw undo work.
        """)
    assert await stage.asks("ben", "general", "/gw restart") == golden("""
        All changes are frozen: two regions disagree.
          @Chloé Martin froze them, and ends it with /tocsin thaw, or an admin does. Reading and /gw undo work.
          (You typed: /gw restart)
        """)
    assert await stage.asks("eve", "general", "/locks") == golden("""
        Nothing is locked
          All changes are frozen by @Chloé Martin: two regions disagree. /tocsin thaw ends it.
          No change runs now.
        """)
    assert await stage.asks("chloe", "general", "/tocsin freeze again") == golden("""
        All changes are frozen already: two regions disagree.
          Try: /tocsin thaw
          (You typed: /tocsin freeze again)
        """)
    stage.later(seconds=1)
    undone = await stage.runs("ben", incident.channel, "/gw undo")
    assert undone.startswith("Done: Undo: scale gateway down from 7 to 3 workers")


async def thawed(stage: Stage) -> None:
    """By an admin alone, and once."""
    assert await stage.asks("ben", "general", "/tocsin thaw") == golden("""
        You did not freeze them, and you are no admin.
          @Chloé Martin did, and can end it.
          (You typed: /tocsin thaw)
        """)
    await stage.news()
    assert await stage.types("dev", "general", "/tocsin thaw") == golden("""
        [#incidents, all]
        Changes are possible again
          Thawed by @Dev Patel
        [#incident-20260301-001, all]
        Changes are possible again
          Thawed by @Dev Patel
        [#general, all]
        Changes are possible again
          Thawed by @Dev Patel
        """)
    assert await stage.asks("dev", "general", "/tocsin thaw") == golden("""
        Nothing is frozen.
          Try: /tocsin freeze something is wrong with the deployments
          (You typed: /tocsin thaw)
        """)
    assert await stage.asks("eve", "general", "/locks") == golden("""
        Nothing is locked
          No change runs now.
        """)


@transcript("/tocsin freeze", "/tocsin thaw", "/locks")
async def test_the_kill_switch_stops_every_change_but_undo(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.runs("ben", incident.channel, "/gw scale 7")
    stage.later(seconds=1)
    await stage.types("ben", incident.channel, "/gw scale 9")
    waiting = await stage.message_with("Confirm", incident.channel)
    await stage.news()
    await frozen(stage)
    await refused_while_frozen(stage, incident, waiting)
    await thawed(stage)


async def test_a_freeze_stops_what_was_confirmed_and_has_not_begun(stage: Stage) -> None:
    gateway, find, hold = stage.world.gateway, stage.world.gateway.find, asyncio.Event()

    async def slow(name: str, at: Location = HERE) -> Workload:
        await hold.wait()
        return await find(name, at)

    async def locked() -> bool:
        return (await stage.world.plan()).state is PlanState.LOCKED

    await stage.types("ben", "general", "/gw scale 9")
    gateway.find = slow  # type: ignore[method-assign]
    await stage.presses("ben", "general", "Confirm")
    await stage.world.until(locked)
    await stage.quietly("dev", "general", "/tocsin freeze looking")
    hold.set()
    plan = await stage.world.settled()
    assert (plan.state, gateway.asked) == (PlanState.FAILED, [])
    assert plan.detail == "all changes are frozen: looking; nothing was changed"


async def test_a_freeze_keeps_what_waited_for_its_hour_from_its_target(stage: Stage) -> None:
    await stage.types("ben", "general", "/gw scale 9 in 20m")
    await stage.presses("ben", "general", "Confirm")
    await stage.quietly("dev", "general", "/tocsin freeze looking")
    plan, services = await stage.world.plan(), stage.world.app.services
    assert await stage.world.app.store.transact("its hour", lambda tx: running.lock(plan.id, services, tx)) is None
    plan = await stage.world.plan()
    assert (plan.state, plan.detail) == (
        PlanState.FAILED,
        "all changes are frozen: looking; nothing was changed",
    )


async def test_a_change_waits_while_another_holds_its_target(stage: Stage) -> None:
    await stage.types("ben", "general", "/gw scale 5")
    other = await stage.world.plan()
    stage.later(seconds=1)
    await stage.types("ben", "general", "/gw scale 6")
    store, began = stage.world.app.store, stage.world.clock.now()
    await store.transact("held", lambda tx: tx.plans.lock(other.target.key, other.id))
    await stage.clicks("ben", await stage.message_with("Confirm", "general"), "Confirm")

    async def has_looked_often() -> bool:
        return stage.world.clock.now() - began > timedelta(seconds=0.2)

    await stage.world.until(has_looked_often)
    plan = await stage.world.plan()
    assert (plan.state, stage.world.gateway.asked) == (PlanState.APPROVED, [])
    await store.transact("let go", lambda tx: tx.plans.unlock(other.target.key, other.id))
    assert (await stage.world.settled()).state is PlanState.DONE
    assert stage.world.gateway.asked == ["scale"]
