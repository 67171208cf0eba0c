"""The response cache over HTTP: stale answers, while a newer one is fetched and in place of an error."""

from __future__ import annotations

import pytest

from tests.gateway.caching import hold, scene, status
from tests.gateway.origin import Clock, origin, reply
from tests.gateway.running import settings_for
from tests.gateway.stage import staged, until


async def test_a_stale_answer_is_given_at_once_while_a_newer_one_is_fetched() -> None:
    async with scene() as here:
        told = "max-age=10, stale-while-revalidate=30"
        here.origin.answer = lambda _: reply("one", cache_control=told, etag='"v1"')
        await here.get()
        here.stage.records()
        here.clock.now += 20
        release = hold(here.origin, reply("two", cache_control="max-age=10", etag='"v2"'))
        stale = [await here.get() for _ in range(3)]
        assert [(one.body, one.headers["x-cache"], status(one)) for one in stale] == [
            (b"one", "STALE", "hit; ttl=-10")
        ] * 3
        await until(lambda: len(here.origin.asked) == 2)
        release.set()
        await until(lambda: here.stage.cache.refreshing.under_way == 0)
        assert (await here.get()).body == b"two"
        assert (len(here.origin.asked), here.origin.asked[-1].headers["if-none-match"]) == (2, '"v1"')
        assert len(here.stage.records()) == 4, "what nobody asked for is nobody's request"
        here.clock.now += 60
        here.origin.answer = lambda _: reply("three", cache_control="max-age=10")
        assert (await here.get()).body == b"three"


async def test_a_part_is_no_reason_to_fetch_a_part_in_the_background() -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=10, stale-while-revalidate=30")
        await here.get()
        here.clock.now += 20
        assert (await here.get("/", range="bytes=0-0")).body == b"o"
        await until(lambda: len(here.origin.asked) == 2 and here.stage.cache.refreshing.under_way == 0)
        assert "range" not in here.origin.asked[1].headers
        assert status(await here.get()) == "hit; ttl=10"


async def test_in_the_background_a_304_is_enough_and_a_failure_harms_nobody() -> None:
    async with scene(stale_while_revalidate="30s") as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=10", etag='"v1"')
        await here.get()
        here.clock.now += 20
        here.origin.answer = lambda _: b""
        assert (await here.get()).body == b"one"
        await until(lambda: len(here.origin.asked) > 1 and here.stage.cache.refreshing.under_way == 0)
        here.origin.asked.clear()
        here.clock.now += 1
        here.origin.answer = lambda _: reply("", 304, cache_control="max-age=10")
        assert (await here.get()).headers["x-cache"] == "STALE"
        await until(lambda: len(here.origin.asked) == 1 and here.stage.cache.refreshing.under_way == 0)
        assert (await here.get()).headers["x-cache"] == "HIT"


@pytest.mark.parametrize("failure", [b"", reply("down", 503), reply("broken", 500)])
async def test_a_stale_answer_is_given_in_place_of_an_error_for_as_long_as_it_may(failure: bytes) -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=10, stale-if-error=60")
        await here.get()
        here.origin.answer = lambda _: failure
        here.clock.now += 30
        stale = await here.get()
        assert (stale.status, stale.body, stale.headers["x-cache"]) == (200, b"one", "STALE")
        here.clock.now += 60
        assert (await here.get()).status >= 500


async def test_what_must_be_asked_about_is_not_given_in_place_of_an_error() -> None:
    async with scene(stale_if_error=60, stale_while_revalidate=60) as here:
        for number, told in enumerate(("must-revalidate", "proxy-revalidate", "s-maxage=10", "no-cache")):
            here.origin.answer = lambda _, told=told: reply("one", cache_control=f"max-age=10, {told}", etag='"v"')  # type: ignore[misc]
            await here.get(f"/{number}")
            here.clock.now += 20
            here.origin.answer = lambda _: reply("down", 503)
            assert (await here.get(f"/{number}")).status == 503


async def test_an_open_circuit_is_an_error_too() -> None:
    clock = Clock()
    async with origin() as upstream:
        document = settings_for(
            upstream.url, cache={"enabled": True, "stale_if_error": 600},
            circuit_breaker={"enabled": True, "failure_threshold": 1},
        )  # fmt: skip
        async with staged(document, clock=clock) as stage, stage.caller() as caller:
            upstream.answer = lambda _: reply("one", cache_control="max-age=10")
            await caller.get("/a")
            upstream.answer = lambda _: reply("down", 503)
            clock.now += 20
            assert (await caller.get("/b")).status == 503
            assert [(await caller.get(target)).status for target in ("/a", "/b")] == [200, 503]
            assert len(upstream.asked) == 2
