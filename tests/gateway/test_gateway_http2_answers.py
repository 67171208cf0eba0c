"""Answers of HTTP/2: a field that is none ends its own stream only, and one without a length may be kept."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.stage import staged, until
from tests.gateway.upstream_http2 import Fields, Http2Upstream, _Connection, document_for


def answering(monkeypatch: pytest.MonkeyPatch, fields: Fields, trailers: Fields | None = None) -> None:
    """Have upstreams answer /odd with these fields, "ok", and those behind it."""
    usual = _Connection._answer

    def answer(self: _Connection, stream: int) -> None:
        if self._name(stream) != "odd":
            usual(self, stream)
            return
        self._wire.send_headers(stream, [(":status", "200"), *fields])
        self._wire.send_data(stream, b"ok", end_stream=trailers is None)
        if trailers is not None:
            self._wire.send_headers(stream, trailers, end_stream=True)

    monkeypatch.setattr(_Connection, "_answer", answer)


WRONG = [
    ("X-Upper", "1"),
    ("connection", "keep-alive"),
    ("transfer-encoding", "chunked"),
    ("x-a", "1\r\nset-cookie: stolen=1"),
    ("x-a\r\nb", "1"),
    ("x-a", " 1"),
    ("x a", "1"),
    (":status", "200"),
    (":path", "/"),
    ("", "1"),
]


@pytest.mark.parametrize(("field", "behind"), [*((one, False) for one in WRONG), *((one, True) for one in WRONG[3::4])])
async def test_a_field_that_is_none_ends_one_stream_while_the_others_go_on(
    field: tuple[str, str], behind: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, [] if behind else [field], [field] if behind else None)
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage, stage.caller() as slow, stage.caller() as caller:
            slow.send("PUT /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc")
            await until(lambda: upstream.requests)
            caller.send("GET /odd HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: te, close\r\n\r\n")
            found = await everything(caller)
            assert b"stolen" not in found
            assert not found.endswith(b"0\r\n\r\n") if behind else found.startswith(b"HTTP/1.1 502 ")
            slow.send("def")
            assert (await slow.answer()).body == b"abcdef", "it was under way on the same connection"
            assert (upstream.seen["connections"], upstream.seen["closed"]) == (1, 0)


async def everything(caller: Any) -> bytes:
    """What comes until the connection ends, however it does."""
    found = b""
    try:
        while part := await caller._reader.read(65_536):
            found += part
    except ConnectionError:
        pass
    return found


async def test_an_answer_without_a_length_is_kept_and_given_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, [("cache-control", "max-age=60")])
    with Http2Upstream() as upstream:
        document = document_for(upstream)
        document["cache"] = {"enabled": True}
        async with staged(document) as stage, stage.caller() as caller:
            caller.send("GET /odd HTTP/1.1\r\nHost: h\r\n\r\n")
            await caller.until(b"2\r\nok\r\n0\r\n\r\n")
            kept = await caller.get("/odd")
            assert (kept.headers["x-cache"], kept.headers["content-length"], kept.body) == ("HIT", "2", b"ok")
            assert len(upstream.requests) == 1


async def test_one_that_breaks_off_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(self: _Connection, stream: int) -> None:
        self._wire.send_headers(stream, [(":status", "200"), ("cache-control", "max-age=60")])
        self._wire.send_data(stream, b"half")
        self._wire.reset_stream(stream, error_code=0x2)

    monkeypatch.setattr(_Connection, "_answer", answer)
    with Http2Upstream() as upstream:
        document = document_for(upstream)
        document["cache"] = {"enabled": True}
        async with staged(document) as stage:
            for _ in range(2):
                async with stage.caller() as caller:
                    caller.send("GET /odd HTTP/1.1\r\nHost: h\r\n\r\n")
                    assert not (await everything(caller)).endswith(b"0\r\n\r\n")
            assert len(upstream.requests) == 2
