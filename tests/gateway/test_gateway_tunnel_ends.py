"""The end of a tunnel: what its client has sent before it left arrives, however slowly the upstream reads."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvloop

from gateway.proxy import upstream
from tests.gateway.running import settings_for
from tests.gateway.stage import Stage, staged, until

UPGRADE = "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
AGREED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
SIZE = 5_000_000


class Listening:
    """An upstream that agrees, and reads when it is told to."""

    def __init__(self) -> None:
        self.reading = asyncio.Event()
        self.heard: list[int] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(AGREED)
        found = 0
        with contextlib.suppress(ConnectionError):
            await self.reading.wait()
            while part := await reader.read(65_536):
                found += len(part)
                await asyncio.sleep(0)
        self.heard.append(found)
        writer.close()


async def left(stage: Stage, listening: Listening, times: int) -> None:
    """So many clients have sent all they had, and left."""
    for _ in range(times):
        async with stage.caller() as caller:
            caller.send(UPGRADE)
            await caller.until(b"\r\n\r\n")
            listening.reading.set()
            caller.send(b"x" * SIZE)


@contextlib.asynccontextmanager
async def tunnelled() -> AsyncIterator[tuple[Stage, Listening]]:
    listening = Listening()
    server = await asyncio.start_server(listening.serve, "127.0.0.1", 0)
    document = settings_for(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    document["routes"][0]["upgrades"] = ["websocket"]
    try:
        async with staged(document) as stage:
            yield stage, listening
    finally:
        server.close()


def test_what_a_client_has_sent_before_it_left_arrives() -> None:
    async def heard() -> list[int]:
        async with tunnelled() as (stage, listening):
            await left(stage, listening, 5)
            await until(lambda: len(listening.heard) == 5 and not stage.plane._pools["backend"].open)
            return listening.heard

    # As workers run: it writes at the end of a turn of the loop.
    assert uvloop.run(heard()) == [SIZE] * 5


async def test_an_upstream_that_does_not_read_it_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "_LAST_WORDS_SECS", 0.05)
    async with tunnelled() as (stage, _):
        async with stage.caller() as caller:
            caller.send(UPGRADE)
            await caller.until(b"\r\n\r\n")
            pool = stage.plane._pools["backend"]
            current: Any = next(iter(stage.plane._connections))._current
            target = current._leg._connection.transport
            while not target.get_write_buffer_size():
                caller.send(b"x" * 65_536)
                await asyncio.sleep(0)
            assert pool.open == 1
            caller.writer.transport.abort()
        await until(lambda: not pool.open)
