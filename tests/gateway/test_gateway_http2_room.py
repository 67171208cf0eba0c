"""Room on a connection of HTTP/2 that comes otherwise than by the end of a request: all who wait and fit get it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from gateway.proxy.http2_pool import Http2Pool
from tests.gateway.stage import Caller, Stage, staged, until
from tests.gateway.upstream_http2 import Http2Upstream, document_for

SILENT = "GET /silent HTTP/1.1\r\nHost: h\r\n\r\n"


@contextlib.asynccontextmanager
async def waiting(upstream: Http2Upstream, clients: int) -> AsyncIterator[tuple[Stage, Http2Pool, list[Caller]]]:
    """So many clients, of which one is served and the others wait for room."""
    document = document_for(upstream, connect_timeout_secs=50)
    document["http2_optimization"] = {"high_concurrency": {"max_connections_per_host": 1}}
    async with staged(document) as stage, contextlib.AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(stage.caller()) for _ in range(clients)]
        callers[0].send(SILENT)
        await until(lambda: upstream.seen["waiting"] == 1)
        pool = stage.plane._pools["backend"].targets[0]
        assert isinstance(pool, Http2Pool)
        for caller in callers[1:]:
            caller.send(SILENT)
        await until(lambda: len(pool._waiting) == clients - 1)
        yield stage, pool, callers


async def test_an_upstream_that_allows_more_streams_gets_those_who_wait() -> None:
    with Http2Upstream(max_streams=1) as upstream:
        async with waiting(upstream, 6) as (_, pool, _):
            upstream.max_streams = 4
            upstream.do("allow")
            await until(lambda: upstream.seen["waiting"] == 4, "as many as there may be now")
            assert len(pool._waiting) == 2
            assert upstream.seen["connections"] == 1


async def test_a_connection_that_shows_that_it_is_there_gets_all_who_wait_and_fit() -> None:
    with Http2Upstream(max_streams=1) as upstream:
        async with waiting(upstream, 1) as (stage, pool, callers), contextlib.AsyncExitStack() as stack:
            upstream.max_streams = 100
            upstream.do("allow")
            (connection,) = pool._connections
            await until(lambda: connection._wire.remote_settings.max_concurrent_streams == 100)
            upstream.do("vanish")
            connection.doubt()
            pool.profile = pool.profile.model_copy(update={"max_connections_per_host": 0})  # None but this one.
            others = [await stack.enter_async_context(stage.caller()) for _ in range(5)]
            for caller in others:
                caller.send(SILENT)
            await until(lambda: len(pool._waiting) == 5)
            upstream.do("come_back")
            await until(lambda: upstream.seen["waiting"] == 6)
            assert callers


async def test_where_the_one_connection_is_lost_and_no_other_can_be_made_all_who_wait_are_told_at_once() -> None:
    with Http2Upstream(max_streams=1) as upstream:
        async with waiting(upstream, 5) as (_, _, callers):
            upstream._loop.call_soon_threadsafe(upstream._server.close)
            upstream.do("cut")
            for caller in callers:
                answer = await caller.answer()
                assert answer.status == 502
