"""A restart in batches: the oldest workers first, measured after each, stopped where it gets worse or by a person."""

from __future__ import annotations

from typing import Any

import pytest

from commands.actions.restart import _batches
from tests.scenario.stage import Stage, golden
from tests.world import audited


@pytest.mark.parametrize(
    ("workers", "sizes"), [(1, [1]), (3, [1, 1, 1]), (8, [1, 2, 2, 2, 1]), (20, [1, 2, 4, 5, 5, 3])]
)
def test_batches_double_up_to_a_quarter(workers: int, sizes: list[int]) -> None:
    assert [len(batch) for batch in _batches([str(n) for n in range(workers)])] == sizes


@pytest.mark.parametrize(
    ("missing", "title", "words"),
    [
        (0, "3 workers, one by one", "each worker is replaced once its successor is ready; no request is lost"),
        (1, "3 workers, a few at a time", "workers are replaced step by step, with up to 1 missing at a time"),
        (3, "3 workers, all at once", "all 3 workers stop before new ones start"),
    ],
)
async def test_a_rolling_restart_says_who_is_missing_meanwhile(
    stage: Stage, missing: int, title: str, words: str
) -> None:
    stage.world.gateway.missing = missing
    said = await stage.types("ben", "general", "/gw restart")
    assert f"Restart gateway: {title}?" in said
    assert f"Will happen: {words}\n" in said
    assert (await stage.world.plan()).removes == missing / 3


async def test_each_batch_is_asked_for_once_and_looked_at(stage: Stage) -> None:
    stage.world.gateway.desired = 8
    assert await stage.types("ben", "general", "/gw restart --gradual") == golden("""
        [#general, all]
        Restart gateway: 8 workers, in 5 batches?
          Now: 8 of 8 workers ready
          Will happen: each worker is replaced once its successor is ready; no request is lost
          Step by step: 1, 2, 2, 2, 1 workers; it stops where errors or p95 get worse
          Undo: not needed, since the same version and configuration run again
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:05 UTC
          [Confirm] [Veto] [Cancel]
          (asked by @Ben Okafor)
        """)
    asked = batches_of(stage)
    await stage.presses("ana", "general", "Confirm")
    plan = await stage.world.settled()
    assert await stage.asks_card() == golden("""
        Done: Restart gateway: 8 workers, in 5 batches
          8 of 8 workers restarted; verified
          Before: errors 0.2%, p95 40 ms, 100 req/s
          After: errors 0.2%, p95 40 ms, 100 req/s
          (asked by @Ben Okafor, confirmed by @Ana Ruiz)
        """)
    assert [one for batch in asked.values() for one in batch] == [f"gateway-{n}" for n in range(1, 9)]
    assert list(asked) == [f"{plan.id}.{n}" for n in range(1, 6)]
    entries = [one for one in await stage.world.app.store.look(audited) if one.kind == "intent"]
    assert [one.detail["after"]["restarted"] for one in reversed(entries)] == [1, 3, 5, 7, 8]


def batches_of(stage: Stage, *, bad_at: int = 0, stop_at: int = 0) -> dict[str, list[str]]:
    """Which workers each request is about. At a batch, it gets worse, or Ana presses Stop."""
    gateway, asked = stage.world.gateway, dict[str, list[str]]()

    async def restart(*args: Any, **kwargs: Any) -> None:
        asked[kwargs["operation"]] = list(kwargs["only"])
        await original(*args, **kwargs)
        if len(asked) == bad_at:
            gateway.reading_now = gateway.reading_now.model_copy(update={"errors": 400, "error_rate": 0.4})
        if len(asked) == stop_at:
            await stage.clicks("ana", await stage.message_with("Stop", "general"), "Stop")

    original, gateway.restart = gateway.restart, restart  # type: ignore[method-assign]
    return asked


async def test_the_first_bad_reading_stops_it_and_the_rest_can_be_gone_on_with(stage: Stage) -> None:
    stage.world.gateway.desired = 8
    asked = batches_of(stage, bad_at=2)
    assert await stage.runs("ben", "general", "/gw restart --gradual") == golden("""
        Failed: Restart gateway: 8 workers, in 5 batches
          2 of 5 steps were made: 3 of 8 workers restarted; it got worse, so it was stopped
          To go on: /gw restart --oldest 5
          Before: errors 0.2%, p95 40 ms, 100 req/s
          After: errors 40.0%, p95 40 ms, 100 req/s
          (asked by @Ben Okafor, confirmed by @Ben Okafor · plan-20260301-…)
        """)
    assert len(asked) == 2
    stage.later(seconds=1)
    assert "Restart gateway: 5 workers, in 5 batches?" in await stage.types("ana", "general", "/gw restart --oldest 5")


async def test_a_batch_that_fails_half_way_leaves_only_those_that_are_still_the_old_ones(stage: Stage) -> None:
    gateway = stage.world.gateway
    gateway.desired = 8

    async def restart(*args: Any, **kwargs: Any) -> None:
        await original(*args, **kwargs)
        if len(kwargs["only"]) == 2:
            half = {"state": "failed", "done": 1, "error": "gateway-3 does not start"}
            operation = kwargs["operation"]
            gateway.operations[operation] = gateway.operations[operation].model_copy(update=half)

    original, gateway.restart = gateway.restart, restart  # type: ignore[method-assign]
    assert await stage.runs("ben", "general", "/gw restart --gradual") == golden("""
        Failed: Restart gateway: 8 workers, in 5 batches
          1 of 5 steps were made: 2 of 8 workers restarted; gateway-3 does not start
          To go on: /gw restart --oldest 6
          (asked by @Ben Okafor, confirmed by @Ben Okafor · plan-20260301-…)
        """)


async def test_a_person_stops_it_after_the_batch_that_is_under_way(stage: Stage) -> None:
    stage.world.gateway.desired = 8
    asked = batches_of(stage, stop_at=1)
    assert await stage.runs("ben", "general", "/gw restart --gradual") == golden("""
        Cancelled: Restart gateway: 8 workers, in 5 batches
          1 of 5 steps were made: 1 of 8 workers restarted
          To go on: /gw restart --oldest 7
          (asked by @Ben Okafor, confirmed by @Ben Okafor, cancelled by @Ana Ruiz)
        """)
    assert len(asked) == 1


async def test_no_more_than_there_are(stage: Stage) -> None:
    assert await stage.types("ben", "general", "/gw restart --oldest 9") == golden("""
        [#general, only ben]
        gateway has 3 workers; --oldest is 1 to 3 of them.
          Try: /gw restart --gradual
          (You typed: /gw restart --oldest 9)
        """)
