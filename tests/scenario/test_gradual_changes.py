"""A change in steps: each is measured before the next; a bad reading or a person stops it, it says how far it is."""

from __future__ import annotations

from typing import Any

import pytest

from commands.actions.scale import _steps
from commands.domain.plan import PlanState
from commands.domain.sli import Reading
from tests.scenario.stage import Stage, Still, golden
from tests.world import audited, settings_for, world


@pytest.mark.parametrize(
    ("before", "after", "steps"),
    [(0, 4, (1, 2, 4)), (3, 10, (6, 10)), (10, 3, (5, 3)), (8, 0, (4, 2, 1, 0)), (3, 4, ()), (2, 1, ())],
)
def test_steps_double_or_halve(before: int, after: int, steps: tuple[int, ...]) -> None:
    assert _steps(before, after) == steps


async def test_each_step_is_asked_for_once_and_looked_at(stage: Stage) -> None:
    assert await stage.types("ben", "general", "/gw scale 20 --gradual") == golden("""
        [#general, all]
        Scale gateway up from 3 to 20 workers?
          Now: 3 of 3 workers ready
          Allowed: 1 to 20 workers
          Step by step: 6, 12, 20 workers; it stops where errors or p95 get worse
          Undo: /gw undo puts back 3 workers
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:05 UTC
          [Confirm] [Veto] [Cancel]
          (asked by @Ben Okafor)
        """)
    await stage.presses("ana", "general", "Confirm")
    plan = await stage.world.settled()
    assert await stage.asks_card() == golden("""
        Done: Scale gateway up from 3 to 20 workers
          20 of 20 workers ready; verified
          Before: errors 0.2%, p95 40 ms, 100 req/s
          After: errors 0.2%, p95 40 ms, 100 req/s
          (asked by @Ben Okafor, confirmed by @Ana Ruiz)
        """)
    assert (stage.world.gateway.desired, list(stage.world.gateway.operations)) == (
        20,
        [f"{plan.id}.1", f"{plan.id}.2", f"{plan.id}.3"],
    )
    entries = [one for one in await stage.world.app.store.look(audited) if one.kind == "intent"]
    assert [(one.detail["step"], one.detail["after"]["replicas"]) for one in reversed(entries)] == [
        (1, 6), (2, 12), (3, 20),
    ]  # fmt: skip


async def test_the_first_bad_reading_stops_it_where_it_is(stage: Stage) -> None:
    worse_at(stage, 12)
    shown = await stage.runs("ben", "general", "/gw scale 20 --gradual")
    assert shown == golden("""
        Failed: Scale gateway up from 3 to 20 workers
          2 of 3 steps were made: 12 of 12 workers ready; it got worse, so it was stopped
          To go on: /gw scale 20 --gradual. To take it back: /gw undo
          Before: errors 0.2%, p95 40 ms, 100 req/s
          After: errors 40.0%, p95 40 ms, 100 req/s
          (asked by @Ben Okafor, confirmed by @Ben Okafor · plan-20260301-…)
        """)
    stage.later(seconds=1)
    assert "Undo: scale gateway down from 12 to 3 workers?" in await stage.types("ana", "general", "/gw undo")


def worse_at(stage: Stage, replicas: int) -> None:
    """From so many workers on, most answers are errors."""
    gateway = stage.world.gateway

    async def scale(*args: Any, **kwargs: Any) -> None:
        await original(*args, **kwargs)
        if gateway.desired == replicas:
            gateway.reading_now = gateway.reading_now.model_copy(update={"errors": 400, "error_rate": 0.4})

    original, gateway.scale = gateway.scale, scale  # type: ignore[method-assign]


async def test_a_step_that_cannot_be_measured_is_the_last(stage: Stage) -> None:
    gateway = stage.world.gateway

    async def reading(*_args: Any, **_kwargs: Any) -> Reading:
        return Reading(at=stage.world.clock.now(), trouble="Prometheus does not answer")

    gateway.reading = reading  # type: ignore[method-assign]
    shown = await stage.runs("ben", "general", "/gw scale 20 --gradual")
    assert shown.splitlines()[:3] == [
        "Failed: Scale gateway up from 3 to 20 workers",
        "  1 of 3 steps were made: 6 of 6 workers ready; could not be measured, so it was stopped",
        "  To go on: /gw scale 20 --gradual. To take it back: /gw undo",
    ]
    assert ((await stage.world.plan()).verdict, gateway.desired) == ("inconclusive", 6)


def stopped_at(stage: Stage, replicas: int, how: str) -> list[str]:
    """Somebody stops it while this step is asked for, by the button or by the command; what the message says then."""
    gateway, world = stage.world.gateway, stage.world
    seen: list[str] = []

    async def scale(*args: Any, **kwargs: Any) -> None:
        await original(*args, **kwargs)
        if gateway.desired == replicas and how == "Stop":
            await stage.clicks("ana", await stage.message_with("Stop", "general"), "Stop")
        elif gateway.desired == replicas:
            seen.append(await stage.asks_card())
            await world.command("ana", "general", f"/deny {(await world.plan()).id}")

    original, gateway.scale = gateway.scale, scale  # type: ignore[method-assign]
    return seen


UNDER_WAY = golden("""
    Running: Scale gateway up from 3 to 20 workers
      Step 2 of 3
      6 of 6 workers ready
      [Stop]
      (asked by @Ben Okafor, confirmed by @Ben Okafor)
    """)


@pytest.mark.parametrize("how", ["Stop", "/deny"])
async def test_it_is_stopped_in_the_middle_and_says_what_had_happened(stage: Stage, how: str) -> None:
    seen = stopped_at(stage, 12, how)
    shown = await stage.runs("ben", "general", "/gw scale 20 --gradual")
    assert shown == golden("""
        Cancelled: Scale gateway up from 3 to 20 workers
          2 of 3 steps were made: 12 of 12 workers ready
          To go on: /gw scale 20 --gradual. To take it back: /gw undo
          (asked by @Ben Okafor, confirmed by @Ben Okafor, cancelled by @Ana Ruiz)
        """)
    assert all(one == UNDER_WAY for one in seen)
    assert stage.world.gateway.desired == 12
    assert (await stage.world.plan()).state is PlanState.CANCELLED


async def test_somebody_else_between_two_steps_ends_it(stage: Stage) -> None:
    gateway = stage.world.gateway

    async def scale(*args: Any, **kwargs: Any) -> None:
        await original(*args, **kwargs)
        gateway.reading = meddled  # type: ignore[method-assign]

    async def meddled(*args: Any, **kwargs: Any) -> Any:
        gateway.desired = 7
        return await reading(*args, **kwargs)

    original, gateway.scale = gateway.scale, scale  # type: ignore[method-assign]
    reading = gateway.reading
    shown = await stage.runs("ben", "general", "/gw scale 20 --gradual")
    assert (
        shown.splitlines()[1] == "  1 of 3 steps were made: 6 of 6 workers ready; somebody changed the target meanwhile"
    )


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (True, "  2 of 3 steps were made: no clear result in time; last seen: 12 of 12 workers ready"),
        (False, "  1 of 3 steps were made: 12 workers, as wanted, but gateway knows nothing of this request"),
    ],
)
async def test_what_ends_unclear_within_a_step_can_be_taken_back(sqlite_url: str, known: bool, said: str) -> None:
    pace = {"poll_seconds": 0.5, "every_seconds": 1, "effect_within_seconds": 3}
    async with world(settings_for(sqlite_url, verify=pace), clock=Still()) as running:
        stage, gateway = Stage(running), running.gateway

        async def scale(*args: Any, **kwargs: Any) -> None:
            gateway.stuck = gateway.desired == 6
            await original(*args, **kwargs)
            if gateway.stuck and not known:
                del gateway.operations[kwargs["operation"]]

        original, gateway.scale = gateway.scale, scale  # type: ignore[method-assign]
        assert (await stage.runs("ben", "general", "/gw scale 20 --gradual")).splitlines()[1] == said
        stage.later(seconds=1)
        assert "Undo: scale gateway down from 12 to 3 workers?" in await stage.types("ana", "general", "/gw undo")


async def test_what_may_be_there_because_of_a_gradual_change(stage: Stage) -> None:
    """Before its first step, what it found; never its end."""
    await stage.types("ben", "general", "/gw scale 20 --gradual")
    plan = await stage.world.plan()
    assert (plan.left_at, plan.left_behind) == ({"replicas": 3}, ())
    lost = plan.model_copy(update={"state": PlanState.UNKNOWN})
    assert lost.left_behind == ({"replicas": 6},)


async def test_the_last_step_and_a_change_in_one_cannot_be_called_back(stage: Stage) -> None:
    stage.world.gateway.stuck = True
    await stage.types("ben", "general", "/gw restart")
    await stage.presses("ben", "general", "Confirm")
    plan = await stage.world.plan()

    async def executing() -> bool:
        return (await stage.world.plan()).state is PlanState.EXECUTING

    await stage.world.until(executing)
    assert await stage.asks("ana", "general", f"/deny {plan.id}") == golden("""
        It was asked of gateway already, and cannot be called back.
          Its message tells how it goes.
          (You typed: /deny plan-20260301-…)
        """)
    running = stage.world.gateway.operations
    running |= {key: one.model_copy(update={"state": "done"}) for key, one in running.items()}
    assert (await stage.world.settled()).state is PlanState.DONE
