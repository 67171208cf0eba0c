"""The reading of upstreams' answers, over HTTP/1 and HTTP/2: each ends once, and a client reads what was read of it."""

from __future__ import annotations

from typing import Any

import h11

from gateway.proxy.chunking import LAST_CHUNK, Framing, chosen_framing, encoded, last_chunk
from gateway.proxy.http2_stream import Http2Stream
from gateway.proxy.message import Headers, RequestHead, ResponseHead
from gateway.proxy.plain_heads import PlainAnswer
from gateway.proxy.rewriting import RESPONSE_OWN, client_response, interim_response
from gateway.proxy.upstream import UpstreamConnection
from gateway.proxy.upstream_http2 import Http2Connection
from gateway.upstreams.settings import Http2Profile
from tests.gateway.fuzzing.judging import by_referee, cuts, demand


class Wire:
    """A transport that goes nowhere."""

    def __init__(self) -> None:
        self.is_aborted = False

    def write(self, data: bytes) -> None: ...

    def writelines(self, parts: list[bytes]) -> None: ...

    def set_write_buffer_limits(self, **limits: int) -> None: ...

    def get_extra_info(self, name: str) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True

    close = abort


class Waiting:
    """The exchange that waits for an answer."""

    def __init__(self) -> None:
        self.interim: list[ResponseHead] = []
        self.head: ResponseHead | None = None
        self.body = b""
        self.trailers: Headers = []
        self.end: str | None = None
        self.taking: UpstreamConnection | None = None
        """The connection that answers may be taken of all at once."""

    def whole_answer(self, answer: PlainAnswer, body: bytes) -> bool:
        if self.taking is None:
            return False
        demand(self.head is None and self.end is None, "an answer after the answer", answer)
        self.head, self.body, self.end = answer.head, body, "whole"
        self.taking.release()
        written = answer.lines_without(RESPONSE_OWN) + b"x-request-id: c\r\n\r\n"
        alike = client_response(answer.own_head(), correlation=b"c", chunked=False, length=len(body), close=False)
        demand(written == alike, "at once it is written otherwise", written, alike)
        return True

    def interim_answer(self, head: ResponseHead) -> None:
        demand(100 <= head.status < 200 and self.head is None and self.end is None, "an interim answer too late", head)
        self.interim.append(head)

    def answer_started(self, head: ResponseHead) -> None:
        demand(self.head is None and self.end is None and head.status >= 200, "an answer after the answer", head)
        self.head = head

    def answer_body(self, chunk: bytes) -> None:
        demand(self.head is not None and self.end is None, "a body of nobody", chunk)
        self.body += chunk

    def upgraded(self, head: ResponseHead) -> None:
        demand(False, "an upgrade that nobody wanted", head)

    def answer_trailers(self, fields: Headers) -> None:
        demand(self.end is None, "trailers after the end", fields)
        self.trailers = fields

    def answer_ended(self) -> None:
        demand(self.head is not None and self.end is None, "the end of nothing", self.end)
        self.end = "whole"

    def upstream_failed(self, failure: str) -> None:
        demand(self.end is None and failure, "an end after the end", self.end, failure)
        self.end = failure

    def upstream_full(self) -> None: ...

    def upstream_ready(self) -> None: ...

    @property
    def told(self) -> tuple[Any, ...]:
        # Trailers behind the answer to HEAD are what nobody reads.
        return self.interim, self.head, self.body, self.trailers if self.body else [], self.end


class ParsedConnection(UpstreamConnection):
    """Leaves everything to the parser."""

    def _plain(self, data: bytes) -> bool:
        return False


def answers(data: bytes) -> None:
    """An answer is the same in whatever parts it comes and by whichever way it is read, to GET and to HEAD."""
    for method in (b"GET", b"HEAD"):
        first, reusable = _answered(UpstreamConnection, [data], method)
        for kind, at_once in ((UpstreamConnection, False), (UpstreamConnection, True), (ParsedConnection, False)):
            for parts in cuts(data):
                again, whether = _answered(kind, parts, method, at_once=at_once)
                _same(first, reusable, again, whether, data=data, parts=parts)
        _read_by_a_client(first, method, data)


def _same(first: Waiting, reusable: bool, again: Waiting, whether: bool, *, data: bytes, parts: list[bytes]) -> None:
    if first.end == "whole" and again.end == "whole":
        # What comes behind the end, in the same part or the next one, only spoils the connection.
        demand(again.told == first.told, "other parts, another answer", data, parts, first.told, again.told)
        demand(reusable <= whether or len(parts) > 1, "spoiled only sometimes", data, parts)
        return
    demand(
        (first.end == "whole") == (again.end == "whole"), "whole only sometimes", data, parts, first.told, again.told
    )
    shown = (first.head, first.interim)
    demand((again.head, again.interim) == shown, "other parts, another head", data, parts, first.told, again.told)


def _answered(
    kind: type[UpstreamConnection], parts: list[bytes], method: bytes, *, at_once: bool = False
) -> tuple[Waiting, bool]:
    connection, waiting, wire = kind(lambda _: None, lambda: None), Waiting(), Wire()
    waiting.taking = connection if at_once else None
    connection.connection_made(wire)  # type: ignore[arg-type]
    connection.begin(waiting, b"", to_head_request=method == b"HEAD")
    for part in parts:
        if part and not wire.is_aborted:
            connection.data_received(part)
    reusable = waiting.end == "whole" and connection.reusable
    if not wire.is_aborted:
        connection.connection_lost(None)
    demand(waiting.end is not None, "nobody hears of the end", parts, waiting.told)
    return waiting, reusable


def _read_by_a_client(waiting: Waiting, method: bytes, data: bytes) -> None:
    """A strict client reads of what is passed on the same status and body, and no further answer."""
    head = waiting.head
    if head is None or waiting.end != "whole":
        return
    asked = RequestHead(method, b"/", b"/", "1.1", [], b"h", None, False, True, False, frozenset())
    framing = chosen_framing(asked, head)
    length = None if head.status == 204 or head.chunked else head.content_length
    is_chunked, closes = framing is Framing.CHUNKED, framing is Framing.CLOSE
    start = client_response(head, correlation=b"c", chunked=is_chunked, length=length, close=closes)
    wire = b"".join(interim_response(one) for one in waiting.interim) + start + _framed(waiting, framing)
    read, complete = by_referee(h11.CLIENT, wire, [method])
    demand(complete and len(read) == 1, "a client reads another answer", data, wire, read)
    demand(read[0].line == (b"%d" % head.status,), "another status", data, wire, read)
    demand(read[0].body == (waiting.body if framing is not Framing.NONE else b""), "another body", data, wire, read)


def _framed(waiting: Waiting, framing: Framing) -> bytes:
    if framing is Framing.NONE:
        demand(not waiting.body, "a body that must not be", waiting.told)
        return b""
    if framing is not Framing.CHUNKED:
        return waiting.body
    end = last_chunk(waiting.trailers) if waiting.trailers else LAST_CHUNK
    return b"".join([*(encoded(waiting.body) if waiting.body else []), end])


# HTTP/2.

_SETTINGS = b"\0\0\0\x04\0\0\0\0\0"
_TYPES = (0, 1, 3, 4, 6, 7, 8, 9, 5, 2, 10)
_STREAMS = (1, 3, 0, 5, 2)
_REQUEST = b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"


def http2_frames(data: bytes) -> None:
    """Whatever an upstream sends over HTTP/2, both requests under way hear of one end, and nothing breaks."""
    _framewise(_written(data[1:]) if data[:1] < b"\x80" else data[1:])


def _written(data: bytes) -> bytes:
    """Frames: a byte each for type, flags, stream and length, then the payload."""
    out, at = [], 0
    while at + 4 <= len(data):
        kind, flags, stream, length = data[at : at + 4]
        payload = data[at + 4 : at + 4 + length]
        number = _STREAMS[stream % len(_STREAMS)]
        frame_type = _TYPES[kind % len(_TYPES)]
        out.append(len(payload).to_bytes(3, "big") + bytes((frame_type, flags)) + number.to_bytes(4, "big") + payload)
        at += 4 + length
    return b"".join(out)


def _framewise(data: bytes) -> None:
    seen: dict[bool, list[Any]] = {}
    for parts in cuts(data):
        waiting, is_broken = _multiplexed(parts)
        told = [(one.head, one.interim, one.end == "whole") for one in waiting]
        # What comes in one part with what breaks the protocol is lost with it.
        same = is_broken or seen.setdefault(is_broken, told) == told
        demand(same, "other parts, another answer", parts, seen, told)
        for one in waiting:
            length = one.head.content_length if one.head else None
            fits = one.end != "whole" or length is None or len(one.body) == length
            bodiless = one.head is not None and one.head.status in (204, 304) and not one.body
            demand(fits or bodiless, "a body that is not as announced", one.told)


def _multiplexed(parts: list[bytes]) -> tuple[list[Waiting], bool]:
    nothing = lambda *_: None  # noqa: E731 - three of them
    connection = Http2Connection(Http2Profile(), on_closed=nothing, on_made=nothing, on_room=nothing)
    wire = Wire()
    connection.connection_made(wire)  # type: ignore[arg-type]
    connection.data_received(_SETTINGS)
    waiting = [Waiting(), Waiting()]
    for one in waiting:
        stream = Http2Stream(connection, b"http")
        stream.begin(one, _REQUEST, to_head_request=False)
        stream.send_body(b"abc", chunked=True)
    for part in parts:
        if part and not wire.is_aborted:
            connection.data_received(part)
    is_broken = wire.is_aborted
    connection.connection_lost(None)
    if connection.ready.done() and not connection.ready.cancelled():
        connection.ready.exception()
    for one in waiting:
        demand(one.end is not None, "nobody hears of the end", parts, one.told)
    return waiting, is_broken
