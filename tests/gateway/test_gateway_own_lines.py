"""A head with lines of its own on a connection that has sent others is read as the parser reads it by itself."""

from __future__ import annotations

import random
from typing import Any

import pytest

from gateway.proxy import rewriting
from gateway.proxy.message import Refused, RequestHead
from gateway.proxy.peers import Peer
from gateway.proxy.reader import Limits, RequestReader
from gateway.proxy.rewriting import HeaderEdits, sent_id, upstream_request
from tests.gateway.reading import HeadsOnly

LIMITS = Limits(head=4000, target=100, body=1000)
PEERS = (Peer(b"192.0.2.1", trusted=False), Peer(b"10.0.0.1", trusted=True))
EDITS = (
    None,
    HeaderEdits(frozenset({b"traceparent"}), ((b"traceparent", b"00-x"),)),
    HeaderEdits(frozenset({b"x-a"}), ((b"x-a", b"z"),)),
    HeaderEdits(frozenset({b"x-correlation-id"})),
)
NAMES = [
    b"X-Request-Id", b"x-request-id", b"X-Correlation-ID", b"traceparent", b"tracestate", b"Idempotency-Key", b"X-A",
    b"Authorization", b"Via", b"Connection", b"Content-Length", b"X-Request-Id ", b" X-Request-Id", b"x_request_id",
]  # fmt: skip
VALUES = [b"mine", b"n1", b"n2", b"a b", b"", b" two", b"keep-alive", b"0", b"\xff", b"a\tb", b"v\r\n folded", b'a"b']
ENDS = [
    b"\r\nx-request-id: evil\r\n\r\n", b"x-request-id: e\n\r\n", b"\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    b"traceparent: a\r\n\r\ntraceparent: b\r\n\r\n",
]  # fmt: skip


def by_the_parser(data: bytes) -> tuple[list[RequestHead], str | None]:
    told = HeadsOnly()
    reader = RequestReader(told, LIMITS)
    reader.started = True  # So nothing is read but by the parser.
    try:
        reader.feed(data)
    except Refused as refused:
        return told.heads, refused.error
    return told.heads, None


def some_head(chance: random.Random) -> bytes:
    lines = [(chance.choice(NAMES), chance.choice(VALUES)) for _ in range(chance.randint(0, 4))]
    lines.insert(chance.randint(0, len(lines)), (b"Host", b"h"))
    data = b"GET / HTTP/1.1\r\n" + b"".join(b"%b: %b\r\n" % line for line in lines)
    return data + (chance.choice(ENDS) if chance.random() < 0.1 else b"\r\n")


def judged(reader: RequestReader, data: bytes, chance: random.Random) -> bool:
    """Whether it was read the short way; it then is what the parser makes of it."""
    head = reader.whole(data)
    if head is None:
        return False
    assert by_the_parser(data) == ([head], None)
    (parsed,), _ = by_the_parser(data)
    assert head.block is not None
    assert head.block.sent_id == sent_id(parsed.headers), data
    peer, edits = chance.choice(PEERS), chance.choice(EDITS)
    short, long = (
        upstream_request(one, target=b"/", authority=b"u", peer=peer, correlation=b"c", edits=edits)
        for one in (head, parsed)
    )
    assert sorted(short.split(b"\r\n")) == sorted(long.split(b"\r\n")), data
    return True


@pytest.mark.parametrize("seed", range(4))
def test_what_was_sent_before_changes_nothing(seed: int) -> None:
    chance = random.Random(seed)
    short = 0
    for _ in range(400):
        reader = RequestReader(HeadsOnly(), LIMITS)
        known = [some_head(chance) for _ in range(2)]
        for _ in range(6):
            short += judged(reader, chance.choice(known) if chance.random() < 0.5 else some_head(chance), chance)
    assert short > 300


def test_an_id_that_is_not_written_plainly_is_the_first_one_still() -> None:
    data = b"GET / HTTP/1.1\r\nHost: h\r\nX-Request-Id:  two\r\nX-Correlation-ID: a\r\n\r\n"
    head = RequestReader(HeadsOnly(), LIMITS).whole(data)
    assert head is not None
    assert head.block is not None
    assert head.block.sent_id == b"two"


def test_lines_of_all_are_written_once_where_each_request_has_lines_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    written = []

    def counted(*given: Any) -> bytes:  # There is nothing else to see of it than the time that it takes.
        written.append(given)
        return request_lines(*given)

    request_lines = rewriting._request_lines
    monkeypatch.setattr(rewriting, "_request_lines", counted)
    reader = RequestReader(HeadsOnly(), LIMITS)
    for number in range(10):
        head = reader.whole(b"GET / HTTP/1.1\r\nX-Request-Id: n%d\r\nHost: h\r\nX-A: b\r\n\r\n" % number)
        assert head is not None
        sent = upstream_request(head, target=b"/", authority=b"u", peer=PEERS[0], correlation=b"n%d" % number)
        assert sent.endswith(b"x-request-id: n%d\r\n\r\n" % number)
        assert sent.count(b"\r\nx-a: b\r\n") == 1
    assert len(written) == 3
