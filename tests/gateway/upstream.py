"""An upstream that does what a test asks of it by path; it runs in a thread and remembers what it was sent."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.gateway.threaded import Threaded


@dataclass
class Received:
    """A request as it arrived."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body_size: int = 0
    body_hash: str = ""
    connection: int = 0

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


@dataclass
class Exchange:
    """One request and the streams to answer it."""

    request: Received
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    upstream: ControlledUpstream

    async def body(self) -> None:
        """Read the body, counting and hashing it; once."""
        if self.request.body_hash:
            return
        digest = hashlib.sha256()
        async for chunk in _body(self.request, self.reader):
            digest.update(chunk)
            self.request.body_size += len(chunk)
            self.upstream.seen["body_bytes"] += len(chunk)
        self.request.body_hash = digest.hexdigest()

    def send(self, head: str, body: bytes = b"") -> None:
        self.writer.write(head.replace("\n", "\r\n").encode("latin-1") + body)


Behaviour = Callable[[Exchange], Awaitable[bool]]


@dataclass
class ControlledUpstream(Threaded):
    """`seen` counts events by name; `requests` are those in order. Use it as a context manager."""

    requests: list[Received] = field(default_factory=list)
    always: str | None = None
    """What it does whatever it is asked for, for example `status-503`; None: what the path says."""
    seen: Counter[str] = field(default_factory=Counter)

    release: threading.Event = field(default_factory=threading.Event)

    async def _start(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)

    async def _stop(self) -> None:
        await super()._stop()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen["connections"] += 1
        number = self.seen["connections"]
        try:
            while await self._one(reader, writer, number):
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.seen["aborted"] += 1
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return False
        line, *fields = head.rstrip("\r\n").split("\r\n")
        method, target, _ = line.split(" ")
        headers = [(name, value.strip()) for name, _, value in (item.partition(":") for item in fields)]
        request = Received(method, target, headers, connection=number)
        self.requests.append(request)
        if self.always is not None:
            request.target = f"/{self.always}"
        name = request.target.partition("?")[0].rpartition("/")[2].partition("-")[0]
        behaviour = BEHAVIOURS.get(name, echo)
        return await behaviour(Exchange(request, reader, writer, self))


async def _body(request: Received, reader: asyncio.StreamReader):  # type: ignore[no-untyped-def]  # noqa: ANN202
    if request.header("transfer-encoding"):
        while size := int(await reader.readuntil(b"\r\n"), 16):
            yield await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
    else:
        remaining = int((request.header("content-length") or ["0"])[0])
        while remaining:
            chunk = await reader.read(min(remaining, 65_536))
            if not chunk:
                raise asyncio.IncompleteReadError(b"", remaining)
            remaining -= len(chunk)
            yield chunk


async def echo(exchange: Exchange) -> bool:
    """Answer with what was received."""
    await exchange.body()
    request = exchange.request
    body = json.dumps(vars(request)).encode()
    exchange.send(f"HTTP/1.1 200 OK\ncontent-type: application/json\ncontent-length: {len(body)}\n\n", body)
    return True


async def status(exchange: Exchange) -> bool:
    """/status-NNN"""
    await exchange.body()
    code = exchange.request.target.partition("?")[0].rpartition("-")[2]
    length = "" if code in ("204", "304") else "content-length: 2\n"
    exchange.send(f"HTTP/1.1 {code} Some Reason\n{length}\n", b"" if code in ("204", "304") else b"ok")
    return True


async def big(exchange: Exchange) -> bool:
    """/big-N: N bytes, with a length; `sent_bytes` counts what was accepted by the gateway."""
    await exchange.body()
    remaining = int(exchange.request.target.rpartition("-")[2])
    exchange.send(f"HTTP/1.1 200 OK\ncontent-length: {remaining}\n\n")
    while remaining:
        piece = min(remaining, 65_536)
        exchange.writer.write(b"x" * piece)
        await exchange.writer.drain()
        remaining -= piece
        exchange.upstream.seen["sent_bytes"] += piece
    return True


async def chunked(exchange: Exchange) -> bool:
    await exchange.body()
    exchange.send(
        "HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n", b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nT: v\r\n\r\n"
    )
    return True


async def until_close(exchange: Exchange) -> bool:
    """/eof: the body ends with the connection."""
    await exchange.body()
    exchange.send("HTTP/1.1 200 OK\ncontent-type: text/plain\n\n", b"until the end")
    return False


async def truncated(exchange: Exchange) -> bool:
    await exchange.body()
    exchange.send("HTTP/1.1 200 OK\ncontent-length: 100\n\n", b"short")
    return False


async def silent(exchange: Exchange) -> bool:
    """/silent: never answers; counts whether the gateway gave up."""
    await exchange.body()
    exchange.upstream.seen["waiting"] += 1
    await exchange.reader.read()
    exchange.upstream.seen["given_up"] += 1
    return False


async def deaf(exchange: Exchange) -> bool:
    """/deaf: never reads the body."""
    exchange.upstream.seen["waiting"] += 1
    while not exchange.upstream.release.is_set():  # noqa: ASYNC110 - set by another thread
        await asyncio.sleep(0.02)
    return await echo(exchange)


async def early(exchange: Exchange) -> bool:
    """/early: answers before the body came."""
    exchange.send("HTTP/1.1 413 No\ncontent-length: 2\n\n", b"no")
    await exchange.writer.drain()
    await exchange.reader.read(1 << 20)
    return False


async def continues(exchange: Exchange) -> bool:
    """/continue: asks for the body with 100 Continue."""
    if exchange.request.header("expect"):
        exchange.send("HTTP/1.1 100 Continue\n\n")
    return await echo(exchange)


async def hints(exchange: Exchange) -> bool:
    exchange.send("HTTP/1.1 103 Early Hints\nlink: </a.css>\n\n")
    return await echo(exchange)


async def vanish(exchange: Exchange) -> bool:
    """/vanish: closes without an answer."""
    await exchange.body()
    exchange.upstream.seen["vanished"] += 1
    return False


async def stale(exchange: Exchange) -> bool:
    """/stale: answers on a new connection, and closes silently when the same connection is used again."""
    await exchange.body()
    mine = [request for request in exchange.upstream.requests if request.connection == exchange.request.connection]
    if len(mine) > 1:
        return False
    return await echo(exchange)


async def twice(exchange: Exchange) -> bool:
    """/twice: an answer nobody asked for follows the first one."""
    await exchange.body()
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
    exchange.writer.write(answer + b"first" + answer + b"extra")
    return True


async def head_length(exchange: Exchange) -> bool:
    """/length: announces a body; sends it unless the request was HEAD."""
    exchange.send("HTTP/1.1 200 OK\ncontent-length: 5\n\n", b"" if exchange.request.method == "HEAD" else b"hello")
    return True


async def garbage(exchange: Exchange) -> bool:
    exchange.writer.write(b"this is not HTTP\r\n\r\n")
    return True


async def ambiguous(exchange: Exchange) -> bool:
    exchange.send("HTTP/1.1 200 OK\ncontent-length: 3\ntransfer-encoding: chunked\n\n", b"0\r\n\r\n")
    return True


async def hop(exchange: Exchange) -> bool:
    """/hop: an answer with hop-by-hop headers."""
    await exchange.body()
    exchange.send(
        "HTTP/1.1 200 OK\nconnection: x-private, keep-alive\nx-private: 1\nkeep-alive: timeout=5\n"
        "proxy-authenticate: Basic\nx-public: 2\nset-cookie: a=1\nset-cookie: b=2\ncontent-length: 2\n\n",
        b"ok",
    )
    return True


BEHAVIOURS: dict[str, Behaviour] = {
    "status": status,
    "big": big,
    "chunked": chunked,
    "eof": until_close,
    "truncated": truncated,
    "silent": silent,
    "deaf": deaf,
    "early": early,
    "continue": continues,
    "hints": hints,
    "vanish": vanish,
    "stale": stale,
    "twice": twice,
    "length": head_length,
    "garbage": garbage,
    "ambiguous": ambiguous,
    "hop": hop,
}
