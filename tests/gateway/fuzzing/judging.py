"""What every target of fuzzing needs: how its input is cut, sinks that remember, and h11 as the referee."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import h11

from gateway.proxy.message import Header, Headers


class Broken(AssertionError):  # noqa: N818 - a rule is, and that is what it says
    """An input that was understood in two ways, or not handled."""


def demand(condition: object, why: str, *seen: object) -> None:
    """Raise `Broken` unless the condition holds."""
    if not condition:
        raise Broken(f"{why}: {' | '.join(map(repr, seen))}")


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """The input as a network may deliver it: whole, head by head, in two to five parts, and a small one by bytes."""
    yield [data]
    yield [part for part in re.split(rb"(?<=\r\n\r\n)", data) if part]
    random = Random(zlib.crc32(data))
    places = sorted(random.randrange(len(data) + 1) for _ in range(random.randrange(1, 5)))
    yield [data[start:end] for start, end in pairwise([0, *places, len(data)])]
    if len(data) <= 400:
        yield [data[at : at + 1] for at in range(len(data))]


@dataclass
class Read:
    """A message that was read to its end."""

    line: tuple[bytes, ...]
    headers: Headers
    body: bytes = b""
    trailers: tuple[Header, ...] = ()


def by_referee(role: type[h11.Sentinel], data: bytes, methods: list[bytes] | None = None) -> tuple[list[Read], bool]:
    """What h11 reads of a connection's bytes, and whether it takes all of them.

    As a client (`role` CLIENT) it reads the answers to `methods`; as a server it answers each request, so that it
    reads the next one.
    """
    connection = h11.Connection(role, max_incomplete_event_size=1_000_000)
    found: list[Read] = []
    waiting = list(methods or [])
    _ask(connection, waiting)
    fed = False
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                if fed:
                    connection.receive_data(b"")  # It ends, for bodies that are until then.
                    if connection.next_event() is h11.NEED_DATA:
                        return found, True
                    return _closed(connection, found), True
                fed = True
                connection.receive_data(data)
            elif event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                return found, isinstance(event, h11.ConnectionClosed)
            elif not _heard(connection, event, found, waiting):
                return found, True
    except h11.RemoteProtocolError:
        return found, False


def _ask(connection: h11.Connection, waiting: list[bytes]) -> None:
    if connection.our_role is h11.CLIENT and waiting:
        connection.send(h11.Request(method=waiting.pop(0), target="/", headers=[("host", "h")]))
        connection.send(h11.EndOfMessage())


def _closed(connection: h11.Connection, found: list[Read]) -> list[Read]:
    return found if connection.their_state in (h11.DONE, h11.CLOSED, h11.MUST_CLOSE) else found[:-1]


def _heard(connection: h11.Connection, event: object, found: list[Read], waiting: list[bytes]) -> bool:
    """Take one event; says whether anything may follow."""
    if isinstance(event, h11.Request):
        found.append(Read((event.method, event.target, event.http_version), list(event.headers)))
    elif isinstance(event, h11.Response):
        found.append(Read((b"%d" % event.status_code,), list(event.headers)))
    elif isinstance(event, h11.Data):
        found[-1].body += bytes(event.data)
    elif isinstance(event, h11.EndOfMessage):
        found[-1].trailers = tuple(event.headers)
        return _next(connection, waiting)
    return True


def _next(connection: h11.Connection, waiting: list[bytes]) -> bool:
    if connection.our_role is h11.SERVER:
        connection.send(h11.Response(status_code=404, headers=[("content-length", "0")]))
        connection.send(h11.EndOfMessage())  # A 404 to CONNECT, too: no tunnel begins.
    if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
        return False
    if connection.our_role is h11.CLIENT and not waiting:
        return False
    connection.start_next_cycle()
    _ask(connection, waiting)
    return True
