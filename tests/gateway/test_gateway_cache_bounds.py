"""The response cache over HTTP: what is too long or not whole is not stored, and memory has an end."""

from __future__ import annotations

import contextlib

import pytest

from tests.gateway.caching import scene
from tests.gateway.origin import Asked, reply
from tests.gateway.stage import until


async def test_what_is_too_long_is_passed_on_and_not_stored() -> None:
    async with scene(max_entry_bytes=65_536, cache_size=200_000) as here:
        long = b"x" * 70_000
        chunked = b"HTTP/1.1 200 OK\r\ncache-control: max-age=9\r\ntransfer-encoding: chunked\r\n\r\n"
        here.origin.answer = lambda _: reply(long, cache_control="max-age=60")
        assert (await here.get()).body == long
        here.origin.answer = lambda _: chunked + b"11170\r\n" + long + b"\r\n0\r\n\r\n"
        async with here.stage.caller() as caller:
            caller.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            assert (await caller.rest()).partition(b"\r\n\r\n")[2].count(b"x") == len(long)
        assert (here.stage.cache.store.size, here.stage.cache.store.used) == (0, 0)
        here.origin.answer = lambda _: reply(b"x" * 50_000, cache_control="max-age=60")
        for number in range(9):
            await here.get(f"/{number}")
            assert here.stage.cache.store.used <= 200_000
        report = here.stage.cache.take_report()
        assert report is not None
        assert (report["entries"], report["counts"]["eviction"]) == (3, 6)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\nconnection: close\r\n\r\nuntil the end",
    ],
)
async def test_what_may_not_be_whole_is_not_stored(answer: bytes) -> None:
    async with scene() as here:

        async def broken(_: Asked) -> bytes:
            return answer

        here.origin.answer = broken
        here.origin.closing = True
        async with here.stage.caller() as caller:
            caller.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                await caller.rest()
        await until(lambda: here.stage.plane.in_flight == 0)
        assert (here.stage.cache.store.size, here.stage.cache.store.used) == (0, 0)


async def test_thousands_of_requests_at_once_do_not_pile_up_their_answers() -> None:
    async with scene() as here, here.stage.caller() as caller:
        here.origin.answer = lambda _: reply(b"x" * 200_000, cache_control="max-age=60")
        await caller.get()
        given = [0]

        def some() -> bool:
            report = here.stage.cache.take_report()
            given[0] += report["counts"].get("hit", 0) if report else 0
            return given[0] > 0

        caller.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n" * 2000)
        await until(some)
        assert given[0] < 1000, "the client has not read any of it"
        caller.writer.transport.abort()
