"""Clients that send very many requests at once: few of them are read ahead, and all are answered in order."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.proxy.downstream import DownstreamConnection
from gateway.proxy.message import Refused
from gateway.proxy.reader import Limits, RequestReader
from tests.gateway.caching import hold, scene
from tests.gateway.origin import reply
from tests.gateway.reading import Heard
from tests.gateway.stage import Stage, until

NUMBER = 500
KINDS = {
    "plain": "GET /{0} HTTP/1.1\r\nHost: h\r\n\r\n",
    "odd": "GET /{0} HTTP/1.1\r\nHost:h\r\n\r\n",
    "body": "PUT /{0} HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
    "chunks": "PUT /{0} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
}


async def connected(stage: Stage) -> DownstreamConnection:
    await until(lambda: stage.plane._connections)
    return next(iter(stage.plane._connections))


@pytest.mark.parametrize("kind", ["plain", "odd", "body"])
async def test_few_are_read_ahead_and_all_are_answered_in_order(kind: str) -> None:
    async with scene({"enabled": False}) as here, here.stage.caller() as caller:
        release = hold(here.origin, reply("first"))
        caller.send("".join(KINDS[kind].format(number) for number in range(NUMBER)))
        connection = await connected(here.stage)
        await until(lambda: here.origin.asked and connection._waiting and not connection._reading)
        assert len(connection._waiting) < 200, "the others are bytes still"
        release.set()
        here.origin.answer = lambda one: reply(one.target)
        found = [(await caller.answer()).body.decode() for _ in range(NUMBER)]
        assert found == ["first", *(f"/{number}" for number in range(1, NUMBER))]


async def test_answers_that_are_there_at_once_do_not_pile_up() -> None:
    number, size = 3000, 4000
    async with scene() as here, here.stage.caller() as caller:
        here.origin.answer = lambda _: reply(b"x" * size, cache_control="max-age=60")
        await caller.get("/")
        connection, most = await connected(here.stage), 0
        flush = connection._flush

        def watched() -> None:
            nonlocal most
            most = max(most, sum(map(len, connection._out)) + connection.transport.get_write_buffer_size())
            flush()

        connection._flush = watched  # type: ignore[method-assign]  # what is gathered is seen nowhere else
        caller.writer.transport.pause_reading()  # type: ignore[attr-defined]
        caller.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" * number)
        await until(lambda: connection._full)
        assert 0 < most < 1_000_000
        caller.writer.transport.resume_reading()  # type: ignore[attr-defined]
        for _ in range(number):
            assert len((await caller.answer()).body) == size
        assert len(here.origin.asked) == 1


REQUESTS = [
    KINDS["plain"].format(1),
    KINDS["odd"].format(2),
    KINDS["body"].format(3),
    KINDS["chunks"].format(4),
    "PUT /5 HTTP/1.1\r\nHost: h\r\nContent-Length: 9000\r\n\r\n" + "x" * 9000,
    "PUT /6 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4e20\r\n" + "x" * 20_000 + "\r\n0\r\nA: b\r\n\r\n",
    "GET /7 HTTP/1.1\r\nHost: h\r\nX-Long: " + "y" * 5000 + "\r\n\r\n",
    "GET /8 HTTP/1.1\r\nHost: h\r\nX-Long: " + "y" * 9000 + "\r\n\r\n",
    "GET /9 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "nonsense\r\n\r\n",
]


def told(requests: str, enough: list[bool]) -> tuple[list[Any], str | None]:
    """What a reader tells, who is told by turns that it is enough."""
    heard, turns = Heard(), cycle(enough)
    reader = RequestReader(heard, Limits(head=8000, target=60, body=50_000), lambda: next(turns))
    try:
        reader.feed(requests.encode())
        while reader.has_left:
            reader.go_on()
    except Refused as refused:
        return [*heard.heads, *heard.bodies, heard.ended], refused.error
    trailers = [one for one in heard.told if isinstance(one, tuple) and one[0] == "trailers"]
    return [*heard.heads, *heard.bodies, heard.ended, *trailers, reader.ended], None


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=6), st.lists(st.booleans(), min_size=1, max_size=6))
def test_reading_by_turns_comes_to_the_same(requests: list[str], enough: list[bool]) -> None:
    whole = "".join(requests)
    assert told(whole, [*enough, False]) == told(whole, [False])


def test_a_request_behind_enough_others_is_refused_in_its_turn() -> None:
    found, error = told(KINDS["plain"].format(1) * 50 + "nonsense\r\n\r\n", [False, True])
    assert (len(found), error) == (50 + 50 + 1, "bad_request")


async def test_it_is_answered_behind_theirs() -> None:
    async with scene({"enabled": False}) as here, here.stage.caller() as caller:
        here.origin.answer = lambda one: reply(one.target)
        caller.send(KINDS["odd"].format(1) * 100 + "nonsense\r\n\r\n")
        found = [await caller.answer() for _ in range(101)]
        assert [one.status for one in found] == [*[200] * 100, 400]
        assert await caller.rest() == b""
