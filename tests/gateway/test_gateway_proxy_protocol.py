"""The PROXY protocol (HAProxy's `proxy-protocol.txt`): who is believed, and what is done with headers that are none."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.listening.certificates import Certificates
from gateway.listening.proxy_protocol import LONGEST, BadHeaderError, client_of, measured
from tests.gateway.balancers import SIGNATURE, V4, V6, balanced, refusals, second, seen
from tests.gateway.certificates import Authority
from tests.gateway.over_tls import Heard, settings_of
from tests.gateway.stage import until
from tests.gateway.upstream import ControlledUpstream

MAPPED = bytes(10) + b"\xff\xff" + V4[:4] + bytes(10) + b"\xff\xff" + V4[4:8] + V4[8:]
LINE = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n"
ASK = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"


#: Headers of the specification, and whom they name.
GOOD: list[tuple[bytes, str | None]] = [
    (LINE, "192.0.2.7"),
    (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255"),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n", "2001:db8::7"),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN " + b"ffff:" * 7 + b"ffff " + b"ffff:" * 7 + b"ffff 65535 65535\r\n", None),
    (second(1, 0x11, V4), "192.0.2.7"),
    (second(1, 0x21, V6), "2001:db8::7"),
    (second(1, 0x21, MAPPED), "192.0.2.7"),
    (b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 4711 443\r\n", "192.0.2.7"),
    (second(1, 0x11, V4 + b"\x04\x00\x02no" + b"\xea\x00\x03\x01vp"), "192.0.2.7"),
    (second(0, 0x00, b""), None),
    (second(0, 0x11, V4), None),
    (second(1, 0x00, b""), None),
    (second(1, 0x31, b"/run/a".ljust(108, b"\0") + b"/run/b".ljust(108, b"\0")), None),
]
BAD = [
    b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PROXY\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 4711\r\n", b"PROXY TCP4 192.0.2.300 192.0.2.1 1 2\r\n",
    b"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n", b"PROXY TCP5 192.0.2.7 192.0.2.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 1 99999\r\n", b"PROXY " + b"x" * 200, b"proxy tcp4 a b 1 2\r\n",
    SIGNATURE[:-1] + b"!", SIGNATURE + b"\x11\x11\x00\x0c" + V4, second(2, 0x11, V4), second(1, 0x11, V4[:8]),
    second(1, 0x12, V4), second(1, 0x11, V4 + b"\x00" * LONGEST),
]  # fmt: skip


def read(seen: bytes) -> str | None:
    """Whom a header names that is all there."""
    size, is_whole = measured(seen)
    assert is_whole
    return client_of(seen[:size])


@pytest.mark.parametrize(("header", "client"), GOOD)
def test_a_header_names_a_client_or_none(header: bytes, client: str | None) -> None:
    assert read(header) == read(header + ASK) == client
    for size in range(1, len(header)):
        assert measured(header[:size]) == (size, False), "all of it belongs to it, and more is to come"
    assert measured(header + ASK) == (len(header), True)


@pytest.mark.parametrize("header", BAD)
def test_what_is_no_header_is_refused(header: bytes) -> None:
    with pytest.raises(BadHeaderError):
        read(header)


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=64).map(lambda rest: SIGNATURE + rest),
                 st.binary(max_size=64).map(lambda rest: b"PROXY " + rest + b"\r\n"),
                 st.binary(max_size=64).map(lambda rest: second(1, 0x21, rest))))  # fmt: skip
def test_whatever_comes_is_read_or_refused(seen: bytes) -> None:
    with contextlib.suppress(BadHeaderError):
        size, is_whole = measured(seen) if seen else (0, False)
        assert size <= len(seen)
        if is_whole:
            found = client_of(seen[:size])
            assert found is None or ipaddress.ip_address(found)


# A listener.


@pytest.mark.parametrize("header", [LINE, second(1, 0x11, V4 + b"\x04\x00\x02no")])
async def test_a_trusted_proxy_tells_who_its_client_is(shared_upstream: ControlledUpstream, header: bytes) -> None:
    async with balanced(shared_upstream) as place:
        async with place.caller(header) as caller:
            assert await seen(caller) == "192.0.2.7"
            assert await seen(caller, x_forwarded_for="10.1.1.1") == "192.0.2.7", "nobody has vouched for that"
            assert place.door.open == 1
            assert place.stage.records()[-1]["client_ip"] == "192.0.2.7"
        async with place.caller() as slow:
            for byte in header:
                slow.send(bytes([byte]))
                await slow.writer.drain()
                await asyncio.sleep(0)
            assert await seen(slow) == "192.0.2.7"
        async with place.caller(header + ASK) as at_once:
            assert (await at_once.answer()).status == 200
        await until(lambda: place.door.open == 0)


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", second(0, 0, b"")])
async def test_one_that_names_nobody_is_not_believed_further(
    shared_upstream: ControlledUpstream, header: bytes
) -> None:
    async with balanced(shared_upstream) as place, place.caller(header) as caller:
        assert await seen(caller, x_forwarded_for="10.1.1.1") == "127.0.0.1"
        assert refusals(place.stage) == (0, [])


async def test_others_need_no_header_and_are_not_believed(shared_upstream: ControlledUpstream) -> None:
    async with balanced(shared_upstream, trusted="192.0.2.0/24") as place:
        async with place.caller() as caller:
            assert await seen(caller) == "127.0.0.1"
        async with place.caller(LINE + ASK) as caller:
            assert (await caller.answer()).status == 400
        assert refusals(place.stage)[0] == 0


@pytest.mark.parametrize("header", [ASK, b"PROXY TCP4 a b c d\r\n" + ASK, second(1, 0x11, V4[:5]) + ASK])
async def test_a_bad_header_ends_the_connection_and_is_counted(
    shared_upstream: ControlledUpstream, header: bytes
) -> None:
    async with balanced(shared_upstream) as place, place.caller(header) as caller:
        with contextlib.suppress(ConnectionError):
            assert await caller.rest() == b""
        counted, logged = refusals(place.stage)
        assert (counted, len(logged)) == (1, 1)
        assert logged[0].startswith("a trusted proxy's connection is closed: ")
        assert place.door.open == 0


async def test_a_header_has_its_time(shared_upstream: ControlledUpstream) -> None:
    async with balanced(shared_upstream, header_timeout_secs=0.05) as place:
        async with place.caller(LINE[:20]) as caller:
            assert await caller.rest() == b""
        assert refusals(place.stage) == (
            1, ["a trusted proxy's connection is closed: its header did not arrive in time"],
        )  # fmt: skip
        async with place.caller(LINE[:20]) as caller:
            caller.writer.write_eof()
            assert await caller.rest() == b""
        assert refusals(place.stage)[1] == ["a trusted proxy's connection is closed: its header broke off"]
        async with place.caller() as caller:
            caller.writer.write_eof()
            assert await caller.rest() == b"", "it only looks whether somebody listens"
        assert refusals(place.stage) == (0, [])


async def test_those_that_wait_are_bounded(shared_upstream: ControlledUpstream) -> None:
    async with (
        balanced(shared_upstream, max_connections=1) as place,
        place.caller(b"PROXY ") as one,
        place.caller(b"PROXY ") as other,
    ):
        ends = {asyncio.ensure_future(caller.rest()) for caller in (one, other)}
        over, waiting = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        assert (len(over), len(waiting)) == (1, 1)
        waiting.pop().cancel()


@pytest.mark.parametrize("at_once", [True, False])
async def test_it_comes_before_tls(shared_upstream: ControlledUpstream, tmp_path: Path, at_once: bool) -> None:
    authority = Authority(tmp_path)
    offered = Certificates(settings_of(authority.signs("api.example")), Heard().event)
    trusting = ssl.create_default_context(cafile=str(authority.path))
    async with balanced(shared_upstream, tls=offered.context) as place:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = trusting.wrap_bio(incoming, outgoing, server_hostname="api.example")
        if not at_once:
            writer.write(LINE)
            await writer.drain()
        head = LINE if at_once else b""

        async def exchanged(step: Any) -> Any:
            nonlocal head
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    writer.write(head + outgoing.read())
                    head = b""
                    incoming.write(await reader.read(65_536))

        await exchanged(client.do_handshake)
        client.write(ASK)
        answer = b""
        while b"192.0.2.7" not in answer:
            answer += await exchanged(lambda: client.read(65_536))
        assert b'["x-forwarded-proto", "https"]' in answer
        writer.close()
        await writer.wait_closed()
        await until(lambda: place.door.open == 0)
