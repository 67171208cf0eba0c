"""A connection of HTTP/2 that carries requests for days holds no more memory for it."""

from __future__ import annotations

from typing import Any, cast

from gateway.proxy.http2_pool import Http2Pool
from tests.gateway.stage import staged
from tests.gateway.upstream_http2 import Http2Upstream, document_for


async def test_a_connection_remembers_few_of_the_streams_that_are_over() -> None:
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage, stage.caller() as caller:
            for _ in range(1100):
                assert (await caller.get("/x")).status == 200
            (connection,) = cast(Http2Pool, stage.plane._pools["backend"].targets[0])._connections
            wire = cast(Any, connection._wire)
            assert len(wire._closed_streams) <= 1024
            assert len(wire.streams) <= 1
        assert upstream.seen["connections"] == 1
