"""One stored answer: what it answers, what it is, and how it may be used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from gateway.cache.directives import Directives, Fields, fields_of, listed
from gateway.cache.policy import Terms, Use, usable, usable_on_error
from gateway.proxy.message import Headers, ResponseHead
from gateway.proxy.rewriting import HOP_BY_HOP

#: (name, value) of the request's fields that an answer was chosen by; None: the request had none of this name.
Selection: TypeAlias = tuple[tuple[bytes, bytes | None], ...]

_TAG_FIELDS = (b"cache-tag", b"surrogate-key")
_MOST_TAGS = 64
_LONGEST_TAG = 256
#: What an entry, each of its fields and each of its tags take in memory beyond their text; measured, and rounded up.
_OVERHEAD = 1000
_FIELD_OVERHEAD = 160
_TAG_OVERHEAD = 400
#: s, after a failed try to get a newer answer, until the next one: twice as long each time.
_FIRST_REST = 1.0
_LONGEST_REST = 30.0
#: The connection's, or written anew for each client.
NOT_KEPT = HOP_BY_HOP | {b"age", b"content-length", b"x-request-id", b"proxy-authentication-info"}


@dataclass(eq=False, slots=True)
class Entry:
    """An answer to GET. Times are of the monotonic clock, but for `date`."""

    key: bytes
    """The URL as the upstream is told it: scheme, host and target."""
    route: str
    selection: Selection
    status: int
    reason: bytes
    headers: Headers
    body: bytes
    terms: Terms
    received: float
    date: float
    """When it was received, in seconds since the epoch."""
    purged: float | None = None
    """Since when it is stale because an operator said so."""
    failed: int = 0
    """How often a newer one was asked for in vain, since that last came to something."""
    rests_until: float = 0.0
    """No newer one is asked for until then because this one is stale."""
    erred: bool = False
    """Whether that has failed by an error in place of which a stale answer may be given."""
    hits: int = 0
    fields: Fields = field(default_factory=dict)
    tags: tuple[bytes, ...] = ()
    size: int = 0
    head: bytes = b""
    """The status line and the fields, as they are sent."""

    def __post_init__(self) -> None:
        self.describe()

    def describe(self) -> None:
        """Work out what follows from the fields."""
        self.fields = fields_of(self.headers)
        self.tags = tags_of(self.fields)
        lines = [b"HTTP/1.1 %d %s\r\n" % (self.status, self.reason)]
        lines += [b"%b: %b\r\n" % one for one in self.headers if one[0] != b"via"]
        self.head = b"".join(lines)
        named = sum(len(name) + len(value or b"") for name, value in self.selection)
        fields = sum(len(name) + len(value) + _FIELD_OVERHEAD for name, value in self.headers)
        tags = sum(2 * len(tag) + _TAG_OVERHEAD for tag in self.tags)
        self.size = tags + len(self.body) + 2 * len(self.head) + fields + len(self.key) + named + _OVERHEAD

    def age(self, now: float) -> float:
        """How old it is (RFC 9111, 4.2.3)."""
        return self.terms.initial_age + max(0.0, now - self.received)

    def staleness(self, now: float) -> float:
        """For how long it has been stale; negative while it is fresh."""
        stale = self.age(now) - self.terms.lifetime
        return stale if self.purged is None else max(stale, now - self.purged)

    def usable(self, asked: Directives, now: float, *, rests: bool = False) -> Use:
        """What may be done with it for a request with these directives; `rests`: nobody is to ask for a newer one."""
        rests = rests or now < self.rests_until
        return usable(self.terms, self.age(now), self.staleness(now), asked, rests=rests, erred=rests and self.erred)

    def was_not_renewed(self, now: float, *, by_error: bool) -> None:
        """A newer one was asked for in vain: the upstream has a rest, and a longer one each time."""
        self.erred = by_error
        if now >= self.rests_until:
            self.rests_until = now + min(_LONGEST_REST, _FIRST_REST * 2**self.failed)
            self.failed = min(self.failed + 1, 10)

    def may_be_renewed(self) -> None:
        """What has failed before is forgotten."""
        self.failed, self.rests_until, self.erred = 0, 0.0, False

    def usable_on_error(self, now: float) -> bool:
        """Whether it may be given in place of an error."""
        return usable_on_error(self.terms, self.staleness(now))

    @property
    def validators(self) -> Headers:
        """What an upstream is asked with whether it has changed."""
        pairs = ((b"if-none-match", b"etag"), (b"if-modified-since", b"last-modified"))
        return [(condition, self.fields[name]) for condition, name in pairs if name in self.fields]

    def worth_keeping(self, now: float) -> bool:
        """Whether it can be of use: fresh, usable while stale, or a base for asking whether it has changed."""
        if self.terms.no_cache:
            return bool(self.validators)
        staleness = self.staleness(now)
        after = max(self.terms.stale_while_revalidate, self.terms.stale_if_error)
        return staleness < after or bool(self.validators)


def kept_headers(head: ResponseHead) -> Headers:
    """The fields of an answer that may be stored: those of the connection stay on it (RFC 9111, 3.1)."""
    dropped = NOT_KEPT if not head.connection_options else NOT_KEPT | head.connection_options
    return [one for one in head.headers if one[0] not in dropped]


def tags_of(fields: Fields) -> tuple[bytes, ...]:
    """The tags that an upstream gives an answer: `Cache-Tag` with commas, `Surrogate-Key` with spaces between."""
    found: Iterable[bytes] = [tag for name in _TAG_FIELDS for tag in listed(fields.get(name, b"").replace(b" ", b","))]
    return tuple(dict.fromkeys(tag for tag in found if len(tag) <= _LONGEST_TAG))[:_MOST_TAGS]
