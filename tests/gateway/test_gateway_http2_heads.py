"""Answers of an HTTP/2 upstream with long heads: as long as with HTTP/1.1, and not at the cost of other requests."""

from __future__ import annotations

from tests.gateway.stage import staged, until
from tests.gateway.upstream_http2 import Http2Upstream, document_for


async def test_a_long_head_is_passed_on_and_is_not_the_end_of_other_requests() -> None:
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage, stage.caller() as slow, stage.caller() as caller:
            slow.send("PUT /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc")
            await until(lambda: upstream.seen["body_bytes"] == 3)
            caller._reader._limit = 1_000_000  # type: ignore[attr-defined]
            answer = await caller.get("/odd-heads-200")
            assert (answer.status, len(answer.headers["x-a"]) > 200_000) == (200, True)
            assert upstream.seen["connections"] == 1
            slow.send("def")
            assert (await slow.answer()).body == b"abcdef"


async def test_one_that_has_no_end_is_a_502() -> None:
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage, stage.caller() as caller:
            assert (await caller.get("/odd-heads-300")).json()["error"] == "bad_answer"
            assert (await caller.get("/x")).status == 200
