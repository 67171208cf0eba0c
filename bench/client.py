"""A client that costs little beside the servers: connections that stay open, requests written by hand."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

HOST = "127.0.0.1"
Body = Callable[[int], Mapping[str, Any]]


class BenchError(Exception):
    """A server did not do what it was asked."""


class Connection:
    """One connection, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: Mapping[str, str]) -> None:
        self._reader = reader
        self._writer = writer
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in headers.items())

    @classmethod
    async def open(cls, port: int, headers: Mapping[str, str] | None = None) -> Connection:
        """Connect; `headers` go with every request."""
        reader, writer = await asyncio.open_connection(HOST, port)
        return cls(reader, writer, {"host": f"{HOST}:{port}", **(headers or {})})

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, str, str]:
        """Status, headers and body of the answer."""
        content = json.dumps(body).encode() if body is not None else b""
        return await self.send(method, path, content, {"content-type": "application/json"})

    async def send(self, method: str, path: str, content: bytes, headers: Mapping[str, str]) -> tuple[int, str, str]:
        """The same, of any kind of content."""
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"{method} {path} HTTP/1.1\r\n{self._headers}{more}"
        self._writer.write(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = next(
            int(line.split(":")[1]) for line in answer.split("\r\n") if line.lower().startswith("content-length:")
        )
        return int(answer[9:12]), answer, (await self._reader.readexactly(length)).decode()

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def round_of(
    port: int, headers: Mapping[str, str], body: Body, *, seconds: float, concurrency: int
) -> list[float]:
    """POST /api/messages as fast as `concurrency` people in turn can; the time of each request in seconds."""
    connections = [await Connection.open(port, headers) for _ in range(concurrency)]
    end, taken = time.perf_counter() + seconds, list[float]()

    async def type_on(connection: Connection, first: int) -> None:
        number = first
        while (began := time.perf_counter()) < end:
            status, _, answer = await connection.ask("POST", "/api/messages", body(number))
            taken.append(time.perf_counter() - began)
            number += concurrency
            if status != 200:
                raise BenchError(f"{status}: {answer[:300]}")

    try:
        await asyncio.gather(*(type_on(connection, place) for place, connection in enumerate(connections)))
    finally:
        for connection in connections:
            connection.close()
    return taken
