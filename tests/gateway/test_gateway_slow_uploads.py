"""An upstream that reads a body slowly gets it, however long that takes; one that does not read is given up."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

from tests.gateway.origin import Clock
from tests.gateway.running import settings_for
from tests.gateway.stage import Caller, Stage, staged, until
from tests.gateway.upstream_http2 import Http2Upstream, document_for

SIZE = 6_000_000
#: So many seconds may an upstream be silent.
PATIENCE = 30


class Slow:
    """An upstream that reads what it is told to, from the one connection that it has."""

    def __init__(self, listening: socket.socket, clock: Clock) -> None:
        self._listening, self._clock = listening, clock
        self.connection: socket.socket = listening

    async def begun(self) -> None:
        self.connection, _ = await asyncio.get_running_loop().sock_accept(self._listening)

    async def read(self, size: int) -> None:
        while size > 0:
            size -= len(await asyncio.get_running_loop().sock_recv(self.connection, min(size, 65_536)))


@contextlib.asynccontextmanager
async def uploading(clock: Clock, size: int) -> AsyncIterator[tuple[Stage, Slow, Caller]]:
    """A client that sends so many bytes as fast as they are taken."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        upstream = {"timeout_secs": PATIENCE}
        document = settings_for(f"http://127.0.0.1:{listening.getsockname()[1]}", upstream=upstream)
        document["server"]["request_timeout_secs"] = 600
        async with staged(document, clock=clock) as stage, stage.caller() as caller:
            slow = Slow(listening, clock)
            caller.send(f"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n".encode() + b"z" * size)
            await slow.begun()
            try:
                yield stage, slow, caller
            finally:
                slow.connection.close()


def carrier(stage: Stage) -> Any:
    """What carries the one request, where there is anything yet."""
    exchange: Any = next(iter(stage.plane._connections))._current
    return exchange._leg._connection


async def silence(stage: Stage, clock: Clock, seconds: float) -> None:
    """Time goes by, as the gateway looks at it."""
    for _ in range(int(seconds)):
        clock.now += 1
        stage.plane.tick()
        await asyncio.sleep(0)


async def taken(held: Callable[[], int], slow: Slow) -> None:
    """The upstream has read some of what waits for it, as the gateway can see."""
    before = held()
    while held() == before:
        await slow.read(4096)


async def test_an_upstream_that_reads_slowly_is_not_taken_for_silent() -> None:
    clock = Clock()
    async with uploading(clock, SIZE) as (stage, slow, _):
        await until(lambda: carrier(stage) is not None and carrier(stage)._blocked)
        connection = carrier(stage)
        for _ in range(6):
            await silence(stage, clock, PATIENCE - 5)
            await taken(connection.untaken, slow)
        assert stage.plane.in_flight == 1
        assert connection._blocked, "the gateway has never been told to go on"  # type: ignore[union-attr]
        # An eighth of its time is how exactly it is seen when it has read last.
        await silence(stage, clock, PATIENCE * 9 // 8 + 2)
        assert stage.plane.in_flight == 0
        assert stage.records()[-1]["error_type"] == "timeout"


async def test_what_is_left_of_a_whole_request_may_be_read_slowly_too() -> None:
    clock = Clock()
    async with uploading(clock, 200_000) as (stage, slow, caller):
        await until(lambda: next(iter(stage.plane._connections))._current.request_done)  # type: ignore[union-attr]
        connection = carrier(stage)
        for _ in range(4):
            await silence(stage, clock, PATIENCE - 5)
            await taken(connection.untaken, slow)
        assert stage.plane.in_flight == 1
        reading = asyncio.create_task(slow.read(200_000))
        await until(lambda: not connection.untaken())
        await silence(stage, clock, PATIENCE - 5)
        await asyncio.get_running_loop().sock_sendall(slow.connection, b"HTTP/1.1 204 No\r\n\r\n")
        assert (await caller.answer()).status == 204
        reading.cancel()


async def test_an_upstream_that_has_read_all_has_no_longer_than_before_to_think() -> None:
    clock = Clock()
    async with uploading(clock, 200_000) as (stage, slow, caller):
        reading = asyncio.create_task(slow.read(200_000))
        await until(lambda: next(iter(stage.plane._connections))._current.request_done)  # type: ignore[union-attr]
        connection = carrier(stage)
        await until(lambda: not connection.untaken())
        await silence(stage, clock, PATIENCE + 1)
        assert (await caller.answer()).json()["error"] == "timeout"
        reading.cancel()


async def test_an_upstream_of_http2_that_reads_slowly_is_not_taken_for_silent() -> None:
    clock = Clock()
    with Http2Upstream() as upstream:
        document = document_for(upstream, timeout_secs=PATIENCE)
        document["server"]["request_timeout_secs"] = 600
        async with staged(document, clock=clock) as stage, stage.caller() as caller:
            caller.send(f"PUT /deaf HTTP/1.1\r\nHost: h\r\nContent-Length: {SIZE}\r\n\r\n".encode() + b"z" * SIZE)
            await until(lambda: upstream.seen["body_bytes"] == 65_535)
            stream = carrier(stage)
            await until(lambda: stream._full)
            for _ in range(6):
                await silence(stage, clock, PATIENCE - 5)
                before = stream.untaken()  # type: ignore[union-attr]
                upstream.do("sip")
                await until(lambda before=before: stream.untaken() < before)  # type: ignore[misc]
            assert stage.plane.in_flight == 1
            assert stream._full, "the gateway has never been told to go on"
            await silence(stage, clock, PATIENCE * 9 // 8 + 2)
            assert (await caller.answer()).json()["error"] == "timeout"
