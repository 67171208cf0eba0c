"""The soak's clients: requests of every kind, on connections that are kept or new; each answer is looked at."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.gateway.signing import token
from tests.gateway.soak.origins import PIECE, PIECES
from tests.gateway.soak.outcomes import Failure, Outcomes
from tests.gateway.soak.plan import Plan

_PART = b"fedcba9876543210" * 256
_PARTS = 24
#: Each client asks for these in turn, and begins at another place.
_KINDS = (
    "small", "cached", "small", "order", "stream", "tunnel", "small", "limited", "cached", "upload", "multiplexed",
    "refused",
)  # fmt: skip
#: What is said in a tunnel, each when the one before has come back.
_WORDS = 5
#: After so many requests a connection is closed by its client; every second client has a new one for each.
_KEPT = 40


class WrongError(Exception):
    """An answer that is not the one to the request, or has a status that it should not have."""


@dataclass(frozen=True, slots=True)
class Request:
    number: int
    kind: str
    head: bytes
    parts: tuple[bytes, ...] = ()
    body: bytes = b""
    expected: bytes = b""
    statuses: frozenset[int] = frozenset({200})

    @property
    def repeatable(self) -> bool:
        """Whether the gateway may send it again: it is neither a POST nor too long to be kept."""
        return self.kind not in ("order", "upload")


class Link:
    """A client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, opened: float) -> None:
        self.reader = reader
        self.writer = writer
        self.opened = opened
        self.port: int = writer.get_extra_info("sockname")[1]
        self.asked = 0
        self.status = 0
        self.head_came = False

    async def ask(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body. Raises OSError or EOFError when the connection ends before."""
        self.status, self.head_came = 0, False
        self.asked += 1
        self.writer.write(request.head + request.body)
        for part in request.parts:
            self.writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            await self.writer.drain()
        if request.parts:
            self.writer.write(b"0\r\n\r\n")
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.head_came = True
        if request.kind == "tunnel" and " 101 " in head[:20]:
            await self._talk(request)
        line, *fields = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        body = await self._body(headers)
        self.status = int(line.split(" ")[1])
        return self.status, headers, body

    async def _talk(self, request: Request) -> None:
        for number in range(_WORDS):
            word = b"%d of %d" % (number, request.number)
            self.writer.write(word)
            if (found := await self.reader.readexactly(len(word))) != word:
                raise WrongError(f"in a tunnel {found!r} instead of {word!r}")

    async def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("connection") == "upgrade":
            return b""
        if headers.get("transfer-encoding") != "chunked":
            return await self.reader.readexactly(int(headers.get("content-length", "0")))
        parts = []
        while size := int((await self.reader.readline()).strip() or b"z", 16):
            parts.append(await self.reader.readexactly(size))
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return b"".join(parts)

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


@dataclass
class Crowd:
    """All clients; `generation` is the least that answers to new requests may have been made by."""

    plan: Plan
    port: int
    outcomes: Outcomes
    loop_time: Callable[[], float]
    numbers: itertools.count[int]
    """Of requests; no two have the same."""
    generation: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    closed_unasked: int = 0
    _tokens: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Ask until `over` is set."""
        self._tokens = [token(sub=f"user-{one}", jti=f"token-{one}", exp=4_102_444_800) for one in range(20)]
        async with asyncio.TaskGroup() as group:
            for place in range(self.plan.clients):
                group.create_task(self._client(place))

    async def _client(self, place: int) -> None:
        link: Link | None = None
        for kind in itertools.islice(itertools.cycle(_KINDS), place, None):
            if self.over.is_set():
                break
            link = await self._asked(self._request(kind), link)
            if link is not None and (place % 2 or link.asked >= _KEPT):
                await link.close()
                link = None
            await asyncio.sleep(self.plan.pause)
        if link is not None:
            await link.close()

    async def _asked(self, request: Request, link: Link | None) -> Link | None:
        """The connection, where it may be used again."""
        if link is not None and link.reader.at_eof():
            self.closed_unasked += 1
            await link.close()
            link = None
        began, least = self.loop_time(), self.generation
        port, opened = 0, began
        try:
            async with asyncio.timeout(self.plan.patience + 10):
                if link is None:
                    link = Link(*await asyncio.open_connection("127.0.0.1", self.port), began)
                port, opened = link.port, link.opened
                status, headers, body = await link.ask(request)
            self._check(request, status, headers, body, least)
        except (OSError, EOFError, ValueError, TimeoutError, WrongError) as error:
            self._failed(request, link, error, (began, opened, port))
            if link is not None:
                await link.close()
            return None
        self.outcomes.answered(request.kind, status, self.loop_time())
        if headers.get("connection") in ("close", "upgrade"):
            await link.close()
            return None
        return link

    def _failed(self, request: Request, link: Link | None, error: Exception, known: tuple[float, float, int]) -> None:
        began, opened, port = known
        status = link.status if link is not None else 0
        now = self.loop_time()
        if status:
            self.outcomes.answered(request.kind, status, now)
        # What was cut in the middle of an answer cannot be mended by anybody, either.
        repeatable = request.repeatable and not (link is not None and link.head_came and not status)
        why = f"{type(error).__name__}: {error}"[:300]
        self.outcomes.failed(
            Failure(request.number, request.kind, opened, began, now, port, status, repeatable, why)
        )  # fmt: skip

    def _check(self, request: Request, status: int, headers: dict[str, str], body: bytes, least: int) -> None:
        if status not in request.statuses:
            raise WrongError(f"{status} {body[:200]!r}")
        if status == 200 and body != request.expected:
            raise WrongError(f"another body: {len(body)} bytes, {body[:80]!r}")
        made_by = int(headers.get("x-generation", "-1"))
        if made_by < least:
            raise WrongError(f"by configuration {made_by}, after all workers had agreed on {least}")

    def _request(self, kind: str) -> Request:
        number = next(self.numbers)
        path = f"/cached/{number % 50}" if kind == "cached" else f"/{kind}/{number}"
        known = f"authorization: Bearer {self._tokens[number % len(self._tokens)]}\r\n"
        common = f"host: soak\r\nx-number: {number}\r\n"
        if kind == "order":
            body = b"one of these"
            head = f"POST {path} HTTP/1.1\r\n{common}{known}content-length: {len(body)}\r\n\r\n"
            expected = f"{path} {number} {zlib.crc32(body)}"
            return Request(number, kind, head.encode(), body=body, expected=expected.encode())
        if kind == "upload":
            head = f"PUT {path} HTTP/1.1\r\n{common}transfer-encoding: chunked\r\n\r\n"
            expected = f"{path} {number} {zlib.crc32(_PART * _PARTS)}"
            return Request(number, kind, head.encode(), parts=(_PART,) * _PARTS, expected=expected.encode())
        if kind == "refused":
            head = f"GET /small/{number} HTTP/1.1\r\n{common}authorization: Bearer a.b.c\r\n\r\n"
            return Request(number, kind, head.encode(), statuses=frozenset({401}))
        head = f"GET {path} HTTP/1.1\r\n{common}{known if kind == 'small' else ''}\r\n"
        if kind == "stream":
            return Request(number, kind, head.encode(), expected=PIECE * PIECES)
        if kind == "tunnel":
            asked = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
            head = f"GET {path} HTTP/1.1\r\n{common}{known}{asked}\r\n"
            return Request(number, kind, head.encode(), statuses=frozenset({101}))
        expected = path if kind in ("cached", "multiplexed") else f"{path} {number} 0"
        statuses = frozenset({200, 429} if kind == "limited" else {200})
        return Request(number, kind, head.encode(), expected=expected.encode(), statuses=statuses)
