"""Transcripts of mitigations: planned, confirmed or not, executed once, verified, undone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from commands.domain.plan import PlanState
from tests.fakes import START
from tests.scenario.stage import Stage, Still, golden, transcript
from tests.world import settings_for, world


@transcript("/gw scale")
async def test_scale_shows_a_plan_then_its_course_in_one_message(stage: Stage) -> None:
    incident = await stage.declares()
    said = await stage.types("ben", incident.channel, "/gw scale 10")
    assert said == golden("""
        [#incident-20260301-001, all]
        Scale gateway up from 3 to 10 workers?
          Now: 3 of 3 workers ready
          Allowed: 1 to 20 workers
          Undo: /gw undo puts back 3 workers
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:05 UTC
          [Confirm] [Veto] [Cancel]
          (asked by @Ben Okafor)
        """)
    await stage.presses("ana", incident.channel, "Confirm")
    await stage.world.settled()
    plan = await stage.world.plan()
    assert await stage.asks_card(plan.id) == golden("""
        Done: Scale gateway up from 3 to 10 workers
          10 of 10 workers ready; verified
          Before: errors 0.2%, p95 40 ms, 100 req/s
          After: errors 0.2%, p95 40 ms, 100 req/s
          (asked by @Ben Okafor, confirmed by @Ana Ruiz)
        """)
    assert [step.split("Z ")[1] for step in plan.history] == ["approved", "locked", "executing", "verifying", "done"]
    assert await stage.asks("eve", incident.channel, "/incident timeline") == golden("""
        Timeline of SEV1 · API answers 502
          12:00 UTC · Done: Scale gateway up from 3 to 10 workers (10 of 10 workers ready; verified; errors 0.2% → 0.2%, p95 40 ms → 40 ms)
          12:00 UTC · Started: Scale gateway up from 3 to 10 workers
          12:00 UTC · Captured what was there, before: Scale gateway up from 3 to 10 workers (/gw evidence plan-20260301-…)
          12:00 UTC · @Ana Ruiz confirmed: Scale gateway up from 3 to 10 workers
          12:00 UTC · @Ben Okafor planned: Scale gateway up from 3 to 10 workers
          12:00 UTC · @Ana Ruiz declared SEV1: API answers 502
        """)  # noqa: E501


async def test_numbers_out_of_policy_are_refused_with_one_that_fits(stage: Stage) -> None:
    assert await stage.asks("ben", "general", "/gw scale 21") == golden("""
        21 is not allowed: gateway runs with 1 to 20 workers.
          Try: /gw scale 20
          (You typed: /gw scale 21)
        """)
    assert await stage.asks("ben", "general", "/gw scale 0") == golden("""
        0 is not allowed: gateway runs with 1 to 20 workers.
          Try: /gw scale 1
          (You typed: /gw scale 0)
        """)
    assert await stage.asks("ben", "general", "/gw scale -1") == golden("""
        -1 is not allowed: gateway runs with 1 to 20 workers.
          Try: /gw scale 1
          (You typed: /gw scale -1)
        """)
    assert await stage.asks("ben", "general", "/gw scale many") == golden("""
        “many” is no whole number.
          Write it in digits, as 10.
          Try: /gw scale 10
          (You typed: /gw scale many)
        """)
    assert await stage.asks("ben", "general", "/gw scale 3") == golden("""
        gateway already has 3 workers.
          Try: /gw pods
          (You typed: /gw scale 3)
        """)
    assert await stage.asks("ben", "general", "/gw scale") == golden("""
        /gw scale: replicas is missing (how many workers there are to be).
          Try: /gw scale 10
          (You typed: /gw scale)
        """)
    assert stage.world.gateway.asked == []


async def test_the_settings_bound_the_numbers_where_the_target_would_take_more(sqlite_url: str) -> None:
    limits = {"min_replicas": 2, "max_replicas": 8}
    async with world(settings_for(sqlite_url, policy=limits), clock=Still()) as running:
        for number in (1, 9):
            said = await running.say("ben", "general", f"/gw scale {number}")
            assert said.startswith(f"{number} is not allowed: gateway runs with 2 to 8 workers.")
        assert (await running.command("ben", "general", "/gw scale 8")).accepted


@transcript("/gw restart")
async def test_restart(stage: Stage) -> None:
    said = await stage.types("ben", "general", "/gw restart")
    assert said == golden("""
        [#general, all]
        Restart gateway: 3 workers, one by one?
          Now: 3 of 3 workers ready
          Will happen: each worker is replaced once its successor is ready; no request is lost
          Undo: not needed, since the same version and configuration run again
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:05 UTC
          [Confirm] [Veto] [Cancel]
          (asked by @Ben Okafor)
        """)
    await stage.presses("ben", "general", "Confirm")
    await stage.world.settled()
    assert await stage.asks_card() == golden("""
        Done: Restart gateway: 3 workers, one by one
          2 of 2 workers restarted; verified
          Before: errors 0.2%, p95 40 ms, 100 req/s
          After: errors 0.2%, p95 40 ms, 100 req/s
          (asked by @Ben Okafor, confirmed by @Ben Okafor)
        """)
    assert stage.world.gateway.asked == ["restart"]


@transcript("/gw undo")
async def test_undo_puts_back_what_was_before(stage: Stage) -> None:
    assert await stage.asks("ben", "general", "/gw undo") == golden("""
        There is nothing to undo: no change that was made from here is still in force.
          Try: /gw history
          (You typed: /gw undo)
        """)
    await stage.runs("ben", "general", "/gw scale 7")
    scaled = await stage.world.plan()
    await stage.news()
    stage.later(minutes=1)
    assert await stage.types("ana", "general", "/gw undo") == golden("""
        [#general, all]
        Undo: scale gateway down from 7 to 3 workers?
          Now: 7 of 7 workers ready
          Allowed: 1 to 20 workers
          Undo: /gw scale 7 puts it back
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:06 UTC
          [Confirm] [Veto] [Cancel]
          (asked by @Ana Ruiz)
        """)
    await stage.presses("ana", "general", "Confirm")
    await stage.world.settled()
    assert stage.world.gateway.desired == 3
    assert (await stage.world.plan(scaled.id)).state is PlanState.UNDONE
    assert (await stage.asks_card(scaled.id)).splitlines()[0] == "Undone: Scale gateway up from 3 to 7 workers"
    assert await stage.asks("ben", "general", "/gw undo") == golden("""
        There is nothing to undo: no change that was made from here is still in force.
          Try: /gw history
          (You typed: /gw undo)
        """)


async def test_undo_is_refused_when_somebody_changed_the_target_since(stage: Stage) -> None:
    await stage.runs("ben", "general", "/gw scale 7")
    stage.world.gateway.desired = 9
    assert await stage.asks("ben", "general", "/gw undo") == golden("""
        Somebody changed gateway since: it was left at 7 workers and has 9.
          Look at what was changed, then scale to what you want.
          Try: /gw history
          (You typed: /gw undo)
        """)
    stage.world.gateway.desired, stage.world.gateway.uid = 7, "99999999-0000-0000-0000-000000000000"
    assert await stage.asks("ben", "general", "/gw undo") == golden("""
        gateway was replaced since “Scale gateway up from 3 to 7 workers”; there is nothing to take back.
          (You typed: /gw undo)
        """)


async def test_cancel_does_nothing(stage: Stage) -> None:
    await stage.types("ben", "general", "/gw scale 10")
    assert await stage.presses("ana", "general", "Cancel") == golden("""
        [#general, all, edited]
        Cancelled: Scale gateway up from 3 to 10 workers
          Nothing was changed.
          (asked by @Ben Okafor, cancelled by @Ana Ruiz)
        """)
    assert stage.world.gateway.asked == []


async def test_only_who_may_run_it_confirms_it_and_any_responder_stops_it(stage: Stage) -> None:
    await stage.types("ben", "general", "/gw scale 10")
    assert await stage.presses("eve", "general", "Confirm") == golden("""
        [#general, only eve]
        That is not for you to decide.
          Who may: operators, admins, the incident commander, the technical lead.
          Try: /policy explain /gw scale
        """)
    assert "That is not for you to decide." in await stage.presses("eve", "general", "Cancel")
    assert await stage.presses("chloe", "general", "Confirm") == golden("""
        [#general, only chloe]
        /gw scale is not for you: no rule of the policy allows it.
          Who may: operators, admins, the incident commander, the technical lead. Ask one of them to run it.
          Try: /policy explain /gw scale
        """)
    assert (await stage.world.plan()).state is PlanState.PLANNED
    await stage.presses("chloe", "general", "Cancel")
    assert (await stage.world.plan()).state is PlanState.CANCELLED


async def test_who_leads_the_incident_may_confirm_whatever_their_standing_role(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident role ic @chloe")
    await stage.runs("chloe", incident.channel, "/gw scale 4")
    assert stage.world.gateway.desired == 4
    assert not (await stage.world.command("chloe", "general", "/gw scale 5")).accepted


async def test_a_confirmation_counts_once(stage_on: Stage) -> None:
    await stage_on.types("ben", "general", "/gw scale 10")
    message = await stage_on.message_with("Confirm", "general")
    receipts = await asyncio.gather(*(stage_on.clicks(person, message, "Confirm") for person in ("ana", "ben", "dev")))
    assert sorted(receipt.accepted for receipt in receipts) == [False, False, True]
    await stage_on.world.settled()
    assert stage_on.world.gateway.asked == ["scale"]


async def test_confirm_and_cancel_at_once_decide_once(stage_on: Stage) -> None:
    await stage_on.types("ben", "general", "/gw scale 10")
    message = await stage_on.message_with("Confirm", "general")
    receipts = await asyncio.gather(
        stage_on.clicks("ana", message, "Confirm"), stage_on.clicks("ben", message, "Cancel")
    )
    assert sorted(receipt.accepted for receipt in receipts) == [False, True]
    plan = await stage_on.world.settled()
    assert (plan.state, stage_on.world.gateway.asked) in (
        (PlanState.DONE, ["scale"]),
        (PlanState.CANCELLED, []),
    )


async def test_a_confirmation_that_comes_too_late_is_refused(stage: Stage) -> None:
    await stage.types("ben", "general", "/gw scale 10")
    stage.later(minutes=5)
    assert await stage.presses("ben", "general", "Confirm") == golden("""
        [#general, only ben]
        This plan ran out of time and was not run.
          Ask for it again to see how things are now.
        """)
    assert stage.world.gateway.asked == []


@pytest.fixture
async def hasty(sqlite_url: str) -> AsyncIterator[Stage]:
    """Plans that run out of time at once."""
    async with world(settings_for(sqlite_url, policy={"approve_within_seconds": 0.2}), clock=Still()) as running:
        yield Stage(running)


async def test_a_plan_that_nobody_confirms_expires(hasty: Stage) -> None:
    incident = await hasty.declares()
    await hasty.types("ben", incident.channel, "/gw scale 10")
    message = await hasty.message_with("Confirm", incident.channel)
    plan = await hasty.world.settled()
    assert plan.state is PlanState.EXPIRED
    assert await hasty.news() == golden("""
        [#incident-20260301-001, all, edited]
        Not confirmed in time: Scale gateway up from 3 to 10 workers
          Nothing was changed.
          (asked by @Ben Okafor)
        """)
    assert not (await hasty.clicks("ben", message, "Confirm")).accepted
    assert "Not confirmed in time: Scale gateway up" in await hasty.asks("ana", incident.channel, "/incident timeline")


async def test_a_target_that_drifted_voids_the_confirmation(stage: Stage) -> None:
    await stage.types("ben", "general", "/gw scale 10")
    stage.world.gateway.desired = 4
    await stage.presses("ben", "general", "Confirm")
    await stage.world.settled()
    assert await stage.asks_card() == golden("""
        Not done: Scale gateway up from 3 to 10 workers
          The target changed since it was planned (workers 3 → 4), so Tocsin did nothing. Ask again.
          (asked by @Ben Okafor, confirmed by @Ben Okafor · plan-20260301-…)
        """)
    assert stage.world.gateway.asked == []


async def test_a_refusal_by_the_target_is_told_in_its_words(stage: Stage) -> None:
    stage.world.gateway.refuse = "another operation is running"
    shown = await stage.runs("ben", "general", "/gw scale 10")
    assert shown == golden("""
        Failed: Scale gateway up from 3 to 10 workers
          The target refused: another operation is running; nothing was changed
          (asked by @Ben Okafor, confirmed by @Ben Okafor · plan-20260301-…)
        """)


async def test_a_lost_answer_is_read_back_and_not_asked_again(stage: Stage) -> None:
    stage.world.gateway.lose_answer = True
    shown = await stage.runs("ben", "general", "/gw scale 10")
    assert shown.splitlines()[0] == "Done: Scale gateway up from 3 to 10 workers"
    assert stage.world.gateway.asked == ["scale"]


async def test_a_request_that_never_arrived_is_reported_and_not_asked_again(stage: Stage) -> None:
    stage.world.gateway.never_arrives = True
    shown = await stage.runs("ben", "general", "/gw scale 10")
    assert shown == golden("""
        Interrupted: Scale gateway up from 3 to 10 workers
          It did not happen: still 3 workers. Ask for it again if it is still wanted
          (asked by @Ben Okafor, confirmed by @Ben Okafor · plan-20260301-…)
        """)
    assert stage.world.gateway.asked == ["scale"]


@pytest.mark.parametrize(("given", "waits"), [(0, 5), (20, 20), (2**31 - 1, 30)])
async def test_an_effect_that_does_not_come_in_time_is_unknown(sqlite_url: str, given: int, waits: int) -> None:
    """In the time of the settings, or in what the target itself gives it, where that is longer and not too long."""
    pace = {"poll_seconds": 0.5, "effect_within_seconds": 5, "effect_at_most_seconds": 30}
    async with world(settings_for(sqlite_url, verify=pace), clock=Still()) as running:
        running.gateway.stuck = True
        running.gateway.given = START + timedelta(seconds=given)
        shown = await Stage(running).runs("ben", "general", "/gw restart")
        assert running.clock.at >= START + timedelta(seconds=waits)
    assert shown == golden("""
        Outcome unknown: Restart gateway: 3 workers, one by one
          No clear result in time; last seen: 0 of 2 workers restarted
          Look before you try again: /gw pods, /gw history
          (asked by @Ben Okafor, confirmed by @Ben Okafor · plan-20260301-…)
        """)


async def test_a_change_that_made_it_worse_is_a_failure(stage: Stage) -> None:
    gateway = stage.world.gateway
    bad = gateway.reading_now.model_copy(update={"errors": 400, "error_rate": 0.4})

    async def scale(*args: object, **kwargs: object) -> None:
        await original(*args, **kwargs)  # type: ignore[arg-type]
        gateway.reading_now = bad

    original, gateway.scale = gateway.scale, scale  # type: ignore[method-assign]
    shown = await stage.runs("ben", "general", "/gw scale 10")
    assert shown == golden("""
        Failed: Scale gateway up from 3 to 10 workers
          10 of 10 workers ready; it got worse
          Before: errors 0.2%, p95 40 ms, 100 req/s
          After: errors 40.0%, p95 40 ms, 100 req/s
          Undo: /gw undo puts back 3 workers
          (asked by @Ben Okafor, confirmed by @Ben Okafor · plan-20260301-…)
        """)


async def test_without_traffic_nothing_is_claimed(stage: Stage) -> None:
    gateway = stage.world.gateway
    gateway.reading_now = gateway.reading_now.model_copy(update={"requests": 0, "errors": 0, "error_rate": 0.0})
    shown = await stage.runs("ben", "general", "/gw scale 10")
    assert shown == golden("""
        Done, not verified: Scale gateway up from 3 to 10 workers
          10 of 10 workers ready; not verified: look at it yourself
          Before: no requests
          After: no requests
          Undo: /gw undo puts back 3 workers
          (asked by @Ben Okafor, confirmed by @Ben Okafor)
        """)


async def test_while_a_change_runs_another_is_refused_and_so_is_resolving(stage: Stage) -> None:
    incident = await stage.declares()
    stage.world.gateway.stuck = True
    await stage.types("ben", incident.channel, "/gw restart")
    await stage.presses("ben", incident.channel, "Confirm")

    async def executing() -> bool:
        return (await stage.world.plan()).state is PlanState.EXECUTING

    await stage.world.until(executing)
    assert await stage.asks("ana", incident.channel, "/gw scale 9") == golden("""
        gateway is busy: Restart gateway: 3 workers, one by one is executing.
          @Ben Okafor started it; wait for its result.
          Try: /locks
          (You typed: /gw scale 9)
        """)
    assert await stage.asks("ana", incident.channel, "/incident resolve") == golden("""
        Restart gateway: 3 workers, one by one is still executing.
          Wait for its result, then resolve.
          (You typed: /incident resolve)
        """)
    stage.world.gateway.stuck = False
    stage.world.clock.advance(timedelta(minutes=10))
    await stage.world.settled()
