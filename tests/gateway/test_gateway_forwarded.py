"""`Forwarded` (RFC 7239): trusted proxies name their client in it, and upstreams are told in it, where it is wanted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policies.ip_filter import Addresses
from gateway.policies.settings import IpFilterSettings
from gateway.proxy.forwarded import elements
from tests.gateway.running import settings_for
from tests.gateway.stage import Stage, staged
from tests.gateway.upstream import ControlledUpstream

TRUSTED = {"forwarded_header": True, "trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8", "2001:db8:1::/48"]}


def document(upstream: ControlledUpstream, **more: Any) -> dict[str, Any]:
    return settings_for(upstream.url, server=TRUSTED, **more)


async def told(stage: Stage, *lines: str) -> tuple[dict[str, str], str]:
    """(what the upstream is sent, the client's address in the log) of one request with these lines."""
    async with stage.caller() as caller:
        caller.send("\r\n".join(["GET /x HTTP/1.1", "Host: inner:8080", *lines, "", ""]))
        sent = dict((await caller.answer()).json()["headers"])
    [record] = stage.records()
    return sent, record["client_ip"]


OWN = 'for=127.0.0.1;host="inner:8080";proto=http'


@pytest.mark.parametrize(
    ("sent", "client", "forwarded", "shown"),
    [
        ([], "127.0.0.1", OWN, ("127.0.0.1", "http", "inner:8080")),
        (
            ["Forwarded: for=192.0.2.7;proto=https;host=shop.example"],
            "192.0.2.7",
            f"for=192.0.2.7;proto=https;host=shop.example, {OWN}",
            ("192.0.2.7, 127.0.0.1", "https", "shop.example"),
        ),
        (
            ['Forwarded: For="[2001:db8:cafe::17]:4711";Proto=HTTPS', "Forwarded: for=10.0.0.2;proto=http"],
            "2001:db8:cafe::17",
            f'for="[2001:db8:cafe::17]:4711";proto=HTTPS, for=10.0.0.2;proto=http, {OWN}',
            ("2001:db8:cafe::17, 10.0.0.2, 127.0.0.1", "https", "inner:8080"),
        ),
        (
            ["Forwarded: for=1.1.1.1;host=evil.example;proto=http, for=192.0.2.7"],
            "192.0.2.7",
            f"for=192.0.2.7, {OWN}",
            ("192.0.2.7, 127.0.0.1", "http", "inner:8080"),
        ),
        (
            ["Forwarded: for=9.9.9.9, for=_hidden, for=10.0.0.2"],
            "10.0.0.2",
            f"for=_hidden, for=10.0.0.2, {OWN}",
            ("unknown, 10.0.0.2, 127.0.0.1", "http", "inner:8080"),
        ),
        (["Forwarded: for=192.0.2.7 proto=https"], "127.0.0.1", OWN, ("127.0.0.1", "http", "inner:8080")),
        (["Forwarded: for=192.0.2.7;for=10.0.0.1"], "127.0.0.1", OWN, ("127.0.0.1", "http", "inner:8080")),
        (
            ["Forwarded: for=192.0.2.7 proto=https, for=10.0.0.2;proto=https"],
            "10.0.0.2",
            f"for=10.0.0.2;proto=https, {OWN}",
            ("10.0.0.2, 127.0.0.1", "https", "inner:8080"),
        ),
        (
            [
                'Forwarded: for="192.0.2.9, for=192.0.2.7;host="a,b=c"',
                'Forwarded: for="10.0.0.3',
                "Forwarded: for=10.0.0.2",
            ],
            "10.0.0.2",
            f"for=10.0.0.2, {OWN}",
            ("10.0.0.2, 127.0.0.1", "http", "inner:8080"),
        ),
        (["X-Forwarded-For: 192.0.2.7", "X-Forwarded-Host: a"], "127.0.0.1", OWN, ("127.0.0.1", "http", "inner:8080")),
    ],
    ids=[
        "nothing",
        "one",
        "two",
        "the client's own word",
        "hidden",
        "no form",
        "twice",
        "no form left",
        "no form before",
        "the other way",
    ],
)
async def test_the_word_of_trusted_proxies_is_taken_and_handed_on(
    shared_upstream: ControlledUpstream, sent: list[str], client: str, forwarded: str, shown: tuple[str, str, str]
) -> None:
    async with staged(document(shared_upstream)) as stage:
        found, address = await told(stage, *sent)
    assert (address, found["forwarded"]) == (client, forwarded)
    assert tuple(found[f"x-forwarded-{name}"] for name in ("for", "proto", "host")) == shown


async def test_nobody_else_is_believed(shared_upstream: ControlledUpstream) -> None:
    server = {"forwarded_header": True, "trusted_proxies": ["10.0.0.0/8"]}
    async with staged(settings_for(shared_upstream.url, server=server)) as stage:
        found, address = await told(stage, "Forwarded: for=192.0.2.7;proto=https", "X-Forwarded-For: 192.0.2.8")
    assert (address, found["forwarded"], found["x-forwarded-for"]) == ("127.0.0.1", OWN, "127.0.0.1")


async def test_without_the_setting_it_says_nothing(shared_upstream: ControlledUpstream) -> None:
    server = {"trusted_proxies": ["127.0.0.0/8"]}
    async with staged(settings_for(shared_upstream.url, server=server)) as stage:
        found, address = await told(stage, "Forwarded: for=192.0.2.7", "X-Forwarded-For: 192.0.2.8")
        plain, _ = await told(stage)
    assert (address, found["x-forwarded-for"]) == ("192.0.2.8", "192.0.2.8, 127.0.0.1")
    assert "forwarded" not in plain


async def test_stored_answers_are_of_the_host_that_it_names(shared_upstream: ControlledUpstream) -> None:
    async with staged(document(shared_upstream, cache={"enabled": True, "default_ttl": 60})) as stage:
        found = []
        for host in ("a.example", "a.example", "b.example"):
            async with stage.caller() as caller:
                # What stands before the client's element is its own word, and must not reach what others are given.
                forged = f'for=1.1.1.1;host="forged-{len(found)}", for=192.0.2.7;host={host}'
                found.append((await caller.get("/cacheable", forwarded=forged)).headers["x-cache"])
    assert found == ["MISS", "HIT", "MISS"]


@pytest.mark.parametrize(
    "lines",
    [
        ["(, for=6.6.6.6"],
        ['for="x, for=6.6.6.6'],
        ['for=1.1.1.1;x="\\, for=6.6.6.6;host="inner:8080"'],
        ['for=1.1.1.1;x=", for=6.6.6.6;host="a, for=1.1.1.1;x="'],
        ["for=1.1.1.1;for=1.1.1.1,, for=6.6.6.6;proto=http ,"],
        ["(", "for=6.6.6.6"],
        ['for="1.1.1.1', 'for=6.6.6.6;host="a\\"b", for=10.0.0.2'],
    ],
)
async def test_no_damage_hides_a_client_from_those_that_are_denied(
    shared_upstream: ControlledUpstream, lines: list[str]
) -> None:
    addresses = Addresses(IpFilterSettings(deny=("6.6.6.0/24",)))
    async with staged(document(shared_upstream), addresses.policy) as stage, stage.caller() as caller:
        caller.send("\r\n".join(["GET /x HTTP/1.1", "Host: a", *(f"Forwarded: {line}" for line in lines), "", ""]))
        assert (await caller.answer()).status == 403


async def test_upstreams_are_told_nothing_of_what_is_damaged(shared_upstream: ControlledUpstream) -> None:
    async with staged(document(shared_upstream)) as stage:
        sent, client = await told(stage, 'Forwarded: for="1.1.1.1', 'Forwarded: (;", for=192.0.2.7;proto=https')
    assert (client, sent["forwarded"]) == ("192.0.2.7", f"for=192.0.2.7;proto=https, {OWN}")


def read(*lines: bytes) -> list[dict[bytes, bytes]]:
    return list(elements(lines))[::-1]


def written(every: list[dict[bytes, bytes]]) -> bytes:
    def quoted(value: bytes) -> bytes:
        return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'

    return b" , ".join([b";".join([name + b"=" + quoted(value) for name, value in one.items()]) for one in every])


_LONG = 32_000


@pytest.mark.timeout(15)
@pytest.mark.parametrize(
    "left",
    [
        b"," + b" " * _LONG,
        b"a=b" + b" " * _LONG + b"c",
        b"a" * _LONG,
        b"," * _LONG,
        b";," * (_LONG // 2),
        b'"' * _LONG,
        b'",' * (_LONG // 2),
        b'a="' + b"," * _LONG,
        b"," * _LONG + b'"',
        b"\\" * _LONG + b'"',
        b'\\"' * (_LONG // 2),
        b'a="' + b'\\"' * (_LONG // 2),
        b'a="\\,' * (_LONG // 5),
    ],
    ids=range(13),
)
def test_long_fields_are_read_at_once(left: bytes) -> None:
    # A reader that tries the rest anew at each byte takes more than the test's time for one of them or the other.
    for _ in range(20):
        assert read(left + b", for=192.0.2.7")[-1] == {b"for": b"192.0.2.7"}
        read(left)


@pytest.mark.timeout(15)
def test_long_elements_are_read_whole() -> None:
    host = b'\\", ' * (_LONG // 4)
    names = [b"a%d" % number for number in range(5000)]
    for _ in range(20):
        assert read(b'for=a;host="' + host + b'"') == [{b"for": b"a", b"host": b'", ' * (_LONG // 4)}]
        assert read(b" ; ".join([name + b"=b" for name in names])) == [dict.fromkeys(names, b"b")]


_TOKENS = st.text("abcz0._-", min_size=1, max_size=5)
_VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)


@given(st.lists(st.dictionaries(_TOKENS, _VALUES, min_size=1, max_size=3), max_size=4))
def test_what_is_written_is_what_is_read(wanted: list[dict[str, str]]) -> None:
    expected = [{name.encode(): value.encode() for name, value in one.items()} for one in wanted]
    assert read(written(expected)) == expected


_ANYTHING = st.binary(max_size=80) | st.text('for=;,"\\[]: a1.', max_size=80).map(str.encode)


@given(_ANYTHING)
def test_what_is_read_of_anything_is_the_same_when_it_is_read_again(value: bytes) -> None:
    found = read(value)
    assert all(found)
    assert read(written(found)) == found


@given(_ANYTHING, _ANYTHING, st.dictionaries(_TOKENS.map(str.encode), _VALUES.map(str.encode), min_size=1, max_size=3))
def test_whatever_stands_left_the_last_element_counts(above: bytes, left: bytes, last: dict[bytes, bytes]) -> None:
    """And what is read of the left is the same as without it."""
    assert read(above, left + b"," + written([last])) == [*read(above, left), last]
