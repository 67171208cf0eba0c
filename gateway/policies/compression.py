"""Compression of answers for clients that take it: which answers, in which coding, and what their heads then say.

A route's rule finds out what its client takes; the answer's head decides the rest (`Choice.answered`, `Choice.kept`).
What is compressed is another representation (RFC 9110, 8.8.3): its validator is weak, and `Vary` names what it was
chosen by. Whoever made the answer may forbid it (`Cache-Control: no-transform`), and what has a digest is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from gateway.policies.encoding import DIGESTS, Coder, Encoder, Room, coder_of
from gateway.policies.settings import CompressionSettings
from gateway.proxy.admission import Rule
from gateway.proxy.chunking import Framing, chosen_framing
from gateway.proxy.message import Headers, RequestHead, ResponseHead

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.settings import RouteSettings

_ACCEPTED = re.compile(rb"([!#$%&'*+.^_`|~0-9a-z-]+)(?:[ \t]*;[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?")
_LONGEST_ACCEPTED = 1000
_LONGEST_TYPE = 200
_EVENTS = b"text/event-stream"
_NO_BODY_OF_ITS_OWN = frozenset({204, 205, 206})
#: With one of these it is coded already, a part, or described byte for byte.
_LEFT_ALONE = DIGESTS | {b"content-encoding", b"content-range"}
_NAMES: tuple[tuple[str, bytes], ...] = (("zstd", b"zstd"), ("br", b"br"), ("gzip", b"gzip"))


class Compression:
    """The rules of all routes, and how many answers of a worker are being compressed."""

    def __init__(self, settings: CompressionSettings) -> None:
        self._settings = settings
        self._room = Room(settings.max_concurrent)

    def policy(self, route: RouteSettings) -> tuple[Rule, ...]:
        """What a route's clients take; nothing where the route compresses nothing.

        A route that asks who its client is does so only where it says so itself: answers that mix a secret with what
        an attacker may choose tell of it by their length (BREACH).
        """
        settings = self._settings.of(route.compression, secret=route.auth_required)
        if not settings.enabled:
            return ()
        choose = _Choices(settings, self._room)

        def chosen(exchange: Exchange) -> None:
            exchange.compressing = choose.by(exchange.head)

        return (chosen,)


class _Choices:
    """What each client of a route gets, by what it accepts."""

    def __init__(self, settings: CompressionSettings, room: Room) -> None:
        self._terms = Terms(settings, room)
        self._codings = [name for known, name in _NAMES if known in settings.encodings]
        self._codings.sort(key=[one.encode() for one in settings.encodings].index)
        # There are few kinds of clients.
        self._by_value = lru_cache(maxsize=256)(self._chosen)

    def by(self, head: RequestHead) -> Choice:
        values = []
        for name, value in head.headers:
            if name == b"accept-encoding":
                values.append(value)
            elif name == b"cache-control" and b"no-transform" in value.lower():
                return self._by_value(b"")
        value = values[0] if len(values) == 1 else b",".join(values)
        # A client may send any number of long ones, and they would all be kept.
        return self._by_value(value) if len(value) <= _LONGEST_ACCEPTED else self._chosen(value)

    def _chosen(self, value: bytes) -> Choice:
        coding, insists = chosen_coding(value, self._codings)
        return Choice(self._terms, coding, insists=insists)


def chosen_coding(value: bytes, codings: Iterable[bytes]) -> tuple[bytes | None, bool]:
    """(the coding that suits `Accept-Encoding` best, in the order of `codings`; whether the answer must have one).

    None: the answer is sent as it is, also where its client refuses that and all codings (RFC 9110, 12.5.3).
    """
    weights: dict[bytes, float] = {}
    if len(value) <= _LONGEST_ACCEPTED:
        for one in value.lower().split(b","):
            if found := _ACCEPTED.fullmatch(one.strip()):
                name, weight = found.groups()
                weights[b"gzip" if name == b"x-gzip" else name] = 1.0 if weight is None else float(weight)
    others = weights.get(b"*")
    plain = weights.get(b"identity", others)
    best, most = None, 0.0
    for coding in codings:
        weight_of = weights.get(coding, others or 0.0)
        if weight_of > most:
            best, most = coding, weight_of
    return (best if best is not None and most >= (plain or 0.0) else None), plain == 0.0


class Terms:
    """Which answers of a route are compressed, and how."""

    def __init__(self, settings: CompressionSettings, room: Room) -> None:
        self.min_length = settings.min_length
        self.level = settings.level
        self.room = room
        self._types = tuple(one.encode() for one in settings.types)
        self.has_type = lru_cache(maxsize=256)(self._has_type)

    def _has_type(self, value: bytes) -> bool:
        media = media_type(value)
        if media == _EVENTS:
            return media in self._types
        return any(
            media.startswith(one[:-1]) if one.endswith(b"*") else media.endswith(one.removeprefix(b"*"))
            if one.startswith(b"*") else media == one
            for one in self._types
        )  # fmt: skip

    def may_code_whole(self, headers: Headers) -> bool:
        """Whether that which a part is of may be compressed for those who take it."""
        known = dict(headers)
        return b"content-encoding" not in known and self.has_type(known.get(b"content-type", b"")[:_LONGEST_TYPE])

    def suits(self, head: ResponseHead, *, insists: bool) -> bool:
        """Whether such an answer is compressed for those who take it."""
        length = head.content_length
        if head.status in _NO_BODY_OF_ITS_OWN or (length is not None and length < (1 if insists else self.min_length)):
            return False
        is_of_type = False
        for name, value in head.headers:
            if name == b"content-type":
                is_of_type = self.has_type(value[:_LONGEST_TYPE])
            elif name in _LEFT_ALONE or (name == b"cache-control" and b"no-transform" in value.lower()):
                return False
        return is_of_type


def media_type(value: bytes) -> bytes:
    """That of a `Content-Type`, without its parameters."""
    return value.partition(b";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Choice:
    """What one client takes. `coding` is None where its answers are sent as they are."""

    terms: Terms
    coding: bytes | None
    insists: bool
    """It takes nothing that is not coded."""

    def answered(self, exchange: Exchange, head: ResponseHead) -> ResponseHead:
        """The head for the client, of an upstream's answer; the exchange gets an encoder where it needs one."""
        if head.status == 304:
            return replace(head, headers=_of_a_304(head.headers, exchange.head))
        if head.status == 206:
            return replace(head, headers=_varied(head.headers)) if self.terms.may_code_whole(head.headers) else head
        if not self.terms.suits(head, insists=self.insists):
            return head
        coder = self._coder()
        if coder is None:
            return replace(head, headers=_varied(head.headers))
        if exchange.head.method != b"HEAD":
            exchange.encoder = Encoder(exchange, coder, self.terms.room, eager=_is_events(head.headers))
        headers = [*_varied(_coded(head.headers)), (b"content-encoding", coder.name)]
        return replace(head, headers=headers, content_length=None, chunked=True)

    def would_code(self, content_type: bytes) -> bool:
        """Whether its client may have such an answer in a coding: half of one goes with no other half of the plain."""
        return self.coding is not None and self.terms.has_type(content_type[:_LONGEST_TYPE])

    def kept(self, exchange: Exchange, status: int, lines: bytes) -> tuple[bytes, Framing]:
        """(the lines of a kept answer's head for the client, but for its end; the framing of a coded body, or NONE)."""
        first, *fields = lines.removesuffix(b"\r\n").split(b"\r\n")
        headers = [(name, value) for name, _, value in (field.partition(b": ") for field in fields)]
        lengths = [int(value) for name, value in headers if name == b"content-length"]
        before = ResponseHead(status, b"", headers, lengths[0] if lengths else None, False, frozenset())
        head = self.answered(exchange, before)
        if head is before:
            return lines, Framing.NONE
        told = [first, *(b"%b: %b" % one for one in head.headers if not head.chunked or one[0] != b"content-length")]
        framing = Framing.NONE if exchange.encoder is None else chosen_framing(exchange.head, head)
        if framing is Framing.CHUNKED:
            told.append(b"transfer-encoding: chunked")
        return b"".join(line + b"\r\n" for line in told), framing

    def _coder(self) -> Coder | None:
        if self.coding is None or not self.terms.room.is_free:
            return None
        return coder_of(self.coding, self.terms.level)


def _is_events(headers: Headers) -> bool:
    return any(name == b"content-type" and media_type(value) == _EVENTS for name, value in headers)


def _varied(headers: Headers) -> Headers:
    """With `Accept-Encoding` among what the answer was chosen by."""
    told = b",".join(value for name, value in headers if name == b"vary").lower()
    names = {one.strip() for one in told.split(b",")}
    if b"*" in names or b"accept-encoding" in names:
        return headers
    return [*headers, (b"vary", b"accept-encoding")]


def _coded(headers: Headers) -> Headers:
    """Without what is not so of the coded body: its parts cannot be asked for, and another byte for byte it is."""
    return _edited([one for one in headers if one[0] != b"accept-ranges"], _weak)


def _of_a_304(headers: Headers, request: RequestHead) -> Headers:
    """As that of the answer which the client has: where that was compressed, it has a weak validator."""
    conditions = b",".join(value for name, value in request.headers if name == b"if-none-match")
    return _varied(_edited(headers, lambda tag: _weak(tag) if _weak(tag) in conditions else tag))


def _edited(headers: Headers, tagged: Callable[[bytes], bytes]) -> Headers:
    return [(name, tagged(value) if name == b"etag" else value) for name, value in headers]


def _weak(tag: bytes) -> bytes:
    return b"W/" + tag if tag.startswith(b'"') else tag
