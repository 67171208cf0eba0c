"""What the gateway holds for a client that does not read its answer."""

from __future__ import annotations

import uvloop

from gateway.proxy.downstream import DownstreamConnection
from tests.gateway.running import settings_for
from tests.gateway.stage import staged, until
from tests.gateway.upstream import ControlledUpstream

SIZE = 60_000_000


def test_no_more_waits_for_a_client_than_the_back_pressure_says(shared_upstream: ControlledUpstream) -> None:
    # As workers run: this loop reads dozens of parts in one turn.
    held = uvloop.run(held_for_a_client_that_reads_nothing(shared_upstream.url))
    # What is written when it is told to stop: the limit, and the part that passed it.
    assert 262_144 < held <= 2 * 262_144


async def held_for_a_client_that_reads_nothing(upstream: str) -> int:
    async with staged(settings_for(upstream)) as stage, stage.caller() as caller:
        caller.writer.transport.pause_reading()
        caller.send(f"GET /big-{SIZE} HTTP/1.1\r\nHost: h\r\n\r\n")
        await until(lambda: any(each._full for each in stage.plane._connections))
        connection: DownstreamConnection = next(iter(stage.plane._connections))
        held = connection.transport.get_write_buffer_size()
        caller.writer.transport.abort()
        await until(lambda: not stage.plane.in_flight)
        return held
