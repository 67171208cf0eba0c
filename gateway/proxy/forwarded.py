"""The field `Forwarded` (RFC 7239): who the client is by the word of trusted proxies, and what upstreams are told.

Each proxy adds an element behind those that it was sent. So they are read from the right, each because a trusted proxy
has written it, up to the first that names somebody else: the client. What stands further left is the client's own word,
and goes no further; nor can it spoil what stands right of it, whatever it looks like.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import TypeAlias

from gateway.proxy.message import RequestHead

Element: TypeAlias = dict[bytes, bytes]
#: Of an entry: (its address in the usual form or None, whether it is a trusted proxy's).
Hop: TypeAlias = "Callable[[bytes], tuple[bytes | None, bool]]"

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# A parameter and what stands before it, both from right to left. Each repetition keeps what it has (`++`, `*+`), so no
# byte is tried twice. Seen from there, a quote is part of the string when an odd number of backslashes follows it.
_STRING = rb'(?:\\\\)*+(?!\\)(?:[^"\\]\\*+|"\\(?:\\\\)*+(?!\\))*+'
_PAIR_BACKWARDS = re.compile(rb"(?:(" + _TOKEN + rb'+)|"(' + _STRING + rb')")=(' + _TOKEN + rb"+)([ \t;,]*+)")
_HOST = re.compile(rb"[A-Za-z0-9._:\[\]-]{1,255}")
# More hops than this are nobody's proxies, and no address is longer than this, with its port.
_MAX_HOPS = 32
_LONGEST_ADDRESS = 64
# So many requests' fields are remembered, from when the client is asked for to when upstreams are told.
_KNOWN_FIELDS = 64


def elements(lines: Sequence[bytes]) -> Iterator[Element]:
    """The elements of the field's lines, each by its parameters (names in lower case), the last one first.

    One that is not as the RFC says ends it. They are read backwards, so no quote can reach what stands right of it.
    """
    for line in reversed(lines):
        text = line.rstrip(b" \t;,")[::-1]
        found: Element = {}
        at = 0
        while at < len(text):
            pair = _PAIR_BACKWARDS.match(text, at)
            if pair is None:
                return
            token, quoted, name, gap = pair.groups()
            name = name[::-1].lower()
            if name in found:
                return
            found[name] = token[::-1] if token else re.sub(rb"(?s)\\(.)", rb"\1", quoted[::-1])
            at = pair.end()
            if b"," in gap or at == len(text):
                yield dict(reversed(found.items()))
                found = {}
            elif b";" not in gap:
                return


class Forwarding:
    """How the elements are believed; `hop` says whose an address is."""

    def __init__(self, hop: Hop) -> None:
        self._hop = hop
        # One head is asked for the client, for what is known and for what is written.
        self._read = lru_cache(maxsize=_KNOWN_FIELDS)(self._believed)

    def believed(self, head: RequestHead) -> tuple[Element, ...]:
        """Those that trusted proxies have written, the client's first; the request's peer is one of them."""
        return self._read(tuple(value for name, value in head.headers if name == b"forwarded"))

    def _believed(self, lines: tuple[bytes, ...]) -> tuple[Element, ...]:
        found: list[Element] = []
        for element in islice(elements(lines), _MAX_HOPS):
            found.append(element)
            if not self._node(element)[1]:
                break
        return tuple(reversed(found))

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
