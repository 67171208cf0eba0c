"""An HTTP proxy that wants a password, and behind it one Slack, whatever its address is called."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

_DENIED = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass
class Proxy:
    """`asked`: the request lines that came through."""

    target: int
    password: str
    port: int = 0
    asked: list[str] = field(default_factory=list)
    denied: int = 0

    @property
    def address(self) -> str:
        """As the setting has it."""
        return f"http://tocsin:{self.password}@127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: its first request is looked at, the rest is carried."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if not self._let_in(head):
                writer.write(_DENIED)
            else:
                await self._carry(head, reader, writer)
        writer.close()

    def _let_in(self, head: bytes) -> bool:
        wanted = base64.b64encode(f"tocsin:{self.password}".encode())
        if b"proxy-authorization: basic " + wanted.lower() not in head.lower():
            self.denied += 1
            return False
        self.asked.append(head.split(b"\r\n", 1)[0].decode())
        return True

    async def _carry(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
        there_writer.write(head)
        await asyncio.gather(_pour(reader, there_writer), _pour(there_reader, writer))


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def proxy_to(target: int, *, password: str = "hunter2") -> AsyncIterator[Proxy]:
    """It listens on loopback; gone on the way out."""
    proxy = Proxy(target, password)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
