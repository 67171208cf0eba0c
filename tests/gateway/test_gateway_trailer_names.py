"""Trailers say nothing that a head may not say, however their names are written; rules about answers hold for them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gateway.policies.headers import Headers
from gateway.policies.settings import HeaderSettings
from gateway.proxy.peers import Peer
from gateway.proxy.trailers import forwarded
from tests.gateway.origin import origin
from tests.gateway.running import settings_for
from tests.gateway.stage import staged


@pytest.mark.parametrize(
    ("name", "goes_on"),
    [
        (b"x-sum", True), (b"x--sum", True), (b"x_sum", True), (b"transfer--encoding", False),
        (b"content_-length", False), (b"x-forwarded--for", False), (b"x__real-ip", False), (b"host", False),
    ],
)  # fmt: skip
def test_a_name_that_imitates_another_is_no_trailer(name: bytes, goes_on: bool) -> None:
    head = SimpleNamespace(headers=[(b"host", b"h"), (b"trailer", name)], connection_options=frozenset())
    client = SimpleNamespace(peer=Peer(b"192.0.2.1", trusted=False))
    exchange: Any = SimpleNamespace(head=head, client=client, request_headers=None, trailers=[(name, b"1")])
    assert bool(forwarded(exchange)) is goes_on


async def test_what_rules_leave_out_of_answers_does_not_come_behind_them() -> None:
    rules = Headers(HeaderSettings.model_validate({"response": {"remove": ["x-internal"], "set": {"x-own": "ours"}}}))
    trailers = b"x-internal: secret\r\nx-own: theirs\r\nx-request-id: theirs\r\nx-took: 3\r\n"
    async with origin() as upstream, staged(settings_for(upstream.url), rules.answer_policy) as stage:
        upstream.answer = lambda _: (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n" + trailers + b"\r\n"
        )
        async with stage.caller() as caller:
            caller.send("GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: close\r\n\r\n")
            assert (await caller.rest()).endswith(b"ok\r\n0\r\nx-took: 3\r\n\r\n")
