"""How connections with TLS end: an upstream's answer that is cut off, and a client that reads slowly at the end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from gateway.listening.certificates import Certificates
from gateway.proxy.downstream import DownstreamConnection
from tests.gateway.certificates import Authority
from tests.gateway.over_tls import Heard, settings_of
from tests.gateway.running import settings_for
from tests.gateway.stage import Stage, staged, until
from tests.gateway.upstream import ControlledUpstream


@contextlib.contextmanager
def upstream_that_ends(context: ssl.SSLContext, *, properly: bool) -> Iterator[int]:
    """The port of one whose answers end with the connection."""

    def serve(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = sock.accept()
                with context.wrap_socket(accepted, server_side=True) as safe:
                    safe.recv(65_536)
                    safe.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nall of it, or is it")
                    if properly:
                        with contextlib.suppress(OSError):
                            safe.unwrap()

    with socket.create_server(("127.0.0.1", 0)) as sock:
        thread = threading.Thread(target=serve, args=(sock,), daemon=True)
        thread.start()
        yield sock.getsockname()[1]
        sock.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@pytest.mark.parametrize("properly", [True, False])
def test_an_answer_that_ends_with_the_connection_below_tls_is_cut_off(properly: bool, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with upstream_that_ends(authority.signs("localhost").server("http/1.1"), properly=properly) as port:
        # As workers run; how the end is told is the loop's matter.
        found = uvloop.run(ended(port, authority))
    assert found == ((True, None) if properly else (False, "truncated"))


async def ended(port: int, authority: Authority) -> tuple[bool, str | None]:
    """(whether the answer was whole for the client, what was wrong with it)."""
    document = settings_for(f"https://127.0.0.1:{port}")
    document["upstreams"][0]["tls"] = {"ca_path": str(authority.path), "server_name": "localhost"}
    async with staged(document) as stage, stage.caller() as caller:
        caller.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        await caller.until(b"all of it, or is it\r\n")
        found = b""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            found = await caller._reader.readexactly(5)
        await until(lambda: stage.plane.in_flight == 0)
        return found == b"0\r\n\r\n", stage.records()[-1].get("error_type")


def test_a_client_that_reads_slowly_gets_all_of_its_last_answer(
    shared_upstream: ControlledUpstream, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    uvloop.run(read_slowly(settings_for(shared_upstream.url), authority))


async def read_slowly(document: dict[str, Any], authority: Authority) -> None:
    size = 8_000_000
    async with staged(document) as stage, read_over_tls(stage, authority) as (reader, writer):
        writer.write(f"GET /big-{size} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        found = 0
        while stage.plane.in_flight:
            found += len(await reader.read(4096))
        assert 100_000 < size - found < 2_000_000, "some of it waits to be read, and no more than the buffers hold"
        connection = next(iter(stage.plane._connections))
        for _ in range(20):
            stage.plane.tick()
            await asyncio.sleep(0)
        assert not connection.transport.is_closing(), "the end of TLS waits, because it is cut off after a while"
        ticking = asyncio.create_task(tick(stage))
        found += len(await reader.read())
        ticking.cancel()
    assert found == size


@contextlib.asynccontextmanager
async def read_over_tls(
    stage: Stage, authority: Authority
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client with TLS; the buffers of the system are small, so that they do not hide what the gateway does."""
    offered = Certificates(settings_of(authority.signs("api.example")), Heard().event)
    trusting = ssl.create_default_context(cafile=str(authority.path))
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as sock:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        sock.connect(listener.getsockname())
        server = await asyncio.get_running_loop().create_server(
            lambda: DownstreamConnection(stage.plane), sock=listener, ssl=offered.context, ssl_shutdown_timeout=0.05
        )
        reader, writer = await asyncio.open_connection(
            sock=sock, ssl=trusting, server_hostname="api.example", limit=4096
        )
        try:
            yield reader, writer
        finally:
            writer.close()
            server.close()


async def tick(stage: Stage) -> None:
    while True:
        stage.plane.tick()
        await asyncio.sleep(0.01)
