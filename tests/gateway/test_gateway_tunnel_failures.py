"""Which ends of a tunnel are held against its target: only that it breaks off right after it has agreed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import uvloop

from tests.gateway.origin import Clock
from tests.gateway.running import settings_for
from tests.gateway.stage import Caller, Stage, staged, until
from tests.gateway.targets import failures

UPGRADE = "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
AGREED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection as a process that is killed does, or a client that has lost its net."""
    known: socket.socket = writer.transport.get_extra_info("socket")
    known.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Agree, and do as the client's words say: `echo`, `say` something, `reset` the connection, `refuse` at once."""
    head = await reader.readuntil(b"\r\n\r\n")
    if b"/refuse" in head:
        writer.write(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n")
        return
    writer.write(AGREED)
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while word := await reader.readexactly(4):
            if word == b"rset":
                reset(writer)
                return
            writer.write(word)
    writer.close()


@contextlib.asynccontextmanager
async def tunnels(clock: Clock) -> AsyncIterator[Stage]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    document = settings_for(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", upstream={"timeout_secs": 30})
    document["routes"][0]["upgrades"] = ["websocket"]
    document["circuit_breaker"] = {"enabled": True, "failure_threshold": 1}
    try:
        async with staged(document, clock=clock) as stage:
            yield stage
            assert stage.plane.breakers() == {"backend": (0, 0)}, "it has taken the upgrade"
    finally:
        server.close()


async def opened(caller: Caller) -> Caller:
    caller.send(UPGRADE)
    await caller.until(b"\r\n\r\n")
    return caller


async def over(stage: Stage) -> int:
    """How many failures in a row its target has, as soon as nothing is under way any more."""
    pool = stage.plane._pools["backend"]
    await until(lambda: not stage.plane.in_flight and not pool.open)
    return pool.targets[0].health.failures


def run(client_of: str) -> tuple[int, dict[str, int], list[tuple[int, str | None]]]:
    """(failures in a row, failures that were counted by kind, what is in the log) of one tunnel that ends so."""

    async def main() -> tuple[int, dict[str, int], list[tuple[int, str | None]]]:
        clock = Clock()
        async with tunnels(clock) as stage, stage.caller() as caller:
            await opened(caller)
            if "echo" in client_of:
                caller.send("echo")
                await caller.until(b"echo")
            if "later" in client_of:
                clock.now += 31
            if "client" in client_of:
                reset(caller.writer)
            else:
                caller.send("rset")
                await caller.rest()
            found = await over(stage)
            kinds = {kind.partition(" ")[2]: count for kind, count in failures(stage).items()}
            return found, kinds, [(one["status"], one.get("error_type")) for one in stage.records()]

    # As workers run: asyncio's own loop sees some resets otherwise.
    return uvloop.run(main())


def test_a_client_that_resets_its_connection_is_nobodys_failure() -> None:
    assert run("client") == (0, {}, [(101, None)])
    assert run("client, echo") == (0, {}, [(101, None)])


def test_a_target_that_resets_a_tunnel_in_which_it_has_spoken_has_not_failed() -> None:
    # Thus ends one that closes while its client is still sending, and one that is stopped.
    assert run("target, echo") == (0, {}, [(101, None)])


def test_a_target_that_resets_a_tunnel_at_once_has_failed() -> None:
    assert run("target") == (1, {"truncated": 1}, [(101, "truncated")])


def test_a_target_that_resets_a_tunnel_much_later_has_not_failed() -> None:
    assert run("target, later") == (0, {}, [(101, None)])


async def test_a_tunnel_that_is_agreed_on_ends_a_row_of_failures() -> None:
    async with tunnels(Clock()) as stage:
        health = stage.plane._pools["backend"].targets[0].health
        health.failures = 3
        async with stage.caller() as caller:
            await opened(caller)
            assert health.failures == 0, "as after any answer that is good"
        await over(stage)
