"""One worker's data plane in the test's own process and loop, without a supervisor: rules and counters are at hand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

from gateway.cache.response_cache import ResponseCache
from gateway.proxy.admission import Policy
from gateway.proxy.dataplane import Dataplane
from gateway.proxy.downstream import DownstreamConnection
from gateway.settings import ProxySettings, Settings
from gateway.telemetry.journal import Journal
from gateway.telemetry.log_writer import LogWriter
from gateway.telemetry.tally import Tally

#: What the time of the cache's clock is zero at, in seconds since the epoch.
EPOCH = 1_700_000_000.0


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    """Several fields of one name are joined by ", "."""
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """A client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    def send(self, text: str | bytes) -> None:
        self.writer.write(text.encode("latin-1") if isinstance(text, str) else text)

    async def answer(self, *, to_head: bool = False) -> Answer:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.rstrip("\r\n").split("\r\n")
        headers: dict[str, str] = {}
        for name, _, value in (one.partition(":") for one in fields):
            known = headers.get(name.lower())
            headers[name.lower()] = value.strip() if known is None else f"{known}, {value.strip()}"
        size = 0 if to_head else int(headers.get("content-length", "0"))
        return Answer(int(line.split(" ")[1]), headers, await self._reader.readexactly(size))

    async def until(self, text: bytes) -> None:
        """Read as far as `text`."""
        await self._reader.readuntil(text)

    async def rest(self) -> bytes:
        """Everything until the other side closes."""
        return await self._reader.read()

    async def get(self, target: str = "/", **headers: str) -> Answer:
        fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        self.send(f"GET {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
        return await self.answer()


@contextlib.asynccontextmanager
async def calling(port: int) -> AsyncIterator[Caller]:
    """A client, while the block lasts."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Caller(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


class Stage:
    """The plane, its clients, and what it counted and logged."""

    def __init__(self, plane: Dataplane, port: int, cache: ResponseCache) -> None:
        self.plane = plane
        self.cache = cache
        self._port = port

    def caller(self) -> contextlib.AbstractAsyncContextManager[Caller]:
        return calling(self._port)

    def records(self) -> list[dict[str, Any]]:
        """What was logged since the last call."""
        return [json.loads(line) for _, _, line in self.plane.journal.take_recent()]


@contextlib.asynccontextmanager
async def staged(
    document: dict[str, Any], *policies: Policy, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[Stage]:
    """A plane for `document`, as `settings_for` makes it; `clock` is the plane's. Nothing ticks but by `plane.tick`."""
    settings = ProxySettings.of(Settings.model_validate(document))
    journal = Journal(settings.logging, worker="gateway-1", writer=LogWriter(None))
    cache = ResponseCache(settings, clock=clock, wall=lambda: EPOCH + clock())
    plane = Dataplane(
        settings,
        worker_name="gateway-1",
        tally=Tally(),
        journal=journal,
        fetch_page=lambda _name, answer: answer(None),
        policies=policies,
        cache=cache,
    )
    plane.clock = clock
    server = await asyncio.get_running_loop().create_server(lambda: DownstreamConnection(plane), "127.0.0.1", 0)
    try:
        async with asyncio.timeout(120):
            yield Stage(plane, server.sockets[0].getsockname()[1], cache)
    finally:
        server.close()
        await plane.drain(0.0)


async def until(condition: Any, what: str = "condition") -> None:
    """Wait until `condition()` is true."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is waited for is no event of this loop
            await asyncio.sleep(0.005)
