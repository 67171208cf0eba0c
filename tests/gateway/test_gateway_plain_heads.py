"""Heads that are read in one go come to the same as those that the parser reads, whatever is in them."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.auth.authentication import Authentication
from gateway.auth.settings import AuthSettings
from gateway.proxy import plain_heads
from gateway.proxy.message import Refused, ResponseHead
from gateway.proxy.plain_heads import PlainAnswer, plain_answer, plain_request
from gateway.proxy.reader import Limits, RequestReader
from gateway.proxy.upstream import UpstreamConnection
from gateway.telemetry.tally import Tally
from tests.gateway.reading import Heard, ParserOnly, WholeFirst

LIMITS = Limits(head=600, target=60, body=1000)
METHODS = ["GET", "POST", "HEAD", "PURGE", "CONNECT", "get", "G T"]
TARGETS = ["/", "/a?b=1", "/a/../b", "/%2e%2e/x", "/%41", "/a#f", "http://h/x", "*", "/a b", '/"<>', "/" + "x" * 70]
VERSIONS = ["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "http/1.1"]
HOSTS = ["Host: h", "Host: h", "Host: h", "host:h", "Host:  h", "Host: a b", "Host: "]
STEERING = [
    "Content-Length: 0", "Content-Length: 3", "Content-Length: 5", "Content-Length: 5", "Content-Length: +5",
    "Content-Length: 5, 5", "Content_Length: 3", "Content--Length: 3", "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip", "Connection: keep-alive", "Connection: Keep-Alive", "Connection: close",
    "Connection: X-A", "Connection: upgrade", "Upgrade: websocket", "Proxy-Connection: close", "Expect: 100-continue",
    "Expect: tea",
]  # fmt: skip
OTHERS = [
    "X-A: b", "X-A:b", "X-A: b ", "X-A: \t", "X-A:", "X-A: \xe9", "X-A: a\x00b", "X-A : b", " folded", "X_A: b",
    "X-A: a\nb", "X-A: a\rb", "X-A: a\tb", "X-A:\tb", "X A: b", "Cookie: a=b", "Cookie: c=d", "X-Request-Id: a",
    "x-request-id: b", "Traceparent: c", "Traceparent:  c", "TraceState: d e", "Idempotency-Key: \xe9",
    "X-Long: " + "y" * 600,
]  # fmt: skip
ANSWER_LINES = [
    "HTTP/1.1 200 OK", "HTTP/1.1 200 OK", "HTTP/1.1 200 ", "HTTP/1.1 200", "HTTP/1.1 404 Not \xe9", "HTTP/1.1 204 No",
    "HTTP/1.1 304 No", "HTTP/1.0 200 OK", "HTTP/1.1 101 Up", "HTTP/1.1 100 Go", "HTTP/1.1 600 Odd", "HTTP/2 200",
]  # fmt: skip


def _heard(kind: type[RequestReader], parts: list[bytes]) -> tuple[list[Any], str | None]:
    heard = Heard()
    reader = kind(heard, LIMITS)
    try:
        for part in parts:
            reader.feed(part)
    except Refused as refused:
        return heard.told, refused.error
    return [*heard.told, reader.ended], None


@st.composite
def _requests(draw: st.DrawFn) -> bytes:
    lines = [
        " ".join((draw(st.sampled_from(METHODS)), draw(st.sampled_from(TARGETS)), draw(st.sampled_from(VERSIONS))))
    ]
    lines += draw(st.lists(st.sampled_from(HOSTS + STEERING + OTHERS), max_size=5))
    return ("\r\n".join(lines) + "\r\n\r\n" + draw(st.sampled_from(["", "", "abc", "0\r\n\r\n"]))).encode("latin-1")


PLAIN = b"GET /a?b HTTP/1.1\r\nHost: h\r\nX-A: b\r\n\r\n"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.just(PLAIN), _requests()), min_size=1, max_size=3), st.integers(0, 400))
def test_requests(requests: list[bytes], cut: int) -> None:
    whole = b"".join(requests)
    for parts in ([whole], [whole[:cut], whole[cut:]]):
        assert _heard(RequestReader, parts) == _heard(ParserOnly, parts)
    for parts in (requests, [whole[:cut], whole[cut:]], [*requests, *requests]):
        assert _heard(WholeFirst, parts) == _heard(ParserOnly, parts)


class Sink:
    """Remembers what a connection tells an exchange."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.body = b""
        self.connection: UpstreamConnection | None = None

    def whole_answer(self, answer: PlainAnswer, body: bytes) -> bool:
        if self.connection is None:
            return False
        self.told += (answer.head, "ended")
        self.body += body
        self.connection.release()
        return True

    def interim_answer(self, head: ResponseHead) -> None:
        self.told.append(head)

    def answer_started(self, head: ResponseHead) -> None:
        self.told.append(head)

    def answer_body(self, chunk: bytes) -> None:
        self.body += chunk

    def answer_ended(self) -> None:
        self.told.append("ended")

    def upstream_failed(self, failure: str) -> None:
        self.told.append(failure)

    def upstream_full(self) -> None: ...

    def upstream_ready(self) -> None: ...


class Wire:
    """A transport that goes nowhere."""

    def __init__(self) -> None:
        self.aborted = False

    def write(self, data: bytes) -> None: ...

    def set_write_buffer_limits(self, **limits: int) -> None: ...

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True


class ParsedConnection(UpstreamConnection):
    """Leaves everything to the parser."""

    def _plain(self, data: bytes) -> bool:
        return False


def _answered(
    kind: type[UpstreamConnection], parts: list[bytes], *, to_head: bool, at_once: bool = False
) -> tuple[list[Any], bytes, bool]:
    connection, sink, wire = kind(lambda _: None, lambda: None), Sink(), Wire()
    sink.connection = connection if at_once else None
    connection.connection_made(wire)  # type: ignore[arg-type]
    for _ in range(2):
        connection.begin(sink, b"", to_head_request=to_head)
        for part in parts:
            if part and not wire.aborted:
                connection.data_received(part)
        if not connection.reusable or sink.told[-1:] != ["ended"]:
            break
    if not wire.aborted:
        connection.connection_lost(None)
    return sink.told, sink.body, wire.aborted


@st.composite
def _answers(draw: st.DrawFn) -> bytes:
    lines = [draw(st.sampled_from(ANSWER_LINES)), *draw(st.lists(st.sampled_from(STEERING + OTHERS), max_size=4))]
    body = draw(st.sampled_from(["", "abc", "abcde", "abcde", "abcdefg", "2\r\nab\r\n0\r\n\r\n"]))
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1")


@settings(max_examples=50, deadline=None)
@given(_answers(), st.lists(st.integers(0, 120), max_size=2), st.booleans())
def test_answers(answer: bytes, cuts: list[int], to_head: bool) -> None:
    edges = [0, *sorted(cuts), len(answer)]
    parts = [answer[start:end] for start, end in pairwise(edges)]

    async def both() -> tuple[Any, ...]:
        own, at_once = (_answered(UpstreamConnection, parts, to_head=to_head, at_once=yes) for yes in (False, True))
        return own, at_once, _answered(ParsedConnection, parts, to_head=to_head)

    plain, at_once, parsed = asyncio.run(both())
    assert plain == at_once == parsed


def test_what_is_common_is_read_in_one_go() -> None:
    found = plain_request(b"?" + PLAIN + PLAIN, 1, most_head=100, most_target=10)
    assert found is not None
    head, end = found
    assert (head.path, head.headers, end) == (b"/a", [(b"host", b"h"), (b"x-a", b"b")], 1 + len(PLAIN))
    answer = plain_answer(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\nSet-Cookie: a=b_c\r\n\r\nab"
    )
    assert answer is not None
    assert (answer.length, len(answer.head.headers)) == (2, 3)


@pytest.mark.parametrize("limit", ["head", "target"])
def test_limits_are_the_parsers_to_tell(limit: str) -> None:
    limits = {"most_head": 1000, "most_target": 1000, f"most_{limit}": 3}
    assert plain_request(PLAIN, 0, **limits) is None


def test_a_header_with_credentials_is_not_kept() -> None:
    head = b"GET / HTTP/1.1\r\nHost: h\r\nX-Own-Key: secret-of-a-client\r\n\r\n"
    assert plain_request(head, 0, most_head=1000, most_target=100) is not None
    for _ in range(2):
        Authentication(AuthSettings.model_validate({"api_key_header": "X-Own-Key"}), tally=Tally())
        assert not any(b"secret-of-a-client" in line for line in plain_heads._LINES)
        assert plain_request(head, 0, most_head=1000, most_target=100) is not None
    assert not any(b"secret-of-a-client" in line for line in plain_heads._LINES)
