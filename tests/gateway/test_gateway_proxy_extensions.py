"""What a header of the PROXY protocol has behind its addresses, and addresses that are none, before a real listener."""

from __future__ import annotations

import pytest

from gateway.listening.proxy_protocol import BadHeaderError, client_of
from tests.gateway.balancers import V4, V6, balanced, refusals, second, seen
from tests.gateway.fuzzing.proxy_headers import crc32c, extension, with_checksum
from tests.gateway.upstream import ControlledUpstream

ALPN, NOTHING, CUSTOM = extension(1, b"http/1.1"), extension(4, b"\0" * 7), extension(0xEA, b"\1vpce-1")


def test_the_checksum_is_the_one_of_the_specification() -> None:
    # The example of RFC 3720, B.4.
    assert crc32c(bytes(32)) == 0x8A9136AA


@pytest.mark.parametrize("before", [b"", ALPN, NOTHING + NOTHING])
@pytest.mark.parametrize("behind", [b"", ALPN, CUSTOM, NOTHING + CUSTOM + NOTHING])
@pytest.mark.parametrize("family", [0x11, 0x21])
def test_a_checksum_that_is_right_is_good_wherever_it_stands(before: bytes, behind: bytes, family: int) -> None:
    header = with_checksum(second(1, family, V4 if family == 0x11 else V6), before, behind)
    assert client_of(header) == ("192.0.2.7" if family == 0x11 else "2001:db8::7")
    for place in range(16, 28):
        with pytest.raises(BadHeaderError):
            client_of(header[:place] + bytes([header[place] ^ 1]) + header[place + 1 :])


async def test_a_header_with_a_wrong_checksum_ends_the_connection(shared_upstream: ControlledUpstream) -> None:
    good = with_checksum(second(1, 0x11, V4), b"", ALPN)
    async with balanced(shared_upstream) as here:
        async with here.caller(good) as caller:
            assert await seen(caller) == "192.0.2.7"
        async with here.caller(good.replace(V4[:4], bytes([192, 0, 2, 8]))) as caller:
            assert await caller.rest() == b""
        count, (why,) = refusals(here.stage)
        assert (count, why.rpartition(": ")[2]) == (1, "its checksum is wrong")


@pytest.mark.parametrize("behind", [V4, V6, b"\3\0\4\0\0\0\0", b"\3", b"\xff" * 300])
def test_what_a_balancer_asks_by_itself_is_good_whatever_it_adds(behind: bytes) -> None:
    for family in (0x00, 0x11, 0x21, 0x31):
        assert client_of(second(0, family, behind)) is None


@pytest.mark.parametrize(
    "line",
    [
        "TCP6 fe80::1%evil,10.0.0.1 ::1 1 2", "TCP6 fe80::1%eth0 ::1 1 2", "TCP4 192.0.2.7 192.0.2.1 +1 2",
        "TCP4 192.0.2.7 192.0.2.1 1_0 2", "TCP4 192.0.2.7 192.0.2.1 \t1 2", "TCP4 192.0.2.7  192.0.2.1 1 2",
    ],
)  # fmt: skip
def test_what_the_specification_does_not_know_is_no_line(line: str) -> None:
    with pytest.raises(BadHeaderError):
        client_of(f"PROXY {line}\r\n".encode())
