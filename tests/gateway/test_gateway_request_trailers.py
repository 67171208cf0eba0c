"""Trailers of requests reach upstreams where they were announced, and do nothing there that a head may not do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.chunking import may_trail
from tests.gateway.one_worker import one_worker
from tests.gateway.running import settings_for
from tests.gateway.signing import SECRET, token
from tests.gateway.stage import staged
from tests.gateway.upstream_http2 import Http2Upstream, document_for


class Raw:
    """An upstream of HTTP/1.1 that keeps each head, and the end of each chunked body, as it came."""

    def __init__(self) -> None:
        self.ends: list[bytes] = []
        self.heads: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _until(reader, b"\r\n\r\n"):
            self.heads.append(head)
            await _until(reader, b"\r\n0\r\n")
            end = b""
            while (line := await reader.readline()) not in (b"\r\n", b""):
                end += line
            self.ends.append(end)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        writer.close()


async def _until(reader: asyncio.StreamReader, mark: bytes) -> bytes:
    try:
        return await reader.readuntil(mark)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


async def sent_on(announced: str, trailers: str, head: str = "", **sections: Any) -> bytes:
    """What an upstream is sent behind a body."""
    upstream = Raw()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    document = settings_for(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", **sections)
    for route in document["routes"]:
        route["auth_required"] = "auth" in sections
    begin = f"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n{head}"
    try:
        async with one_worker(document) as worker, worker.caller() as caller:
            caller.send(f"{begin}Trailer: {announced}\r\n\r\n3\r\nabc\r\n0\r\n{trailers}\r\n")
            assert (await caller.answer()).status == 200
            caller.send(f"{begin}Trailer: {announced}\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
            assert (await caller.answer()).status == 200
    finally:
        server.close()
    assert upstream.ends[1] == b"", "the next request has none"
    assert b"trailer:" not in upstream.heads[0]
    return upstream.ends[0]


async def test_what_was_announced_goes_on() -> None:
    found = await sent_on("X-Sum, Server-Timing", "X-Sum: 7\r\nserver-timing:  a;dur=1 \r\n")
    assert found == b"x-sum: 7\r\nserver-timing: a;dur=1\r\n"


async def test_what_was_not_announced_does_not() -> None:
    assert await sent_on("X-Sum", "X-Other: 1\r\nX-Sum: 7\r\n") == b"x-sum: 7\r\n"


async def test_what_steers_a_message_or_says_who_asks_does_not() -> None:
    names = [
        "Host", "Connection", "TE", "Trailer", "Upgrade", "Authorization",
        "Proxy-Authorization", "Cookie", "Cache-Control", "Content-Type", "Content-Encoding", "Content-Range", "Range",
        "Expect", "Max-Forwards", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP", "Forwarded",
        "Via", "X-Request-Id", "X-Api-Key", "X_Forwarded_For", "Content_Type", "X-In-The-Head", "x_in-the_head",
    ]  # fmt: skip
    for name in names:
        found = await sent_on(f"{name}, X-Sum", f"{name}: 1\r\nX-Sum: 7\r\n", "X-In-The-Head: 0\r\n")
        assert found == b"x-sum: 7\r\n", name


async def test_nobody_says_behind_a_body_who_they_are() -> None:
    names = ["X-Authenticated-Subject", "X-Authenticated-Client", "X_Authenticated-Roles", "X-Set", "X-Named"]
    trailers = "".join(f"{name}: admin\r\n" for name in names)
    found = await sent_on(
        ", ".join([*names, "X-Sum"]), f"{trailers}X-Sum: 7\r\n",
        f"Authorization: Bearer {token()}\r\nConnection: X-Named\r\n",
        auth={"jwt_secret": SECRET}, headers={"request": {"set": {"x-set": "ours"}}},
    )  # fmt: skip
    assert found == b"x-sum: 7\r\n"


@pytest.mark.parametrize("size", [0, 3, 300_000], ids=["empty", "small", "more than a window"])
async def test_they_reach_http_2_upstreams(size: int) -> None:
    body = b"x" * size
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage, stage.caller() as caller:
            caller.send("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
            if body:
                caller.send(b"%x\r\n%b\r\n" % (size, body))
            caller.send("0\r\nX-Sum: 7\r\nX-Other: 1\r\n\r\n")
            assert (await caller.answer()).status == 200
        assert upstream.requests[-1].trailers == [("x-sum", "7")]
        assert bytes(upstream.requests[-1].body) == body
        assert upstream.seen["protocol_errors"] == 0


@given(st.binary(max_size=30))
def test_no_name_breaks_out_of_its_line(name: bytes) -> None:
    if may_trail(name):
        assert not set(name) & set(b"\r\n:; \t")
