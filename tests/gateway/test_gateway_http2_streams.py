"""HTTP/2 towards upstreams: streams, fields, bodies and windows both ways, trailers, and answers that are broken."""

from __future__ import annotations

import asyncio

import pytest

from tests.gateway.running import settings_for
from tests.gateway.stage import Caller, staged, until
from tests.gateway.targets import nobody, sent
from tests.gateway.upstream import ControlledUpstream
from tests.gateway.upstream_http2 import Http2Upstream, document_for


async def whole(caller: Caller) -> bytes:
    """Everything up to the end of a chunked body, as it was written."""
    return await caller._reader.readuntil(b"\r\n\r\n") + await caller._reader.readuntil(b"\r\n\r\n")


async def test_requests_go_as_streams_of_one_connection_with_the_fields_of_http_1() -> None:
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage, stage.caller() as caller:
            for number in range(3):
                answer = await caller.get(f"/users?id={number}", authorization="Bearer secret", x_request_id="r1")
                assert (answer.status, answer.body) == (200, f"/users?id={number}".encode())
            assert answer.headers["set-cookie"] == "a=1, b=2"
            asked = upstream.requests[0]
            assert {one.connection for one in upstream.requests} == {1}
            assert [asked.header(name)[0] for name in (":method", ":scheme", ":path")] == ["GET", "http", "/users?id=0"]
            assert asked.header(":authority") == [upstream.url.removeprefix("http://")]
            assert asked.header("authorization") == ["Bearer secret"]
            assert asked.header("x-request-id") == ["r1"]
            assert asked.header("host") == asked.header("connection") == asked.header("transfer-encoding") == []
            assert stage.plane.take_connection_uses() == {"backend": [1, 2, 3]}
            assert upstream.seen["protocol_errors"] == 0


async def test_bodies_stream_both_ways() -> None:
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage:
            body = bytes(range(256)) * 4000
            answer = await sent(stage, "PUT", body)
            assert (answer.status, answer.body == body) == (200, True)
            async with stage.caller() as caller:
                caller.send("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
                assert (await caller.answer()).body == b"abc"
                caller.send("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
                assert (await caller.answer()).body == b"/x"
                caller.send("HEAD /big-100 HTTP/1.1\r\nHost: h\r\n\r\n")
                head = await caller.answer(to_head=True)
                assert (head.status, head.headers["content-length"]) == (200, "100")
                assert (await caller.get("/status-204")).status == 204


async def test_a_client_that_does_not_read_holds_up_its_own_answer_only() -> None:
    size = 32 * 1024 * 1024
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage, stage.caller() as slow, stage.caller() as caller:
            slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
            slow.send(f"GET /big-{size} HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: upstream.seen["sent_bytes"] > 0)
            for _ in range(50):
                assert (await caller.get("/x")).status == 200
            assert upstream.seen["sent_bytes"] < size
            assert {one.connection for one in upstream.requests} == {1}
            slow.writer.transport.resume_reading()  # type: ignore[attr-defined]
            assert len((await slow.answer()).body) == size


async def test_an_upstream_that_does_not_read_holds_up_the_client() -> None:
    size = 4 * 1024 * 1024
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage, stage.caller() as caller, stage.caller() as other:
            caller.send(f"PUT /deaf HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n")
            sending = asyncio.create_task(_poured(caller, size))
            await until(lambda: upstream.seen["body_bytes"] > 0)
            for _ in range(20):
                assert (await other.get("/x")).status == 200
            assert upstream.seen["body_bytes"] <= upstream.window
            upstream.release.set()
            await sending
            assert len((await caller.answer()).body) == size


async def _poured(caller: Caller, size: int) -> None:
    for _ in range(size // 65_536):
        caller.send(b"z" * 65_536)
        await caller.writer.drain()


async def test_trailers_reach_clients_that_read_them() -> None:
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage, stage.caller() as caller:
            caller.send("GET /trailers HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: TE\r\n\r\n")
            assert (await whole(caller)).endswith(b"5\r\nhello\r\n0\r\ngrpc-status: 0\r\n\r\n")
            caller.send("GET /trailers HTTP/1.1\r\nHost: h\r\n\r\n")
            assert (await whole(caller)).endswith(b"5\r\nhello\r\n0\r\n\r\n")


async def test_trailers_of_http_1_reach_them_too(shared_upstream: ControlledUpstream) -> None:
    async with staged(settings_for(shared_upstream.url)) as stage, stage.caller() as caller:
        caller.send("GET /chunked HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: TE\r\n\r\n")
        assert (await whole(caller)).endswith(b"\r\n0\r\nt: v\r\n\r\n")


async def test_early_hints_come_through() -> None:
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage, stage.caller() as caller:
            caller.send("GET /hints HTTP/1.1\r\nHost: h\r\n\r\n")
            assert (await caller._reader.readuntil(b"\r\n\r\n")).startswith(
                b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>"
            )
            assert (await caller.answer()).body == b"hinted"


async def test_a_client_that_leaves_has_its_stream_reset_and_the_connection_goes_on() -> None:
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage, stage.caller() as caller:
            async with stage.caller() as leaving:
                leaving.send("GET /silent HTTP/1.1\r\nHost: h\r\n\r\n")
                await until(lambda: upstream.seen["waiting"] == 1)
            await until(lambda: upstream.seen["reset"] == 1)
            assert (await caller.get("/x")).status == 200
            assert upstream.seen["connections"] == 1


async def test_a_broken_answer_is_told_and_a_broken_connection_hurts_nobody_later() -> None:
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage:
            async with stage.caller() as caller:
                with pytest.raises(asyncio.IncompleteReadError):
                    await caller.get("/torn")
            async with stage.caller() as caller:
                assert (await caller.get("/x")).status == 200
                assert (await caller.get("/cut")).json()["error"] == "disconnected"
                assert (await caller.get("/x")).status == 200
                upstream.do("cut")
                assert (await caller.get("/x")).status == 200, "a connection that died while it was idle costs nothing"


async def test_fields_that_would_be_more_in_http_1_reach_nobody() -> None:
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage, stage.caller() as caller:
            refused = await caller.get("/evil")
            assert (refused.status, refused.json()["error"], "set-cookie" in refused.headers) == (
                502,
                "bad_answer",
                False,
            )
            assert (await caller.get("/x")).status == 200


@pytest.mark.parametrize("what", ["headonly", "trailed", "204full", "304full", "2000", "099", "abc"])
async def test_an_answer_that_is_not_what_its_head_says_never_looks_whole(what: str) -> None:
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage:
            async with stage.caller() as other, stage.caller() as caller:
                assert (await other.get("/x")).status == 200
                caller.send(f"GET /odd-{what} HTTP/1.1\r\nHost: h\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n")
                try:
                    answer = await caller.answer()
                except (asyncio.IncompleteReadError, ConnectionResetError):
                    pass  # Its head had been passed on, so it is cut off.
                else:
                    assert (answer.status, answer.json()["error"]) == (502, "bad_answer")
                    assert (await caller.answer()).body == b"/x"
                assert (await other.get("/x")).body == b"/x"
            counted = stage.plane.tally.take()["upstream_failures"]
            assert [count for _, _, count in counted] == [1]
            assert upstream.seen["connections"] == 1, "the other streams have nothing to do with it"


@pytest.mark.parametrize(("what", "status"), [("unmodified", 304), ("204", 204)])
async def test_an_answer_without_a_body_may_say_how_long_it_would_be(what: str, status: int) -> None:
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage, stage.caller() as caller:
            caller.send(f"GET /odd-{what} HTTP/1.1\r\nHost: h\r\n\r\n")
            assert (await caller.answer(to_head=True)).status == status
            assert (await caller.get("/x")).body == b"/x"


async def test_long_fields_arrive_as_they_were_sent() -> None:
    fields = {f"x_{size}": "v" * size for size in (0, 1, 99, 101, 126, 127, 128, 1023, 1024, 5000)}
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage, stage.caller() as caller:
            for _ in range(2):
                assert (await caller.get("/x", cookie="a=1; b=2", **fields)).status == 200
            for asked in upstream.requests:
                assert {name: asked.header(name.replace("_", "-")) for name in fields} == {
                    name: [value] for name, value in fields.items()
                }
                assert asked.header("cookie") == ["a=1; b=2"]
            assert upstream.seen["protocol_errors"] == 0


async def test_an_answer_before_the_request_is_complete_ends_it() -> None:
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage, stage.caller() as caller:
            caller.send("PUT /early HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nabc")
            assert (await caller.answer()).status == 413
            await until(lambda: upstream.seen["reset"] == 1)


async def test_retries_and_weights_are_as_with_http_1() -> None:
    with Http2Upstream() as upstream, nobody() as dead:
        places = [{"id": "blue", "address": dead}, {"id": "green", "address": f"127.0.0.1:{upstream.port}"}]
        async with staged(document_for("http://service.example", targets=places)) as stage:
            answers = [(await sent(stage, "POST", b"x")).status for _ in range(4)]
            assert answers == [200] * 4
            assert upstream.requests[0].header(":authority") == ["service.example"]
