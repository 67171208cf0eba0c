"""What the cache looks at in an upstream's answer while it passes to the client (see `UpstreamLeg`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from gateway.cache.conditions import same_content
from gateway.cache.entries import Entry
from gateway.cache.selection import Asked, key_of, target_of, url
from gateway.proxy.exchange import Exchange
from gateway.proxy.message import Refused, ResponseHead

if TYPE_CHECKING:
    from gateway.cache.route import CachedRoute

#: Errors in place of which a stale answer may be given (RFC 5861, 4).
ERRORS = frozenset({500, 502, 503, 504})
#: What takes the place of a stored answer, even where it may not be stored itself.
IN_ITS_PLACE = frozenset({*range(200, 304), *range(305, 400), 404, 410})


class Passing:
    """Passes everything on."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def interim_answer(self, head: ResponseHead) -> None:
        self._exchange.interim_answer(head)

    def answer_started(self, head: ResponseHead) -> None:
        self._exchange.answer_started(head)

    def answer_body(self, chunk: bytes) -> None:
        self._exchange.answer_body(chunk)

    def answer_ended(self) -> None:
        self._exchange.answer_ended()

    def refuse(self, refused: Refused) -> None:
        self._exchange.refuse(refused)

    def leg_over(self) -> None:
        """Nothing is waited for."""


class Unsafe(Passing):
    """A request that may change things: what is stored of them is forgotten when it was done (RFC 9111, 4.4).

    That is when its answer begins, and once more when it ends: an upstream may answer before it is done, and what was
    fetched meanwhile may be of before.
    """

    def __init__(self, exchange: Exchange, changed: Callable[[list[bytes]], None]) -> None:
        super().__init__(exchange)
        self._changed = changed
        self._keys: list[bytes] = []

    def answer_started(self, head: ResponseHead) -> None:
        if 200 <= head.status < 400:
            self._keys = self._concerned(head)
            self._changed(self._keys)
        super().answer_started(head)

    def answer_ended(self) -> None:
        self._done()
        super().answer_ended()

    def leg_over(self) -> None:
        self._done()

    def _done(self) -> None:
        keys, self._keys = self._keys, []
        if keys:
            self._changed(keys)

    def _concerned(self, head: ResponseHead) -> list[bytes]:
        """The request's URL, and those that the answer names, of the same origin."""
        own = key_of(self._exchange)
        found = [own]
        origin = own.removesuffix(target_of(own))
        for name, value in head.headers:
            if name in (b"location", b"content-location"):
                try:
                    named = urlsplit(urljoin(own, value))
                except ValueError:  # It names nothing, or the client has named an odd host.
                    continue
                target = (named.path or b"/") + (b"?" + named.query if named.query else b"")
                key = url(named.scheme, named.netloc, target)
                if key.removesuffix(target) == origin:
                    found.append(key)
        return found


class HeadUpdate(Passing):
    """The answer to a HEAD: it says whether what is stored is still so (RFC 9111, 4.3.5).

    In place of an error it is what is stored, as for a GET.
    """

    def __init__(self, route: CachedRoute, exchange: Exchange, asked: Asked, entry: Entry) -> None:
        super().__init__(exchange)
        self._route = route
        self._cache = route.cache
        self._asked = asked
        self._entry = entry
        self._began = route.cache.clock()

    def answer_started(self, head: ResponseHead) -> None:
        entry = self._entry
        if head.status in ERRORS and self._give_stale():
            return
        self._tell()
        if head.status == 200:
            size = len(entry.body)
            if same_content(entry.headers, head.headers, size):
                purged = entry.purged
                self._route.freshen(entry, head, asked_at=self._began)
                if purged is not None and purged >= self._began:
                    entry.purged = purged  # It may be of before.
            else:
                self._cache.store.forget(entry, "changed")
        super().answer_started(head)

    def refuse(self, refused: Refused) -> None:
        if not self._exchange.status:
            if self._give_stale():
                return
            self._tell()
        super().refuse(refused)

    def _tell(self) -> None:
        self._cache.count("miss")
        self._route.tell(self._exchange, b"stale")

    def _give_stale(self) -> bool:
        entry, now = self._entry, self._cache.clock()
        is_purged = entry.purged is not None and entry.purged >= self._began
        if is_purged or entry not in self._cache.store.variants(entry.key):
            return False
        self._cache.count("refresh_failed")
        entry.was_not_renewed(now, by_error=True)
        if not entry.usable_on_error(now):
            return False
        self._route.give(self._exchange, self._asked, entry, "stale")
        return True


class Filling(Passing):
    """Records the answer to a GET while it is passed on. `stale`: what is stored; `validating`: the upstream is asked
    whether that has changed.

    What is recorded is bounded by `max_entry_bytes` and by the store's budget; beyond that it is passed on only.
    """

    def __init__(
        self, route: CachedRoute, exchange: Exchange, asked: Asked, stale: Entry | None, *, validating: bool
    ) -> None:
        super().__init__(exchange)
        self._route = route
        self._cache = route.cache
        self._asked = asked
        self._stale = stale
        self._fruitful = False
        self._validating = validating
        self._began = self._cache.clock()
        self._recording = self._cache.store.record(asked.key)
        self._entry: Entry | None = None
        # In one piece: thousands of parts of a few bytes would take many times the memory that is counted.
        self._body = bytearray()
        self._validated = False
        self._over = False
        self._has_failed = False

    def answer_started(self, head: ResponseHead) -> None:
        stale = self._stale
        if stale is not None and self._validating and head.status == 304:
            self._validated = True
            # What was purged since is not made good by an answer that may be of before.
            purged = stale.purged if self._recording.void else None
            self._route.freshen(stale, head, asked_at=self._began)
            stale.purged = purged
            return
        if head.status in ERRORS:
            self._failed(by_error=True)
            if stale is not None and self._give_stale(stale):
                return
        self._count()
        self._entry = self._begun(head)
        if stale is not None and self._entry is not None:
            stale.may_be_renewed()
        # A 304 is for the client that has asked; it says nothing of what others would be answered.
        self._fruitful = self._entry is not None or head.status == 304
        if stale is not None and self._entry is None and head.status in IN_ITS_PLACE:
            self._cache.store.forget(stale, "changed")
        self._route.tell(self._exchange, self._forwarded, status=head.status, stored=self._entry is not None)
        if self._entry is None:
            # Nobody waits for the end of what is not stored: a stream may have none.
            self._finish(fruitful=self._fruitful)
        self._exchange.answer_started(head)

    @property
    def _forwarded(self) -> bytes:
        if self._stale is None:
            return b"miss"
        return b"stale" if self._stale.staleness(self._began) >= 0 else b"request"

    def answer_body(self, chunk: bytes) -> None:
        if self._entry is not None:
            if self._has_room(len(chunk)):
                self._body += chunk
            else:
                self._finish(fruitful=False)
        if not self._validated:
            self._exchange.answer_body(chunk)

    def answer_ended(self) -> None:
        entry, stale = self._entry, self._stale
        if self._validated and stale is not None:
            self._finish(fruitful=True)
            self._give_validated(stale)
            return
        if entry is not None:
            self._store(entry)
        self._finish(fruitful=self._fruitful)
        self._exchange.answer_ended()

    def _failed(self, *, by_error: bool) -> None:
        """What is stored could not be renewed. Where it was purged meanwhile, the next request may try at once."""
        if self._stale is not None and not self._recording.void and not self._has_failed:
            # An answer that says so may also be broken off, and is one failure.
            self._has_failed = True
            self._cache.count("refresh_failed")
            self._stale.was_not_renewed(self._cache.clock(), by_error=by_error)

    def refuse(self, refused: Refused) -> None:
        self._failed(by_error=True)
        if self._exchange.status:  # An answer has begun: it can only be broken off.
            self._exchange.refuse(refused)
        elif self._stale is None or not self._give_stale(self._stale):
            self._count()
            self._route.tell(self._exchange, self._forwarded)
            self._exchange.refuse(refused)

    def leg_over(self) -> None:
        # Also where the client has left, or the answer was broken off: it says nothing of the next one.
        self._finish(fruitful=True)

    def _begun(self, head: ResponseHead) -> Entry | None:
        if (head.content_length or 0) > self._cache.settings.max_entry_bytes:
            return None
        if head.content_length is None and not head.chunked and head.status != 204:
            return None  # It ends with the connection, and nobody can tell whether it was whole.
        entry = self._route.entry_of(self._exchange, self._asked, head, asked_at=self._began)
        return entry if entry is not None and self._has_room(entry.size) else None

    def _has_room(self, size: int) -> bool:
        recorded = self._recording.reserved + size
        return recorded <= self._cache.settings.max_entry_bytes and self._cache.store.reserve(self._recording, size)

    def _forget(self) -> None:
        self._entry = None
        self._body = bytearray()
        self._cache.store.release(self._recording)

    def _store(self, entry: Entry) -> None:
        self._cache.store.release(self._recording)
        if not self._recording.void:
            entry.body = bytes(self._body)
            entry.describe()
            self._cache.store.put(entry)

    def _count(self) -> None:
        self._cache.count("miss")

    def _give_validated(self, entry: Entry) -> None:
        self._route.give(self._exchange, self._asked, entry, "revalidated")

    def _give_stale(self, stale: Entry) -> bool:
        """Answer with what is stored in place of an error, if that may be."""
        if self._recording.void or not stale.usable_on_error(self._cache.clock()):
            return False
        self._finish(fruitful=True)
        self._route.give(self._exchange, self._asked, stale, "stale")
        return True

    def _finish(self, *, fruitful: bool) -> None:
        if not self._over:
            self._over = True
            self._forget()
            self._cache.collapsing.filled(self._asked, self, fruitful=fruitful)
