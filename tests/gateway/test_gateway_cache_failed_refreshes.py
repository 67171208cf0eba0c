"""A failing upstream is not asked for the same thing again and again: stale answers are given at once meanwhile."""

from __future__ import annotations

import pytest

from gateway.telemetry.exposition import CacheMoment, Moment, exposition
from gateway.telemetry.ledger import Ledger
from tests.gateway.caching import Scene, hold, scene
from tests.gateway.origin import reply
from tests.gateway.stage import until

WHILE = "max-age=10, stale-while-revalidate=3600"
ON_ERROR = "max-age=10, stale-if-error=3600"


async def stale(here: Scene, **headers: str) -> None:
    """Somebody gets the stale answer, whatever that brings about."""
    answer = await here.get(**headers)
    assert (answer.status, answer.body, answer.headers["x-cache"]) == (200, b"one", "STALE")
    await until(lambda: here.stage.cache.refreshing.under_way == 0)


async def begun(here: Scene, told: str, failure: bytes) -> None:
    """Something is stored and stale, and its upstream fails from now on."""
    here.origin.answer = lambda _: reply("one", cache_control=told, cache_tag="a")
    await here.get()
    here.clock.now += 20
    here.origin.answer = lambda _: failure
    here.origin.asked.clear()


async def rests(here: Scene) -> list[int]:
    """For how many seconds each time the upstream was not asked, while somebody wanted it each second."""
    found: list[int] = []
    for _ in range(6):
        before, seconds = len(here.origin.asked), 0
        while len(here.origin.asked) == before:
            here.clock.now += 1
            seconds += 1
            await stale(here)
        found.append(seconds)
    return found


@pytest.mark.parametrize("told", [WHILE, ON_ERROR])
@pytest.mark.parametrize("failure", [b"no HTTP\r\n\r\n", reply("down", 503)])
async def test_pauses_between_tries_that_fail_grow_up_to_half_a_minute(told: str, failure: bytes) -> None:
    async with scene() as here:
        await begun(here, told, failure)
        for _ in range(5):
            await stale(here)
        assert len(here.origin.asked) == 1
        assert await rests(here) == [1, 2, 4, 8, 16, 30]
        assert here.stage.cache._counts["refresh_failed"] == 7
        assert here.stage.cache._counts["stale"] == 5 + 1 + 2 + 4 + 8 + 16 + 30


async def test_an_upstream_that_refuses_has_a_rest_too() -> None:
    async with scene() as here:
        await begun(here, WHILE, reply("slow down", 429))
        for _ in range(5):
            await stale(here)
        assert len(here.origin.asked) == 1


async def test_who_comes_while_one_asks_in_vain_gets_the_stale_answer_with_it() -> None:
    async with scene() as here:
        await begun(here, ON_ERROR, b"")
        release = hold(here.origin, reply("down", 503))
        async with here.stage.caller() as one, here.stage.caller() as other:
            one.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: len(here.origin.asked) == 1)
            other.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: here.stage.plane.in_flight == 2)
            release.set()
            assert [(await one.answer()).body, (await other.answer()).body] == [b"one", b"one"]
        assert len(here.origin.asked) == 1


async def test_while_one_tries_again_the_others_need_not_wait_for_that() -> None:
    async with scene() as here:
        await begun(here, ON_ERROR, reply("down", 503))
        await stale(here)
        here.clock.now += 1
        release = hold(here.origin, reply("two", cache_control=ON_ERROR))
        async with here.stage.caller() as one:
            one.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: len(here.origin.asked) == 2)
            for _ in range(3):
                await stale(here)
            release.set()
            assert (await one.answer()).body == b"two"
        assert len(here.origin.asked) == 2
        assert (await here.get()).body == b"two"


async def test_an_answer_that_is_good_ends_the_rest_and_the_next_one_is_short_again() -> None:
    async with scene() as here:
        await begun(here, WHILE, b"")
        await stale(here)
        here.clock.now += 1
        await stale(here)
        here.clock.now += 2
        here.origin.answer = lambda _: reply("one", cache_control=WHILE)
        await stale(here)
        assert (await here.get()).headers["x-cache"] == "HIT"
        here.clock.now += 20
        here.origin.answer = lambda _: b""
        await stale(here)
        before = len(here.origin.asked)
        here.clock.now += 1
        await stale(here)
        assert len(here.origin.asked) > before


async def test_a_304_ends_it_too() -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", cache_control=WHILE, etag='"v1"')
        await here.get()
        here.clock.now += 20
        here.origin.answer = lambda _: b""
        for _ in range(2):
            await stale(here)
            here.clock.now += 1
        here.clock.now += 1
        here.origin.answer = lambda _: reply("", 304, cache_control=WHILE)
        await stale(here)
        (entry,) = here.stage.cache.store.entries()
        assert (entry.failed, entry.rests_until) == (0, 0.0)


@pytest.mark.parametrize("soft", [True, False])
async def test_a_purge_has_the_next_request_ask_at_once(soft: bool) -> None:
    async with scene() as here:
        await begun(here, ON_ERROR, b"")
        await stale(here)
        list(here.stage.cache.store.purging(lambda _: True, "all", soft_at=here.clock.now if soft else None))
        here.origin.answer = lambda _: reply("two", cache_control=ON_ERROR)
        assert (await here.get()).body == b"two"


async def test_who_does_not_want_what_is_stored_is_not_given_it_because_of_the_rest() -> None:
    async with scene() as here:
        await begun(here, ON_ERROR, reply("down", 503))
        await stale(here)
        asked = len(here.origin.asked)
        await here.get(cache_control="no-cache")
        assert len(here.origin.asked) == asked + 1
        here.origin.answer = lambda _: reply("two", cache_control=ON_ERROR)
        assert (await here.get(cache_control="max-age=5")).body == b"two"


async def test_a_refusal_is_no_error_in_place_of_which_a_stale_answer_may_be_given() -> None:
    async with scene() as here:
        await begun(here, "max-age=10, stale-while-revalidate=11, stale-if-error=3600", reply("no", 403))
        await stale(here)
        here.clock.now += 1
        assert (await here.get()).status == 403


async def test_an_error_that_is_passed_on_and_breaks_off_is_one_failure() -> None:
    async with scene() as here:
        await begun(here, "max-age=10, must-revalidate", reply("down", 503)[:-1])
        async with here.stage.caller() as caller:
            caller.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert b"HTTP/1.1 503 " in await caller.rest()
        assert here.stage.cache._counts["refresh_failed"] == 1


def test_the_metric_is_there() -> None:
    moment = Moment(0.0, 0.0, "v", 1, 1, cache=CacheMoment(failed_refreshes=3))
    assert "cache_failed_refreshes_total 3.0" in exposition(Ledger(100), moment)
