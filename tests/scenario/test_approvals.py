"""A change that needs a second person: who counts, whose voice does not, and breaking the glass."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.domain.plan import Finding, PlanState
from tests.scenario.stage import Stage, Still, golden, transcript
from tests.world import audited, settings_for, world

POLICY = """
rules:
- name: two-people
  effect: allow
  commands: [gw scale]
  who: {roles: [operator, admin]}
  approvals: {count: 1, who: {roles: [operator, admin]}}
- name: restarts-are-dangerous-here
  effect: allow
  commands: [gw restart]
  treat_as: dangerous
  who: {roles: [operator, admin]}
  approvals: {count: 1, who: {roles: [operator, admin]}}
"""


@pytest.fixture
async def guarded(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage with a policy that wants a second person."""
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    async with world(settings_for(sqlite_url, policy={"file": str(file)}), clock=Still()) as here:
        stage = Stage(here)
        await stage.news()
        yield stage


@transcript("/approve")
async def test_somebody_else_approves_what_one_asked_for(guarded: Stage) -> None:
    assert await guarded.types("ben", "general", "/gw scale 10") == golden("""
        [#general, all]
        Scale gateway up from 3 to 10 workers?
          Needs 1 more approval by one of: operators, admins; not @Ben Okafor
          Now: 3 of 3 workers ready
          Allowed: 1 to 20 workers
          Undo: /gw undo puts back 3 workers
          Afterwards: Tocsin compares errors and p95 with before
          Approve before: 12:05 UTC
          [Approve] [Veto] [Cancel]
          (asked by @Ben Okafor · plan-20260301-…)
        """)
    assert await guarded.presses("ben", "general", "Approve") == golden("""
        [#general, only ben]
        You asked for this, so somebody else approves it.
          They can type /approve plan-20260301-….
        """)
    assert await guarded.presses("chloe", "general", "Approve") == golden("""
        [#general, only chloe]
        The rule two-people asks for the yes of others than you.
          Who may approve: operators, admins.
          Try: /policy explain /gw scale
        """)
    assert guarded.world.gateway.asked == []
    assert await guarded.asks("ana", "general", "/approve") == golden("""
        Approved: Scale gateway up from 3 to 10 workers
          It runs now.
        """)
    plan = await guarded.world.settled()
    assert (plan.state, plan.requester, plan.approver) == (PlanState.DONE, "ben", "ana")
    assert await guarded.asks("ana", "general", f"/approve {plan.id}") == golden("""
        This plan is done already.
          Ask for it again to see how things are now.
          (You typed: /approve plan-20260301-…)
        """)
    assert await guarded.asks("ana", "general", "/approve") == golden("""
        No plan waits here.
          There may be one elsewhere.
          Try: /plans
          (You typed: /approve)
        """)


async def test_what_is_dangerous_is_confirmed_by_typing_its_name(guarded: Stage) -> None:
    assert await guarded.types("ben", "general", "/gw restart") == golden("""
        [#general, all]
        Restart gateway: 3 workers, one by one?
          Dangerous. Type the name of the target to confirm it: /approve plan-20260301-… gateway
          Needs 1 more approval by one of: operators, admins; not @Ben Okafor
          Now: 3 of 3 workers ready
          Will happen: each worker is replaced once its successor is ready; no request is lost
          Undo: not needed, since the same version and configuration run again
          Afterwards: Tocsin compares errors and p95 with before
          Approve before: 12:05 UTC
          [Approve] [Veto] [Cancel]
          (asked by @Ben Okafor · plan-20260301-…)
        """)
    plan = await guarded.world.plan()
    assert await guarded.asks("ana", "general", f"/approve {plan.id}") == golden("""
        This is dangerous: it is confirmed by typing the name of its target, gateway.
          Try: /approve plan-20260301-… gateway
          (You typed: /approve plan-20260301-…)
        """)
    assert await guarded.asks("ben", "general", f"/approve {plan.id} gatway") == golden("""
        The target is gateway, not gatway; nothing was decided.
          (You typed: /approve plan-20260301-… gatway)
        """)
    assert await guarded.asks("ben", "general", f"/approve {plan.id} gateway") == golden("""
        Your word counts: Restart gateway: 3 workers, one by one
          It still needs 1 more to approve it.
        """)
    assert await guarded.asks("ben", "general", f"/approve {plan.id} gateway") == golden("""
        You asked for this, so somebody else approves it.
          They can type /approve plan-20260301-….
          (You typed: /approve plan-20260301-… gateway)
        """)
    assert await guarded.asks_card() == golden("""
        Restart gateway: 3 workers, one by one?
          Needs 1 more approval by one of: operators, admins; not @Ben Okafor
          Now: 3 of 3 workers ready
          Will happen: each worker is replaced once its successor is ready; no request is lost
          Undo: not needed, since the same version and configuration run again
          Afterwards: Tocsin compares errors and p95 with before
          Approve before: 12:05 UTC
          [Approve] [Veto] [Cancel]
          (asked by @Ben Okafor · plan-20260301-…)
        """)
    assert guarded.world.gateway.asked == []
    await guarded.presses("dev", "general", "Approve")
    assert (await guarded.world.settled()).state is PlanState.DONE


async def test_two_plans_that_wait_are_told_apart(guarded: Stage) -> None:
    await guarded.types("ben", "general", "/gw scale 10")
    guarded.later(seconds=1)
    await guarded.types("ben", "general", "/gw scale 5")
    assert await guarded.asks("ana", "general", "/approve") == golden("""
        2 plans wait here.
          Say which: plan-20260301-… (Scale gateway up from 3 to 5 workers) or plan-20260301-… (Scale gateway up from 3 to 10 workers).
          (You typed: /approve)
        """)  # noqa: E501
    assert await guarded.asks("ana", "general", "/deny plan-20260301-00000000") == golden("""
        There is no plan plan-20260301-….
          Try: /gw history
          (You typed: /deny plan-20260301-…)
        """)


async def test_breaking_the_glass_skips_the_approval_and_is_told_to_everybody(guarded: Stage) -> None:
    incident = await guarded.declares()
    said = await guarded.types("ben", incident.channel, '/gw scale 10 --break-glass "nobody else is awake"')
    assert said == golden("""
        [#incident-20260301-001, all]
        Scale gateway up from 3 to 10 workers?
          Without approval: nobody else is awake. It is announced, and reviewed later.
          Now: 3 of 3 workers ready
          Allowed: 1 to 20 workers
          Undo: /gw undo puts back 3 workers
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:05 UTC
          [Confirm] [Veto] [Cancel]
          (asked by @Ben Okafor)
        """)
    # How far the change has come when this is read is up to the machine.
    assert golden("""
        [#incidents, all]
        Changed without approval
          @Ben Okafor: Scale gateway up from 3 to 10 workers. Why: nobody else is awake
          Somebody else looks at it, then: /review plan-20260301-… what you think of it
          Where: #incident-20260301-001
        """) in await guarded.presses("ben", incident.channel, "Confirm")
    assert (await guarded.world.settled()).state is PlanState.DONE
    assert "asked by @Ben Okafor, confirmed by @Ben Okafor" in await guarded.asks_card()
    kinds = [entry.kind for entry in await guarded.world.app.store.look(audited)]
    assert "broke-glass" in kinds
    assert await guarded.asks("ben", incident.channel, "/gw scale 51 --break-glass now") == golden("""
        51 is not allowed: gateway runs with 1 to 20 workers.
          Try: /gw scale 20
          (You typed: /gw scale 51 --break-glass now)
        """)


@transcript("/reviews", "/review")
async def test_what_was_run_without_approval_is_reviewed_by_somebody_else(guarded: Stage) -> None:
    assert await guarded.asks("eve", "general", "/reviews") == golden("""
        Nothing waits for a review
          Nothing was changed without approval.
        """)
    await guarded.runs("ben", "general", '/gw scale 10 --break-glass "nobody else is awake"')
    plan = await guarded.world.plan()
    assert await guarded.asks("eve", "general", "/reviews") == golden("""
        1 to review
          Scale gateway up from 3 to 10 workers · without approval: nobody else is awake · @Ben Okafor · 2026-03-01 12:00 UTC · plan-20260301-…
          (Once you have looked: /review PLAN what you think of it)
        """)  # noqa: E501
    assert await guarded.asks("ben", "general", f"/review {plan.id} it was right") == golden("""
        Whoever ran it does not review it.
          Ask somebody else.
          (You typed: /review plan-20260301-… it was right)
        """)
    await guarded.news()
    assert await guarded.types("ana", "incidents", f"/review {plan.id} it was right") == golden("""
        [#general, all]
        Reviewed: Scale gateway up from 3 to 10 workers
          @Ana Ruiz: it was right
        [#incidents, only ana]
        Reviewed: Scale gateway up from 3 to 10 workers
          @Ana Ruiz: it was right
        """)
    assert await guarded.asks("ana", "general", f"/review {plan.id} again") == golden("""
        plan-20260301-… was reviewed already.
          @Ana Ruiz did it.
          Try: /reviews
          (You typed: /review plan-20260301-… again)
        """)
    assert await guarded.asks("ana", "general", "/review plan-20260301-00000000") == golden("""
        There is no plan plan-20260301-….
          Try: /gw history
          (You typed: /review plan-20260301-…)
        """)
    assert await guarded.asks("eve", "general", "/reviews") == golden("""
        Nothing waits for a review
          Nothing was changed without approval.
        """)


async def test_what_speaks_against_a_change_is_shown_or_stops_it(stage: Stage) -> None:
    budget = Finding(what="the budget gateway lets 1 copies be missing now")
    stage.world.gateway.objections_now = (budget,)
    assert "Note: the budget gateway lets 1 copies be missing now" in await stage.types("ben", "general", "/gw scale 5")
    autoscaler = Finding(what="the autoscaler gateway would undo this", instead="change its minReplicas", stops=True)
    stage.world.gateway.objections_now = (budget, autoscaler)
    assert await stage.asks("ben", "general", "/gw scale 7") == golden("""
        gateway: the autoscaler gateway would undo this.
          Change its minReplicas.
          (You typed: /gw scale 7)
        """)
