"""What a request asks a cache for: its key, its directives, and the fields that a stored answer may be chosen by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.cache.directives import NONE, Directives, Fields, directives_of, listed
from gateway.cache.entries import Entry, Selection
from gateway.proxy.rewriting import HOP_BY_HOP, told_of

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange

_CONDITIONS = frozenset({b"if-none-match", b"if-modified-since"})
_RANGES = frozenset({b"range", b"if-range"})
# What some upstreams answer by without saying so: who sends one of these gets an answer that nobody else gets.
_UNKEYED = frozenset(
    {
        b"forwarded", b"x-forwarded-path", b"x-forwarded-prefix", b"x-forwarded-scheme", b"x-forwarded-server",
        b"x-host", b"x-http-host-override", b"x-http-method", b"x-http-method-override", b"x-method-override",
        b"x-original-host", b"x-original-url", b"x-rewrite-url",
    }
)  # fmt: skip
_PASSED = _UNKEYED | {b"if-match", b"if-unmodified-since"}
_CREDENTIALS = frozenset({b"authorization", b"x-api-key"})
_LOOKED_AT = frozenset({b"cache-control", b"pragma"}) | _CONDITIONS | _RANGES | _PASSED | _CREDENTIALS | {b"cookie"}
# Lists in which neither order nor case matters.
_UNORDERED = frozenset({b"accept-encoding", b"accept-language", b"accept-charset"})
# Written by the gateway for each request: an answer that is chosen by one of these is nobody else's.
_OWN = HOP_BY_HOP | {b"x-forwarded-for", b"x-request-id", b"via", b"x-real-ip", b"forwarded", b"x-forwarded-port"}
# These are in the key.
_KEYED = frozenset({b"host", b"x-forwarded-host", b"x-forwarded-proto"})


@dataclass(slots=True)
class Asked:
    """A GET or HEAD, as a cache sees it."""

    key: bytes
    fields: Fields
    """Those of the request's fields that matter to a cache."""
    directives: Directives
    credentials: bool
    """It says who sends it."""
    passed: bool
    """It is none for a cache."""

    @property
    def partial(self) -> bool:
        """It wants a part."""
        return b"range" in self.fields


def asked(exchange: Exchange, *, obey: bool, ignore_cookies: bool) -> Asked:
    """What an exchange asks for. `obey`: go by its directives; `ignore_cookies`: they are no credentials."""
    fields: Fields = {}
    for name, value in exchange.head.headers:
        if name in _LOOKED_AT:
            known = fields.get(name)
            fields[name] = value if known is None else known + b", " + value
    directives = NONE
    if obey:
        directives = directives_of(fields.get(b"cache-control"))
        if b"cache-control" not in fields and b"no-cache" in fields.get(b"pragma", b"").lower():
            directives = _NO_CACHE
    names = fields.keys()
    credentials = exchange.identity is not None or not _CREDENTIALS.isdisjoint(names)
    return Asked(
        key=key_of(exchange),
        fields=fields,
        directives=directives,
        credentials=credentials or (b"cookie" in names and not ignore_cookies),
        # Where `Forwarded` is written by the gateway, what it says of the URL is in the key.
        passed=exchange.head.has_body
        or not _PASSED.isdisjoint(names - {b"forwarded"} if exchange.client.peer.forwarding is not None else names),
    )


_NO_CACHE = Directives({b"no-cache": None})


def key_of(exchange: Exchange) -> bytes:
    """The URL as its upstream is told it."""
    head, peer = exchange.head, exchange.client.peer
    told = told_of(head, peer)
    host, scheme = told.get(b"x-forwarded-host", head.authority), told.get(b"x-forwarded-proto", peer.scheme)
    return url(scheme, host, head.target)


def url(scheme: bytes, host: bytes, target: bytes) -> bytes:
    """A key; the port that a scheme has anyway is left out of it."""
    host = host.lower().removesuffix(b":443" if scheme == b"https" else b":80")
    return b"%b://%b%b" % (scheme, host, target)


def target_of(key: bytes) -> bytes:
    """The path and query of a key."""
    return key[key.index(b"/", key.index(b"://") + 3) :]


def selecting(vary: bytes | None) -> list[bytes] | None:
    """The names of the fields that an answer was chosen by; None where nobody else can be given that answer."""
    names = sorted(set(listed(vary)) - _KEYED)
    return None if b"*" in names or not _OWN.isdisjoint(names) else names


def selection(exchange: Exchange, vary: bytes | None) -> Selection | None:
    """The request's fields that an answer was chosen by; None where nobody else can be given that answer."""
    names = selecting(vary)
    return None if names is None else tuple((name, _value(exchange, name)) for name in names)


def selected(exchange: Exchange, entry: Entry) -> bool:
    """Whether an entry was chosen by what this request says, too."""
    return all(_value(exchange, name) == value for name, value in entry.selection)


def _value(exchange: Exchange, name: bytes) -> bytes | None:
    """What the upstream would see of a field, normalised; None where it would see none."""
    edits = exchange.request_headers
    values = [value for known, value in exchange.head.headers if known == name]
    if edits is not None:
        if name in edits.dropped:
            values = []
        values += [value for known, value in edits.added if known == name]
    if not values:
        return None
    members = [one.strip() for one in b",".join(values).split(b",")]
    if name in _UNORDERED:
        members = sorted(b"".join(one.lower().split()) for one in members)
    return b",".join(members)
