"""The two targets of the soak: each serves, is stopped, answers 500, or hangs, and knows whom it failed."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from typing import Literal

from tests.gateway.soak.places import Place

Mode = Literal["well", "stopped", "errors", "hangs"]

PIECE = b"0123456789abcdef" * 1024
PIECES = 8
_HEALTH = "/health"


class Origin:
    """One target. `failed` holds the requests that it got and did not answer well; `served` those that it did."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.mode: Mode = "well"
        self.failed: set[int] = set()
        self.served: set[int] = set()
        self._place = Place()
        self.port = self._place.port
        self._server: asyncio.Server | None = None
        self._writers: dict[asyncio.StreamWriter, int | None] = {}
        self._turned = asyncio.Event()

    async def turn(self, mode: Mode) -> None:
        """Begin to do so. What hung or is cut by a stop gets no answer any more."""
        former, self.mode = self.mode, mode
        self._turned.set()
        self._turned = asyncio.Event()
        if mode == "stopped":
            await self._stop()
        elif self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, reuse_port=True)
        if former == "hangs":
            self._cut()

    async def close(self) -> None:
        """Stop for good."""
        await self._stop()
        self.release()

    def release(self) -> None:
        """Give its port back; it serves no more."""
        self._place.close()

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self._cut()
        await asyncio.sleep(0)

    def _cut(self) -> None:
        for writer, number in self._writers.items():
            if number is not None:
                self.failed.add(number)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers[writer] = None
        try:
            with contextlib.suppress(OSError, ValueError, asyncio.IncompleteReadError):
                while await self._exchange(reader, writer):
                    self._writers[writer] = None
        finally:
            del self._writers[writer]
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        path = line.split(" ")[1]
        number = int(headers.get("x-number", "0"))
        self._writers[writer] = number
        if self.mode == "hangs":
            self.failed.add(number)
            await self._turned.wait()
            return False
        if headers.get("upgrade") == "websocket" and self.mode != "errors":
            await _echo(reader, writer)
            return False
        sum_of_body = await _body(reader, headers)
        if self.mode == "errors":
            self.failed.add(number)
            writer.write(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\n\r\noops")
        elif path.startswith("/stream"):
            await _stream(writer)
        else:
            writer.write(_answer(path, number, sum_of_body))
        await writer.drain()
        if self.mode == "well" and path != _HEALTH:
            self.served.add(number)
        return True


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Go over to another protocol, in which everything comes back."""
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    while chunk := await reader.read(65_536):
        writer.write(chunk)
        await writer.drain()


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> int:
    """The check sum of a request's body."""
    found = 0
    if headers.get("transfer-encoding") == "chunked":
        while size := int((await reader.readline()).strip(), 16):
            found = zlib.crc32(await reader.readexactly(size), found)
            await reader.readline()
        await reader.readline()
    else:
        found = zlib.crc32(await reader.readexactly(int(headers.get("content-length", "0"))))
    return found


async def _stream(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(PIECES):
        writer.write(b"%x\r\n%b\r\n" % (len(PIECE), PIECE))
        await writer.drain()
    writer.write(b"0\r\n\r\n")


def _answer(path: str, number: int, sum_of_body: int) -> bytes:
    """Says what was asked, so that nobody can be given another one's answer."""
    cached = path.startswith("/cached")
    text = (path if cached else f"{path} {number} {sum_of_body}").encode()
    kept = b"cache-control: max-age=1\r\n" if cached else b""
    return b"HTTP/1.1 200 OK\r\n%bcontent-length: %d\r\n\r\n%b" % (kept, len(text), text)
