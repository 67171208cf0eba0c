"""Bodies for an upstream of HTTP/2 that opens all windows and does not read: what waits for it stays bounded."""

from __future__ import annotations

import contextlib
from typing import Any

from tests.gateway.stage import staged, until
from tests.gateway.upstream_http2 import Http2Upstream, document_for

CLIENTS, SIZE = 16, 1_000_000


async def test_what_waits_for_an_upstream_with_open_windows_is_bounded_by_its_connection() -> None:
    with Http2Upstream(window=2**31 - 1) as upstream:
        async with staged(document_for(upstream)) as stage, contextlib.AsyncExitStack() as stack:
            callers = [await stack.enter_async_context(stage.caller()) for _ in range(CLIENTS)]
            assert (await callers[0].get("/x")).status == 200
            target: Any = stage.plane._pools["backend"].targets[0]
            connection = target._connections[0]
            connection._wire.outbound_flow_control_window = 2**31 - 1  # As if the upstream had said so.
            upstream.do("vanish")
            most, flush = 0, connection.flush

            def watched() -> None:
                nonlocal most
                flush()
                most = max(most, connection.transport.get_write_buffer_size())

            connection.flush = watched
            for caller in callers:
                caller.send(f"PUT /deaf HTTP/1.1\r\nHost: h\r\nContent-Length: {SIZE}\r\n\r\n".encode() + b"z" * SIZE)
            await until(lambda: connection.blocked and stage.plane.in_flight == CLIENTS)
            assert 0 < most < 600_000
