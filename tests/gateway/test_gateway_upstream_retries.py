"""Upstreams with several targets: what is tried again elsewhere, and what is not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.gateway.stage import Stage, staged
from tests.gateway.targets import asked, document_for, failures, nobody, sent, shares, targets


async def test_what_may_be_repeated_is_tried_elsewhere() -> None:
    with targets(2) as upstreams:
        ill, well = upstreams
        for does in ("status-503", "vanish", "garbage"):
            ill.always = does
            async with staged(document_for(*upstreams)) as stage:
                assert await asked(stage, 4) == [200] * 4
                counted = stage.plane.tally.take()
                assert ["backend", "retried", 2] in counted["upstream_retries"]
                told_of = [one for one in stage.records() if one["event_type"] == "request" and one.get("retries")]
                assert [(one["target"], one["retries"]) for one in told_of] == [("green", 1)] * 2
        assert len(well.requests) == 12


async def test_what_has_an_effect_is_not_sent_twice() -> None:
    with targets(2) as upstreams:
        ill, _ = upstreams
        ill.always = "status-503"
        async with staged(document_for(*upstreams)) as stage:
            statuses = [(await sent(stage, "POST", b"x")).status for _ in range(4)]
            assert sorted(statuses) == [200, 200, 503, 503]
        ill.always = "vanish"
        async with staged(document_for(*upstreams)) as stage:
            statuses = [(await sent(stage, "POST", b"x")).status for _ in range(4)]
            assert sorted(statuses) == [200, 200, 502, 502]


async def test_a_short_body_is_sent_again_and_a_long_one_is_not() -> None:
    with targets(2) as upstreams:
        ill, well = upstreams
        ill.always = "status-503"
        async with staged(document_for(*upstreams, retry={"max_body_bytes": 1000})) as stage:
            for _ in range(2):
                answer = await sent(stage, "PUT", b"y" * 1000)
                assert (answer.status, answer.json()["body_size"]) == (200, 1000)
            long = [(await sent(stage, "PUT", b"y" * 1001)).status for _ in range(2)]
            assert sorted(long) == [200, 503]
            assert {one.body_hash for one in well.requests if one.body_size == 1000} == {well.requests[0].body_hash}


async def test_an_answer_that_has_begun_is_not_repeated() -> None:
    with targets(2) as upstreams:
        upstreams[0].always = "truncated"
        async with staged(document_for(*upstreams)) as stage:
            outcomes = []
            for _ in range(2):
                async with stage.caller() as caller:
                    try:
                        outcomes.append((await caller.get("/x")).status)
                    except asyncio.IncompleteReadError:
                        outcomes.append(0)
            assert sorted(outcomes) == [0, 200]


async def test_who_is_silent_is_given_up_for_another_in_time() -> None:
    with targets(2) as upstreams:
        upstreams[0].always = "silent"
        async with staged(document_for(*upstreams, timeout_secs=1.5)) as stage:
            async with _ticking(stage):
                assert await asked(stage, 2) == [200, 200]
            assert failures(stage) == {"backend/blue timeout": 1}


@contextlib.asynccontextmanager
async def _ticking(stage: Stage) -> AsyncIterator[None]:
    """Deadlines are checked by ticks."""

    async def tick() -> None:
        while True:
            await asyncio.sleep(0.02)
            stage.plane.tick()

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()


async def test_retries_have_a_budget_and_then_the_answer_is_passed_on() -> None:
    with targets(2) as upstreams:
        upstreams[0].always = "status-503"
        retry = {"budget_percent": 0, "budget_min_per_sec": 0.1}
        async with staged(document_for(*upstreams, retry=retry)) as stage:
            assert sorted(await asked(stage, 6)) == [200, 200, 200, 200, 503, 503]
            counted = {result: count for _, result, count in stage.plane.tally.take()["upstream_retries"]}
            assert counted == {"retried": 1, "over_budget": 2}


async def test_where_no_other_is_left_the_answer_is_passed_on() -> None:
    with targets(2) as upstreams:
        for one in upstreams:
            one.always = "status-503"
        async with staged(document_for(*upstreams, retry={"max_retries": 5})) as stage:
            assert await asked(stage, 1) == [503]
            assert shares(upstreams) == [1, 1]


async def test_who_was_ill_is_asked_when_all_fail_that_are_well() -> None:
    with targets(2) as upstreams, nobody() as gone:
        back, fails = upstreams
        fails.always = "status-503"
        async with staged(document_for(back, fails, gone, retry={"max_retries": 2})) as stage:
            stage.plane.targets_checked({"backend": {"blue": False, "green": True, "red": False}})
            assert await asked(stage, 3) == [200] * 3, "no check has seen yet that it is back"
            assert shares(upstreams) == [3, 3]
            assert (await sent(stage, "POST", b"x")).status == 503
            back.always = "status-503"
            assert await asked(stage, 1) == [502], "and the last one is not there at all"
