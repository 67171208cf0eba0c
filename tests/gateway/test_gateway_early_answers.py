"""An upstream that answers before it has read the body, and goes on reading later or never."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from tests.gateway.running import settings_for
from tests.gateway.stage import staged, until

PART = b"10000\r\n" + b"a" * 65_536 + b"\r\n"
LAST = b"3d090\r\n" + b"a" * 250_000 + b"\r\n0\r\n\r\n"


async def test_a_connection_whose_upstream_has_yet_to_read_a_body_is_not_used_again() -> None:
    answer, connections = asyncio.Event(), 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            await answer.wait()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            await asyncio.Event().wait()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=4096)
    document = settings_for(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with staged(document) as stage, stage.caller() as caller:
        caller.send("PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        await until(lambda: connections)
        exchange: Any = next(iter(stage.plane._connections))._current
        await until(lambda: exchange._leg.connected)
        upstream = exchange._leg._connection.transport
        while upstream.get_write_buffer_size() < 50_000:
            caller.send(PART)
            await asyncio.sleep(0)
        caller.send(LAST)
        await until(lambda: exchange.request_done)
        assert upstream.get_write_buffer_size() > 262_144, "nobody reads it"
        answer.set()
        assert (await caller.answer()).status == 200
        assert (await caller.get("/b")).status == 200
        assert connections == 2
    server.close()
