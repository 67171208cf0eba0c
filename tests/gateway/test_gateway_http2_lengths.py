"""An answer of HTTP/2 that is not as long as it says ends its own stream, and no other."""

from __future__ import annotations

import asyncio

import pytest

from tests.gateway.stage import staged, until
from tests.gateway.upstream_http2 import Http2Upstream, document_for


@pytest.mark.parametrize(
    ("what", "failure"),
    [("longer", "bad_answer"), ("shorter", "truncated"), ("lengths", "bad_answer"), ("length", "bad_answer")],
)
async def test_a_length_that_is_not_kept_ends_one_stream_while_the_others_go_on(what: str, failure: str) -> None:
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage, stage.caller() as slow, stage.caller() as caller:
            slow.send("PUT /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc")
            await until(lambda: upstream.requests)
            caller.send(f"GET /odd-{what} HTTP/1.1\r\nHost: h\r\n\r\n")
            if what.startswith("length"):
                answer = await caller.answer()
                assert (answer.status, answer.json()["error"]) == (502, "bad_answer"), "its head is not passed on"
            else:
                with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                    await caller.answer()
            slow.send("def")
            assert (await slow.answer()).body == b"abcdef", "it was under way on the same connection"
            async with stage.caller() as next_one:
                assert (await next_one.get("/x")).body == b"/x"
            assert (upstream.seen["connections"], upstream.seen["closed"], upstream.seen["protocol_errors"]) == (
                1,
                0,
                0,
            )
            counted = stage.plane.tally.take()["upstream_failures"]
            assert [(kind, count) for _, kind, count in counted] == [(failure, 1)]
