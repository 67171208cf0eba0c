"""An upstream in the test's own loop: what it answers is a function, what it was asked is remembered."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import formatdate

from tests.gateway.stage import EPOCH


@dataclass
class Asked:
    """A request; its fields' names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""


#: An answer's bytes; less than it announces breaks it off, none at all closes the connection.
Answering = Callable[[Asked], bytes | Awaitable[bytes]]


class Clock:
    """Time that tests set, in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def date(self, offset: float = 0.0) -> str:
        return formatdate(EPOCH + self.now + offset, usegmt=True)


def reply(body: str | bytes = "ok", status: int = 200, **headers: str) -> bytes:
    """An answer; underscores in names are dashes."""
    content = body.encode() if isinstance(body, str) else body
    fields = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
    if status not in (204, 304):
        fields.append(f"content-length: {len(content)}\r\n")
    return f"HTTP/1.1 {status} Some\r\n{''.join(fields)}\r\n".encode("latin-1") + content


@dataclass
class Origin:
    """The server; `answer` may be replaced at any time."""

    answer: Answering = lambda _: reply()
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    closing: bool = False
    """Whether it closes behind each answer."""
    patient: bool = False
    """Whether it leaves the connection open behind an answer that is less than it announces."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                one = await self._read(reader)
                self.asked.append(one)
                answer = self.answer(one)
                made: bytes = await answer if inspect.isawaitable(answer) else answer
                if one.method == "HEAD":
                    made = made[: made.index(b"\r\n\r\n") + 4]
                writer.write(made)
                await writer.drain()
                if self.closing or not made or (not self.patient and _is_short(made, one.method)):
                    break
        writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Asked:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.rstrip("\r\n").split("\r\n")
        method, target, _ = line.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in fields)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Asked(method, target, headers, body)

    def targets(self) -> list[str]:
        return [one.target for one in self.asked]


def _is_short(answer: bytes, method: str) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    length = next((line for line in head.split(b"\r\n") if line.startswith(b"content-length: ")), None)
    return method != "HEAD" and length is not None and len(body) < int(length.partition(b": ")[2])


@contextlib.asynccontextmanager
async def origin() -> AsyncIterator[Origin]:
    """One that runs."""
    one = Origin()
    server = await asyncio.start_server(one._serve, "127.0.0.1", 0, limit=1 << 20)
    one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield one
    finally:
        server.close()
