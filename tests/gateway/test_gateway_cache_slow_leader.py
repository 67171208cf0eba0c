"""A client that does not read what it has asked for holds up those once who want the same, and not again and again."""

from __future__ import annotations

import contextlib

from tests.gateway.caching import hold, scene, send, status
from tests.gateway.origin import reply
from tests.gateway.stage import until

BEGUN = b"HTTP/1.1 200 OK\r\ncache-control: max-age=1, stale-while-revalidate=999\r\ncontent-length: 9\r\n\r\nbegun"


async def test_who_takes_too_long_to_fetch_something_is_waited_for_once_and_no_more() -> None:
    async with scene() as here, here.stage.caller() as slow, here.stage.caller() as waiter:
        here.origin.patient = True
        here.origin.answer = lambda _: BEGUN.replace(b", stale-while-revalidate=999", b"")
        send(slow, "GET", "/")
        await slow.until(b"begun")
        here.origin.answer = lambda _: reply("one", cache_control="max-age=1")
        send(waiter, "GET", "/")
        await until(lambda: here.stage.plane.in_flight == 2)
        here.clock.now += 5.1
        here.stage.plane.tick()
        assert (await waiter.answer()).body == b"one"
        for _ in range(2):
            here.clock.now += 2
            assert status(await here.get()) == "fwd=stale; fwd-status=200; stored", "at once"
        assert len(here.origin.asked) == 4


async def test_others_are_waited_for_in_its_place() -> None:
    async with scene() as here, here.stage.caller() as slow:
        here.origin.patient = True
        here.origin.answer = lambda _: BEGUN
        send(slow, "GET", "/")
        await slow.until(b"begun")
        here.clock.now += 5.1
        release = hold(here.origin, reply("one", cache_control="max-age=60"))
        async with contextlib.AsyncExitStack() as stack:
            callers = [await stack.enter_async_context(here.stage.caller()) for _ in range(3)]
            for caller in callers:
                send(caller, "GET", "/")
            await until(lambda: here.stage.plane.in_flight == 4 and len(here.origin.asked) == 2)
            release.set()
            assert [(await caller.answer()).body for caller in callers] == [b"one"] * 3
        assert len(here.origin.asked) == 2


async def test_what_is_given_stale_is_made_fresh_although_somebody_is_slow() -> None:
    async with scene() as here, here.stage.caller() as slow:
        here.origin.patient = True
        here.origin.answer = lambda _: reply("one", cache_control="max-age=1, stale-while-revalidate=999")
        await here.get()
        here.origin.answer = lambda _: BEGUN
        send(slow, "GET", "/", cache_control="no-cache")
        await slow.until(b"begun")
        here.origin.answer = lambda _: reply("two", cache_control="max-age=60")
        here.clock.now += 59
        assert (await here.get()).body == b"one"
        assert len(here.origin.asked) == 2, "who has begun may well bring it"
        here.clock.now += 2
        assert (await here.get()).body == b"one"
        await until(lambda: len(here.origin.asked) == 3 and not here.stage.cache.refreshing.under_way)
        assert (await here.get()).body == b"two"
