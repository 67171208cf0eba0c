"""A client that reads its answer slowly gets it, however long that takes; one that does not read is given up."""

from __future__ import annotations

import asyncio
import socket

from tests.gateway.origin import Clock, origin, reply
from tests.gateway.running import settings_for
from tests.gateway.stage import Stage, staged, until

SIZE = 12_000_000


def given_up(stage: Stage, clock: Clock) -> bool:
    clock.now += 61
    stage.plane.tick()
    return stage.plane.in_flight == 0


async def test_a_client_that_reads_slowly_is_not_taken_for_silent() -> None:
    loop, clock = asyncio.get_running_loop(), Clock()
    async with origin() as upstream:
        upstream.answer = lambda _: reply(b"x" * SIZE)
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
            client.setblocking(False)
            async with staged(settings_for(upstream.url), clock=clock) as stage:
                await loop.sock_connect(client, ("127.0.0.1", stage._port))
                await loop.sock_sendall(client, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                await until(lambda: any(one._full for one in stage.plane._connections))
                connection = next(iter(stage.plane._connections))
                stage.plane.tick()
                found = 0
                for _ in range(5):
                    clock.now += 50
                    left = connection.untaken()
                    while connection.untaken() == left:
                        found += len(await loop.sock_recv(client, 4096))
                    clock.now += 11
                    stage.plane.tick()
                    assert stage.plane.in_flight == 1
                assert found < SIZE / 2, "it has never been so far that the upstream was read again"
                # What it has read may be acknowledged a moment later.
                await until(lambda: given_up(stage, clock))
                assert stage.records()[-1]["error_type"] == "client_timeout"
