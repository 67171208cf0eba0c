"""What is kept of messages for the next ones is bounded: whatever is sent, a worker does not grow by it."""

from __future__ import annotations

import contextlib
import gc
import tracemalloc
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.policies.compression import Compression
from gateway.policies.settings import CompressionSettings
from gateway.proxy.message import RequestHead
from gateway.proxy.plain_heads import plain_answer
from gateway.settings import Settings
from gateway.telemetry.slowest import SlowestRequests
from tests.gateway.running import settings_for
from tests.gateway.stage import staged
from tests.gateway.upstream import ControlledUpstream


@contextlib.contextmanager
def growing_by_less_than(size: int) -> Iterator[None]:
    gc.collect()
    tracemalloc.start()
    try:
        yield
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < size
    finally:
        tracemalloc.stop()


@pytest.mark.long
def test_long_words_about_codings_are_not_kept() -> None:
    route = Settings.model_validate(settings_for("http://127.0.0.1:1")).routes[0]
    (rule,) = Compression(CompressionSettings(enabled=True)).policy(route)
    with growing_by_less_than(500_000):
        for number in range(200):
            headers = [(b"accept-encoding", b"gzip, " + b"x" * 20_000 + b"%d" % number)]
            head = RequestHead(b"GET", b"/", b"/", "1.1", headers, b"h", None, False, True, False, frozenset())
            exchange: Any = SimpleNamespace(head=head, compressing=None)
            rule(exchange)
            assert exchange.compressing.coding is None


def test_long_heads_of_answers_are_not_kept() -> None:
    with growing_by_less_than(500_000):
        for number in range(200):
            head = b"HTTP/1.1 200 OK\r\nlocation: /%b%d\r\ncontent-length: 0\r\n\r\n" % (b"x" * 20_000, number)
            found = plain_answer(head)
            assert found is not None
            assert found.lines_without(frozenset())


def test_short_heads_of_answers_are_kept() -> None:
    head = b"HTTP/1.1 200 OK\r\nx-much: %b\r\ncontent-length: 0\r\n\r\n" % (b"x" * 3000)
    assert plain_answer(head) is plain_answer(bytes(bytearray(head)))


async def test_an_idle_connection_keeps_no_long_head_and_none_that_the_parser_has_read(
    shared_upstream: ControlledUpstream,
) -> None:
    long = {f"X_{number}": "x" * 500 for number in range(40)}
    async with staged(settings_for(shared_upstream.url)) as stage, stage.caller() as caller:
        assert (await caller.get("/", X_A="b")).status == 200
        (connection,) = stage.plane._connections
        kept = connection._reader._block
        assert kept is not None
        assert (await caller.get("/", **long)).status == 200
        assert connection._reader._block is kept, "the short one may come again"
        caller.send("POST / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer secret\r\nTransfer-Encoding: chunked\r\n\r\n")
        caller.send("2\r\nok\r\n0\r\nX-Secret: secret\r\n\r\n")
        assert (await caller.answer()).status == 200
        read = connection._reader
        assert (read._headers, read._trailers, read._target) == ([], [], b"")
        assert (await caller.get("/", X_A="b")).status == 200


def test_records_of_routes_beyond_those_that_are_told_apart_are_made_once() -> None:
    slowest = SlowestRequests()
    for number in range(501):
        slowest.add(f"route-{number}", 1.0, {})
    assert slowest.floors["route-500"] > 1e9
    assert len(slowest.take()) == 500
    assert slowest.floors == {}
