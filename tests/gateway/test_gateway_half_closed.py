"""Clients that close their side behind a request and wait for the answer: served where the settings say so."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from tests.gateway.running import settings_for
from tests.gateway.stage import Caller, staged, until
from tests.gateway.upstream import ControlledUpstream

SERVED = {"serve_half_closed": True}
REQUEST = "GET {} HTTP/1.1\r\nHost: h\r\n\r\n"
LONG = 3_000_000


def on_the_workers_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Loops differ in what the end of one side does to the other: it is that of workers which counts."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        uvloop.run(test(*arguments, **named))

    return run


def close_its_side(caller: Caller, text: str) -> None:
    caller.send(text)
    caller.writer.write_eof()


def document(upstream: ControlledUpstream, **server: Any) -> dict[str, Any]:
    return settings_for(upstream.url, server={**SERVED, **server})


@on_the_workers_loop
async def test_who_has_closed_its_side_gets_the_answer_and_the_end(shared_upstream: ControlledUpstream) -> None:
    async with staged(document(shared_upstream)) as stage, stage.caller() as caller:
        close_its_side(caller, REQUEST.format("/half"))
        answer = await caller.answer()
        assert (answer.status, answer.json()["target"]) == (200, "/half")
        assert await caller.rest() == b""
        await until(lambda: stage.plane.open_connections == 0)
        assert [one["status"] for one in stage.records()] == [200]


@on_the_workers_loop
async def test_all_that_was_asked_for_is_answered_in_order(shared_upstream: ControlledUpstream) -> None:
    count = 100  # More than are read ahead.
    async with staged(document(shared_upstream)) as stage, stage.caller() as caller:
        close_its_side(caller, "".join(REQUEST.format(f"/{number}") for number in range(count)))
        found = [(await caller.answer()).json()["target"] for _ in range(count)]
        assert found == [f"/{number}" for number in range(count)]
        assert await caller.rest() == b""
        await until(lambda: stage.plane.open_connections == 0)


@on_the_workers_loop
async def test_a_body_that_came_before_arrives_and_a_long_answer_is_whole(shared_upstream: ControlledUpstream) -> None:
    async with staged(document(shared_upstream)) as stage:
        async with stage.caller() as caller:
            close_its_side(caller, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
            assert (await caller.answer()).json()["body_size"] == 3
        async with stage.caller() as caller:
            close_its_side(caller, REQUEST.format(f"/big-{LONG}"))
            assert len((await caller.answer()).body) == LONG
            assert await caller.rest() == b""


@on_the_workers_loop
@pytest.mark.parametrize(
    "text", ["POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab", "GET /x HTTP/1.1\r\nHo", ""]
)
async def test_what_is_not_whole_is_over(shared_upstream: ControlledUpstream, text: str) -> None:
    async with staged(document(shared_upstream)) as stage, stage.caller() as caller:
        close_its_side(caller, text)
        assert await caller.rest() == b""
        await until(lambda: stage.plane.open_connections == 0)


@on_the_workers_loop
@pytest.mark.parametrize(
    ("behind", "statuses"),
    [("GET /half HT", [200]), ("GET /second HTTP/1.1\r\n\r\n", [200, 400])],
    ids=["half of a request", "what is refused"],
)
async def test_what_is_not_good_behind_a_request_leaves_its_answer_alone(
    shared_upstream: ControlledUpstream, behind: str, statuses: list[int]
) -> None:
    async with staged(document(shared_upstream)) as stage, stage.caller() as caller:
        close_its_side(caller, REQUEST.format("/whole") + behind)
        found = [await caller.answer() for _ in statuses]
        assert [one.status for one in found] == statuses
        assert found[0].json()["target"] == "/whole"
        assert await caller.rest() == b""
        await until(lambda: stage.plane.open_connections == 0)


@on_the_workers_loop
async def test_otherwise_it_is_taken_to_have_left(shared_upstream: ControlledUpstream) -> None:
    waiting, given_up = shared_upstream.seen["waiting"], shared_upstream.seen["given_up"]
    async with staged(settings_for(shared_upstream.url)) as stage, stage.caller() as caller:
        caller.send(REQUEST.format("/silent"))
        await until(lambda: shared_upstream.seen["waiting"] > waiting)
        caller.writer.write_eof()
        assert await caller.rest() == b""
        await until(lambda: shared_upstream.seen["given_up"] > given_up)
        assert [one["error_type"] for one in stage.records()] == ["client_disconnected"]


@on_the_workers_loop
async def test_who_has_closed_its_side_gets_no_other_protocol(shared_upstream: ControlledUpstream) -> None:
    async def agree(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        await reader.read()
        writer.close()

    asked = document(shared_upstream)
    asked["routes"][0] |= {"upgrades": ["websocket"]}
    async with await asyncio.start_server(agree, "127.0.0.1", 0) as server:
        asked["upstreams"][0]["base_url"] = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with staged(asked) as stage, stage.caller() as caller:
            close_its_side(caller, "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
            answer = await caller.answer()
            assert (answer.status, answer.json()["error"]) == (400, "early_data")
            assert await caller.rest() == b""
            await until(lambda: stage.plane.open_connections == 0)
            assert stage.plane.tunnels == 0
