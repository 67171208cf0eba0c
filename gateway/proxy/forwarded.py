"""The field `Forwarded` (RFC 7239): who the client is by the word of trusted proxies, and what upstreams are told.

Each proxy adds an element behind those that it was sent. So they are read from the right, each because a trusted proxy
has written it, up to the first that names somebody else: the client. What stands further left is the client's own word,
and goes no further.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from gateway.proxy.message import RequestHead

Element: TypeAlias = dict[bytes, bytes]
#: Of an entry: (its address in the usual form or None, whether it is a trusted proxy's).
Hop: TypeAlias = "Callable[[bytes], tuple[bytes | None, bool]]"

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR = re.compile(rb"[ \t]*(" + _TOKEN + rb")=(?:(" + _TOKEN + rb')|"((?:[^"\\]|\\.)*)")[ \t]*')
_HOST = re.compile(rb"[A-Za-z0-9._:\[\]-]{1,255}")
# More hops than this are nobody's proxies, and no address is longer than this, with its port.
_MAX_HOPS = 32
_LONGEST_ADDRESS = 64


def elements(value: bytes) -> list[Element]:
    """The elements of a field, each by its parameters, in lower case; none where it is not as the RFC says."""
    found: list[Element] = [{}]
    at = 0
    while at < len(value):
        if (pair := _PAIR.match(value, at)) is not None:
            name, token, quoted = pair.groups()
            if name.lower() in found[-1]:
                return []
            found[-1][name.lower()] = token or re.sub(rb"\\(.)", rb"\1", quoted or b"")
            at = pair.end()
        if at < len(value):
            mark = value[at : at + 1]
            if mark not in b"; \t,":
                return []
            if mark == b",":
                found.append({})
            at += 1
    return [one for one in found if one]


class Forwarding:
    """How the elements are believed; `hop` says whose an address is."""

    def __init__(self, hop: Hop) -> None:
        self._hop = hop

    def believed(self, head: RequestHead) -> list[Element]:
        """Those that trusted proxies have written, the client's first; the request's peer is one of them."""
        value = b",".join([value for name, value in head.headers if name == b"forwarded"])
        found: list[Element] = []
        for element in reversed(elements(value)[-_MAX_HOPS:]):
            found.insert(0, element)
            if not self._node(element)[1]:
                break
        return found

    def client(self, peer: bytes, head: RequestHead) -> bytes:
        """The client's address; that of the last proxy that was named by one, where it is not told."""
        named = (self._node(element)[0] for element in self.believed(head))
        return next((address for address in named if address is not None), peer)

    def known(self, head: RequestHead) -> dict[bytes, bytes]:
        """The same as the fields `x-forwarded-*` would tell it; what is not told is left out."""
        believed = self.believed(head)
        found: dict[bytes, bytes] = {}
        if believed:
            found[b"x-forwarded-for"] = b", ".join([self._node(one)[0] or b"unknown" for one in believed])
        for one in reversed(believed):
            if one.get(b"proto", b"").lower() in (b"http", b"https"):
                found[b"x-forwarded-proto"] = one[b"proto"].lower()
            if _HOST.fullmatch(one.get(b"host", b"")):
                found[b"x-forwarded-host"] = one[b"host"]
        return found

    def written(self, head: RequestHead, address: bytes, scheme: bytes, *, trusted: bool) -> bytes:
        """The value for the upstream: what was believed, and the request's peer and what it has asked for."""
        own: Element = {b"for": b"[%b]" % address if b":" in address else address}
        if head.authority:
            own[b"host"] = head.authority
        own[b"proto"] = scheme
        every = [*(self.believed(head) if trusted else ()), own]
        return b", ".join([b";".join([b"%b=%b" % (name, _value(one[name])) for name in one]) for one in every])

    def _node(self, element: Element) -> tuple[bytes | None, bool]:
        return self._hop(element.get(b"for", b"")[:_LONGEST_ADDRESS])


def _value(value: bytes) -> bytes:
    if re.fullmatch(_TOKEN, value):
        return value
    return b'"' + re.sub(rb'(["\\])', rb"\\\1", value) + b'"'
