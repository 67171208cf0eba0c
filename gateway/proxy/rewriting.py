"""Rewriting heads between the two connections: hop-by-hop headers out, forwarding headers in (RFC 9110, 7.6)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

from gateway.proxy.message import Header, Headers, RequestHead, ResponseHead
from gateway.proxy.peers import Peer

if TYPE_CHECKING:
    from gateway.proxy.plain_heads import Block

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
    }
)
_FORWARDED = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port"})


def spellings(names: Iterable[str]) -> frozenset[bytes]:
    """The names with "_" for any "-", too: many an application takes one for the other."""
    parts = (name.split("-") for name in names)
    return frozenset(
        "".join(part + mark for part, mark in zip(words, [*marks, ""], strict=True)).encode()
        for words in parts
        for marks in product("-_", repeat=len(words) - 1)
    )


# These are written anew, from what the gateway itself knows.
_REQUEST_OWN = HOP_BY_HOP | {b"host", b"content-length", b"x-request-id", b"via"}
# Whoever is believed writes them properly.
_MISSPELT = spellings(["x-request-id", "x-real-ip", *(name.decode() for name in _FORWARDED)]) - {b"x-real-ip"}
_DROPPED_OF_TRUSTED = _REQUEST_OWN | _FORWARDED | _MISSPELT
_DROPPED = _DROPPED_OF_TRUSTED | {b"forwarded", b"x-real-ip"}
#: Of answers of upstreams; these are written anew, too.
RESPONSE_OWN = HOP_BY_HOP | {b"content-length", b"x-request-id"}
_NO_NAMES: frozenset[bytes] = frozenset()
_CORRELATION_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
PSEUDONYM = b"tocsin-gateway"
_IDS: list[bytes] = []
_IDS_AT_ONCE = 64


def correlation_id(head: RequestHead) -> bytes:
    """The client's `x-request-id` when it is harmless, otherwise a new random one."""
    block = head.block
    return (sent_id(head.headers) if block is None else block.sent_id) or new_id()


def sent_id(headers: Headers) -> bytes:
    """The first harmless one among them; empty where there is none."""
    for name, value in headers:
        if name == b"x-request-id" and _CORRELATION_ID.fullmatch(value):
            return value
    return b""


def new_id() -> bytes:
    """A new random one, 32 hexadecimal digits; many are made at once, because each request wants one."""
    try:
        return _IDS.pop()
    except IndexError:
        digits = os.urandom(16 * _IDS_AT_ONCE).hex().encode()
        _IDS.extend([digits[at : at + 32] for at in range(0, len(digits), 32)])
        return _IDS.pop()


@dataclass(frozen=True, slots=True)
class HeaderEdits:
    """What the gateway changes of a request's end-to-end headers: those of its client are dropped, others are added.

    Names are lower case. What is added is not dropped, whoever names it: list it as dropped, too, where a client must
    not be able to send one of its own.
    """

    dropped: frozenset[bytes] = frozenset()
    added: tuple[Header, ...] = ()


def upstream_request(
    head: RequestHead,
    *,
    target: bytes,
    authority: bytes,
    peer: Peer,
    correlation: bytes,
    edits: HeaderEdits | None = None,
    upgrade: bytes = b"",
) -> bytes:
    """The head to send to the upstream."""
    block = head.block
    if block is None or block.headers is not head.headers or upgrade:
        lines = _request_lines(head, peer, edits, upgrade)
    elif block.lines and block.edits is edits and block.peer is peer:
        lines = block.lines
    else:
        lines = block.lines = _request_lines(head, peer, edits, b"")
        block.edits, block.peer = edits, peer
        if block.base is not block:
            _keep_for_the_next(block.base, head, peer, edits)
    return b"".join((head.method, b" ", target, b" HTTP/1.1\r\nhost: ", authority, lines, correlation, b"\r\n\r\n"))


def _keep_for_the_next(base: Block, head: RequestHead, peer: Peer, edits: HeaderEdits | None) -> None:
    """Have the lines that the next request has, too; unless what is changed is another thing each time."""
    if base.edits is edits and base.peer is peer:
        base.lines = _request_lines(replace(head, headers=base.headers), peer, edits, b"")
    else:
        base.edits, base.peer, base.lines = edits, peer, b""


def _request_lines(head: RequestHead, peer: Peer, edits: HeaderEdits | None, upgrade: bytes) -> bytes:
    """What is between the value of `host` and that of `x-request-id`."""
    lines = [b"\r\n"]
    dropped = _dropped(peer.trusted and peer.forwarding is None, _NO_NAMES if edits is None else edits.dropped)
    if not head.connection_options <= dropped:
        dropped |= head.connection_options
    vias: list[bytes] = []
    for name, value in head.headers:
        if name == b"via":
            vias.append(value)
        elif name not in dropped:
            lines += (name, b": ", value, b"\r\n")
    if edits is not None:
        for name, value in edits.added:
            lines += (name, b": ", value, b"\r\n")
    if upgrade:
        lines += (b"connection: upgrade\r\nupgrade: ", upgrade, b"\r\n")
    _add_framing(lines, head)
    _add_forwarding(lines, head, peer)
    vias.append(head.version.encode() + b" " + PSEUDONYM)
    lines += (b"via: ", b", ".join(vias), b"\r\nx-request-id: ")
    return b"".join(lines)


def dropped_of(peer: Peer, edits: HeaderEdits | None) -> frozenset[bytes]:
    """The fields of a client that its upstream does not see."""
    return _dropped(peer.trusted, _NO_NAMES if edits is None else edits.dropped) | _DROPPED | {b"via"}


@lru_cache(maxsize=1000)  # There are few, and each request asks for one.
def _dropped(trusted: bool, edited: frozenset[bytes]) -> frozenset[bytes]:
    return (_DROPPED_OF_TRUSTED if trusted else _DROPPED) | edited


def _add_framing(lines: list[bytes], head: RequestHead) -> None:
    if head.chunked:
        lines.append(b"transfer-encoding: chunked\r\n")
    elif head.content_length is not None:
        lines.append(b"content-length: %d\r\n" % head.content_length)


def _add_forwarding(lines: list[bytes], head: RequestHead, peer: Peer) -> None:
    known = told_of(head, peer)
    client = peer.address
    if before := known.get(b"x-forwarded-for"):
        client = before + b", " + client
    host = known.get(b"x-forwarded-host", head.authority)
    proto = known.get(b"x-forwarded-proto", peer.scheme)
    lines += (b"x-forwarded-for: ", client, b"\r\nx-forwarded-proto: ", proto, b"\r\n")
    if host:
        lines += (b"x-forwarded-host: ", host, b"\r\n")
    if peer.forwarding is not None:
        value = peer.forwarding.written(head, peer.address, peer.scheme, trusted=peer.trusted)
        lines += (b"forwarded: ", value, b"\r\n")


def told_of(head: RequestHead, peer: Peer) -> dict[bytes, bytes]:
    """What trusted proxies tell of the client's request, by the names of `x-forwarded-*`."""
    if not peer.trusted:
        return {}
    if peer.forwarding is not None:
        return peer.forwarding.known(head)
    known: dict[bytes, bytes] = {}
    for name, value in head.headers:
        if name == b"x-forwarded-for" and name in known:
            known[name] += b", " + value
        elif name in _FORWARDED:
            known[name] = value
    return known


def client_response(
    head: ResponseHead,
    *,
    correlation: bytes,
    chunked: bool,
    length: int | None,
    close: bool,
    added: Iterable[Header] = (),
    dropped: frozenset[bytes] = RESPONSE_OWN,
) -> bytes:
    """The head to send to the client, with the framing that was chosen for it and what the gateway adds."""
    more = [b"%b: %b\r\n" % header for header in added]
    if close:
        more.append(b"connection: close\r\n")
    lines = response_lines(head, dropped=dropped, chunked=chunked, length=length)
    return b"".join((lines, *more, b"x-request-id: ", correlation, b"\r\n\r\n"))


def response_lines(head: ResponseHead, *, dropped: frozenset[bytes], chunked: bool, length: int | None) -> bytes:
    """The part of it that is the same for all clients that get this answer."""
    lines = [b"HTTP/1.1 %d %s\r\n" % (head.status, head.reason)]
    named = head.connection_options
    via = b"1.1 " + PSEUDONYM
    for name, value in head.headers:
        if name == b"via":
            via = value + b", " + via
        elif name not in dropped and name not in named:
            lines += (name, b": ", value, b"\r\n")
    if chunked:
        lines.append(b"transfer-encoding: chunked\r\n")
    elif length is not None:
        lines.append(b"content-length: %d\r\n" % length)
    lines += (b"via: ", via, b"\r\n")
    return b"".join(lines)


def switching_response(head: ResponseHead, correlation: bytes, added: Iterable[Header]) -> bytes:
    """The 101 with which a client and an upstream go over to another protocol."""
    lines = [b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n"]
    for name, value in head.headers:
        if name == b"upgrade" or (name not in RESPONSE_OWN and name not in head.connection_options):
            lines += (name, b": ", value, b"\r\n")
    for name, value in added:
        lines += (name, b": ", value, b"\r\n")
    lines += (b"x-request-id: ", correlation, b"\r\n\r\n")
    return b"".join(lines)


def interim_response(head: ResponseHead) -> bytes:
    """A 1xx head for the client."""
    lines = [b"HTTP/1.1 %d %s\r\n" % (head.status, head.reason)]
    for name, value in head.headers:
        if name not in RESPONSE_OWN and name not in head.connection_options:
            lines += (name, b": ", value, b"\r\n")
    return b"".join(lines) + b"\r\n"
