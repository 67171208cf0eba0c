"""The response cache over HTTP: of several who ask for the same, one asks the upstream and the others wait."""

from __future__ import annotations

import contextlib

import pytest

from gateway.cache.slices import at_once
from tests.gateway.caching import hold, scene, status
from tests.gateway.origin import Clock, origin, reply
from tests.gateway.running import settings_for
from tests.gateway.stage import staged, until


async def test_requests_for_what_is_being_fetched_wait_for_it() -> None:
    async with scene() as here:
        release = hold(here.origin, reply("one", cache_control="max-age=60"))
        async with contextlib.AsyncExitStack() as stack:
            callers = [await stack.enter_async_context(here.stage.caller()) for _ in range(5)]
            for caller in callers:
                caller.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: here.stage.plane.in_flight == 5 and here.origin.asked)
            release.set()
            answers = [await caller.answer() for caller in callers]
        assert [one.body for one in answers] == [b"one"] * 5
        assert min(status(one) for one in answers) == "fwd=miss; fwd-status=200; stored"
        assert sum("collapsed" in status(one) for one in answers) == 4
        assert len(here.origin.asked) == 1


async def test_an_answer_to_head_of_before_a_purge_does_not_make_it_good() -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=10", etag='"v1"')
        await here.get()
        here.clock.now += 20
        release = hold(here.origin, reply("one", cache_control="max-age=10", etag='"v1"'))
        async with here.stage.caller() as caller:
            caller.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: len(here.origin.asked) == 2)
            at_once(here.stage.cache.store.purging(lambda _: True, "all", soft_at=here.clock.now))
            release.set()
            assert (await caller.answer(to_head=True)).status == 200
        assert status(await here.get()) == "fwd=stale; fwd-status=200; stored"


async def test_nobody_waits_twice_for_what_is_not_stored() -> None:
    async with scene() as here:
        release = hold(here.origin, reply("one", cache_control="private"))
        async with here.stage.caller() as first, here.stage.caller() as second, here.stage.caller() as third:
            for caller in (first, second):
                caller.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: here.stage.plane.in_flight == 2 and here.origin.asked)
            release.set()
            assert [(await one.answer()).body for one in (first, second)] == [b"one"] * 2
            release.clear()
            for caller in (first, second, third):
                caller.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: len(here.origin.asked) == 5)
            release.set()
            assert [(await one.answer()).body for one in (first, second, third)] == [b"one"] * 3


@pytest.mark.parametrize(
    ("told", "begun"),
    [
        ({"cache_control": "private"}, "b"), ({"cache_control": "no-cache"}, "b"),
        ({"cache_control": "max-age=60"}, "b" * 70_000),
    ],
)  # fmt: skip
async def test_nobody_waits_for_the_end_of_what_is_not_stored(told: dict[str, str], begun: str) -> None:
    async with scene(max_entry_bytes=65_536, default_ttl=60) as here:
        here.origin.patient = True
        endless = b"99999\r\n"  # The begin of a chunk that never ends.
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in told.items())
        here.origin.answer = lambda _: (
            f"HTTP/1.1 200 Some\r\ntransfer-encoding: chunked\r\n{head}\r\n".encode() + endless + begun.encode()
        )
        async with here.stage.caller() as first, here.stage.caller() as second:
            for caller in (first, second):
                caller.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n")
            # The second one either comes when that is known already, or waits until it is.
            await until(lambda: len(here.origin.asked) == 2)


async def test_waiting_has_a_bound_and_a_client_that_leaves_takes_nothing_along() -> None:
    async with scene(collapse_wait_secs=5) as here:
        release = hold(here.origin, reply("one", cache_control="max-age=60"))
        async with here.stage.caller() as leaver, here.stage.caller() as waiter, here.stage.caller() as last:
            leaver.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: len(here.origin.asked) == 1)
            waiter.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: here.stage.plane.in_flight == 2)
            leaver.writer.close()
            await until(lambda: len(here.origin.asked) == 2)
            last.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: here.stage.plane.in_flight == 2)
            here.clock.now += 5.1
            here.stage.plane.tick()
            await until(lambda: len(here.origin.asked) == 3)
            release.set()
            assert [(await one.answer()).body for one in (waiter, last)] == [b"one"] * 2


async def test_waiting_does_not_outlast_the_time_of_a_request() -> None:
    async with origin() as upstream:
        clock = Clock()
        server = {"request_timeout_secs": 3}
        document = settings_for(upstream.url, cache={"enabled": True, "collapse_wait_secs": 60}, server=server)
        async with staged(document, clock=clock) as stage, stage.caller() as leader, stage.caller() as waiter:
            upstream.patient = True
            upstream.answer = lambda _: b"HTTP/1.1 200 OK\r\ncache-control: max-age=9\r\ncontent-length: 9\r\n\r\nbegun"
            leader.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await leader.until(b"begun")
            waiter.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: stage.plane.in_flight == 2)
            clock.now += 4
            stage.plane.tick()
            assert (await waiter.answer()).status == 504
            assert (len(upstream.asked), stage.plane.in_flight) == (1, 1)
