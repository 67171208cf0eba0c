"""Connections to upstreams whose clients leave just when they are made are not counted for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvloop

from gateway.proxy.upstream import UpstreamConnection
from tests.gateway.running import settings_for
from tests.gateway.stage import staged, until
from tests.gateway.upstream import ControlledUpstream


@pytest.mark.parametrize("run", [uvloop.run, asyncio.run])
def test_a_client_that_leaves_when_its_connection_is_made(
    run: Any, shared_upstream: ControlledUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(left(settings_for(shared_upstream.url), monkeypatch))


async def left(document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    loop, usual = asyncio.get_running_loop(), UpstreamConnection.connection_made
    async with staged(document) as stage:
        made = 0

        def then_it_leaves(connection: UpstreamConnection, transport: asyncio.BaseTransport) -> None:
            nonlocal made
            made += 1
            usual(connection, transport)
            client: Any = next(iter(stage.plane._connections))
            loop.call_soon(client._current.client_gone)

        with monkeypatch.context() as patch:
            # There is a moment between this and the end of the waiting for it.
            patch.setattr(UpstreamConnection, "connection_made", then_it_leaves)
            async with stage.caller() as caller:
                caller.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
                await until(lambda: made and not stage.plane.in_flight)
        pool = stage.plane._pools["backend"]
        await until(lambda: not pool.open)
        async with stage.caller() as caller:
            assert (await caller.get("/x")).status == 200
        assert [(state[0], state[2]) for state in pool.states().values()] == [(0, 0)], "none is in use"
        assert pool.open == pool.idle == 1
