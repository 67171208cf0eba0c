"""What the cache does with a request of its route: answer it, have it wait, or fetch and keep the answer."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from typing import TYPE_CHECKING

from gateway.cache import policy
from gateway.cache.conditions import IN_A_304, not_modified, updated, wanted_range
from gateway.cache.directives import directives_of, fields_of
from gateway.cache.entries import Entry, kept_headers
from gateway.cache.policy import Defaults, Use
from gateway.cache.selection import Asked, asked, selected, selecting, selection
from gateway.cache.settings import RouteCacheSettings
from gateway.cache.watching import Filling, HeadUpdate, Unsafe
from gateway.proxy.exchange import Exchange
from gateway.proxy.message import Headers, Refused, ResponseHead
from gateway.proxy.pool import UpstreamPool
from gateway.proxy.rewriting import PSEUDONYM, RESPONSE_OWN, HeaderEdits

if TYPE_CHECKING:
    from gateway.cache.response_cache import ResponseCache

_READING = frozenset({b"GET", b"HEAD"})
_SAFE = _READING | {b"OPTIONS"}
_NO_EDITS = HeaderEdits()
# A fetch that asks whether something has changed asks about the whole of it, and nothing of the client's own.
_CONDITIONAL = frozenset(
    {b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since", b"if-range", b"range"}
)
_COOKIE = frozenset({b"cookie"})


class OtherRoute:
    """A route without the cache: what its requests change may be stored of another one."""

    def __init__(self, changed: Callable[[list[bytes]], None]) -> None:
        self._changed = changed

    def serve(self, exchange: Exchange, pool: UpstreamPool) -> None:
        """Pass it on."""
        exchange.forward(pool, None if exchange.head.method in _SAFE else Unsafe(exchange, self._changed))


class CachedRoute:
    """The cache as one route has it."""

    def __init__(self, cache: ResponseCache, route_id: str, settings: RouteCacheSettings) -> None:
        common = cache.settings
        ttl = common.default_ttl if settings.default_ttl is None else settings.default_ttl
        self.cache = cache
        self.id = route_id
        self._defaults = Defaults(ttl, common.stale_while_revalidate, common.stale_if_error)
        self._obey = common.obey_requests
        self._ignore_cookies = settings.ignore_cookies

    def serve(self, exchange: Exchange, pool: UpstreamPool) -> None:
        """Answer it from what is stored, or from the upstream."""
        if exchange.head.method not in _READING:
            self.cache.others.serve(exchange, pool)
            return
        if self._ignore_cookies:
            self._edit(exchange, _COOKIE)
        self._look(exchange, pool, self.asked(exchange), self.cache.clock())

    def asked(self, exchange: Exchange) -> Asked:
        """What an exchange asks of the cache."""
        return asked(exchange, obey=self._obey, ignore_cookies=self._ignore_cookies)

    def _look(
        self, exchange: Exchange, pool: UpstreamPool, wanted: Asked, since: float, *, waited: bool = False
    ) -> None:
        """Find out what there is for what has come at `since`; again after it has `waited` for another request."""
        cache, now = self.cache, self.cache.clock()
        if wanted.passed or b"no-store" in wanted.directives:
            cache.count("bypass")
            self.tell(exchange, b"bypass")
            exchange.forward(pool)
            return
        entry = self.find(exchange, wanted)
        use = Use.REVALIDATE if entry is None else entry.usable(wanted.directives, now)
        if entry is not None and entry.failed and use is Use.REVALIDATE and cache.collapsing.is_under_way(wanted):
            # That it fails is known, and somebody finds out just now whether it still does.
            use = entry.usable(wanted.directives, now, rests=True)
        if entry is not None and use is not Use.REVALIDATE:
            self.give(exchange, wanted, entry, "hit" if use is Use.FRESH else "stale", collapsed=waited)
            if use is Use.STALE_WHILE_REVALIDATE:
                cache.refresh(self, exchange, pool, wanted, entry)
        elif b"only-if-cached" in wanted.directives:
            cache.count("bypass")
            exchange.refuse(Refused(504, "not_cached", "the request wants a stored answer only, and there is none"))
        elif exchange.head.method == b"HEAD":
            self._pass_on(exchange, pool, wanted, entry)
        elif wanted.partial and (entry is None or not entry.validators):
            self._pass_on(exchange, pool, wanted, None)
        elif cache.collapsing.is_fetched(wanted) and now < since + cache.settings.collapse_wait_secs:
            self._wait(exchange, pool, wanted, since)
        else:
            self.fetch(exchange, pool, wanted, entry)

    def find(self, exchange: Exchange, wanted: Asked) -> Entry | None:
        """What is stored for it, if it may be given to whoever asks."""
        for entry in self.cache.store.variants(wanted.key):
            if entry.route == self.id and (entry.terms.shared or not wanted.credentials) and selected(exchange, entry):
                return entry
        return None

    def _wait(self, exchange: Exchange, pool: UpstreamPool, wanted: Asked, since: float) -> None:
        def go_on() -> None:
            if not exchange.over:
                self._look(exchange, pool, wanted, since, waited=True)

        self.cache.collapsing.wait(wanted, exchange, pool.id, since, go_on)

    def _pass_on(self, exchange: Exchange, pool: UpstreamPool, wanted: Asked, entry: Entry | None) -> None:
        """Not to be stored: an answer to HEAD, or a part."""
        if entry is None:
            self.cache.count("miss")
            self.tell(exchange, b"miss")
        exchange.forward(pool, None if entry is None else HeadUpdate(self, exchange, wanted, entry))

    def fetch(
        self,
        exchange: Exchange,
        pool: UpstreamPool,
        wanted: Asked,
        entry: Entry | None,
        kind: type[Filling] = Filling,
    ) -> None:
        """Ask the upstream, or, where something is stored, whether that has changed."""
        validators = entry.validators if entry is not None else []
        if validators:
            self._edit(exchange, _CONDITIONAL, validators)
        filling = kind(self, exchange, wanted, entry, validating=bool(validators))
        self.cache.collapsing.fetching(wanted, filling)
        exchange.forward(pool, filling)

    def want_whole(self, exchange: Exchange) -> None:
        """Have the upstream asked for all of it, whatever part its client wants, or already has."""
        self._edit(exchange, _CONDITIONAL)

    def _edit(self, exchange: Exchange, dropped: frozenset[bytes], added: Headers | None = None) -> None:
        edits = exchange.request_headers or _NO_EDITS
        kept = [one for one in edits.added if one[0] not in dropped]
        exchange.request_headers = HeaderEdits(edits.dropped | dropped, (*kept, *(added or ())))

    # Entries.

    def entry_of(self, exchange: Exchange, wanted: Asked, head: ResponseHead, *, asked_at: float) -> Entry | None:
        """An entry for an answer, yet without its body; None where it may not be stored."""
        fields = fields_of(head.headers)
        if not policy.storable(head.status, fields, wanted.directives, credentials=wanted.credentials):
            return None
        chosen_by = selection(exchange, fields.get(b"vary"))
        if chosen_by is None:
            return None
        now, date = self.cache.clock(), self.cache.wall()
        terms = policy.terms(head.status, fields, self._defaults, now=date, delay=now - asked_at)
        headers = kept_headers(head)
        if b"date" not in fields:
            headers.append((b"date", _http_date(date)))
        entry = Entry(wanted.key, self.id, chosen_by, head.status, head.reason, headers, b"", terms, now, date)
        return entry if entry.worth_keeping(now) else None

    def freshen(self, entry: Entry, head: ResponseHead, *, asked_at: float) -> None:
        """Take over what a 304, or an answer to HEAD, says of what is stored.

        Where that makes it somebody's own, or has it chosen by something else, it is not stored any longer.
        """
        now, date = self.cache.clock(), self.cache.wall()
        newer, told = kept_headers(head), fields_of(head.headers)
        if b"date" not in told:
            newer.append((b"date", _http_date(date)))
        headers = updated(entry.headers, newer)
        fields = fields_of(headers)
        if b"age" in told:  # It is of the answer that it came with.
            fields[b"age"] = told[b"age"]
        terms = policy.terms(entry.status, fields, self._defaults, now=date, delay=now - asked_at)

        def change(one: Entry) -> None:
            one.headers, one.terms, one.received, one.date, one.purged = headers, terms, now, date, None
            one.may_be_renewed()
            one.describe()

        allowed = policy.storable(entry.status, fields, directives_of(None), credentials=False)
        same_choice = selecting(fields.get(b"vary")) == [name for name, _ in entry.selection]
        if not allowed or not same_choice or (entry.terms.shared and not terms.shared):
            self.cache.store.forget(entry, "changed")
        self.cache.store.update(entry, change)

    # Answering.

    def give(self, exchange: Exchange, wanted: Asked, entry: Entry, result: str, *, collapsed: bool = False) -> None:
        """Answer with what is stored: the whole, a part, or that the client has it already."""
        cache, now = self.cache, self.cache.clock()
        cache.count(result)
        cache.store.hit(entry)
        status, lines, body = _rendered(exchange, wanted, entry)
        remaining = -entry.staleness(now)
        lines.append(b"age: %d\r\n" % entry.age(now))
        lines.append(b"cache-status: %b\r\n" % _status(result, remaining, collapsed=collapsed))
        lines.append(b"x-cache: %b\r\n" % result.upper().encode())
        if exchange.dropped_answer_headers is not RESPONSE_OWN:
            lines = _without(lines, exchange.dropped_answer_headers)
        lines += [b"%b: %b\r\n" % one for one in exchange.answer_headers]
        via = entry.fields.get(b"via")
        lines.append(b"via: %b1.1 %b\r\n" % (via + b", " if via else b"", PSEUDONYM))
        exchange.answer_kept(status, b"".join(lines), body, cache.services[self.id])

    def tell(self, exchange: Exchange, forwarded: bytes, *, status: int | None = None, stored: bool = False) -> None:
        """Say in an upstream's answer why the cache did not give one (RFC 9211)."""
        parts = [PSEUDONYM, b"fwd=" + forwarded]
        if status is not None:
            parts.append(b"fwd-status=%d" % status)
        if stored:
            parts.append(b"stored")
        exchange.answer_headers = [
            *exchange.answer_headers,
            (b"cache-status", b"; ".join(parts)),
            (b"x-cache", b"BYPASS" if forwarded == b"bypass" else b"MISS"),
        ]


def _rendered(exchange: Exchange, wanted: Asked, entry: Entry) -> tuple[int, list[bytes], bytes | memoryview]:
    """(status, lines of the head, body) of the answer that suits the request."""
    size = len(entry.body)
    if entry.status == 200 and wanted.fields.keys() & _CONDITIONAL:
        if not_modified(wanted.fields, entry.fields, entry.date):
            kept = [b"%b: %b\r\n" % one for one in entry.headers if one[0] in IN_A_304]
            return 304, [b"HTTP/1.1 304 Not Modified\r\n", *kept], b""
        whole = exchange.head.method != b"GET" or b"content-range" in entry.fields or _mixes(exchange, wanted, entry)
        part = None if whole else wanted_range(wanted.fields, entry.fields, size)
        if part is not None:
            first, end = part
            fields = entry.head.partition(b"\r\n")[2]
            told = b"content-range: bytes %d-%d/%d\r\ncontent-length: %d\r\n" % (first, end - 1, size, end - first)
            return 206, [b"HTTP/1.1 206 Partial Content\r\n", fields, told], memoryview(entry.body)[first:end]
    lines = [entry.head]
    if entry.status != 204:
        lines.append(b"content-length: %d\r\n" % size)
    return entry.status, lines, b"" if exchange.head.method == b"HEAD" else entry.body


def _mixes(exchange: Exchange, wanted: Asked, entry: Entry) -> bool:
    """Whether a client that wants the rest of what it has may have that in a coding.

    The tag of a coded answer is another one, but its date is that of the plain one.
    """
    condition, compressing = wanted.fields.get(b"if-range"), exchange.compressing
    if condition is None or compressing is None or condition.startswith(b'"'):
        return False
    return b"content-encoding" not in entry.fields and compressing.would_code(entry.fields.get(b"content-type", b""))


def _without(lines: list[bytes], dropped: frozenset[bytes]) -> list[bytes]:
    """The head without the fields that rules of the route leave out of answers."""
    names = dropped - RESPONSE_OWN
    first, *fields = b"".join(lines).splitlines(keepends=True)
    return [first, *(field for field in fields if field.partition(b":")[0] not in names)]


def _status(result: str, remaining: float, *, collapsed: bool) -> bytes:
    if result == "revalidated":
        return b"%b; fwd=stale; fwd-status=304; ttl=%d" % (PSEUDONYM, remaining)
    return b"%b; hit; ttl=%d%b" % (PSEUDONYM, remaining, b"; collapsed" if collapsed else b"")


def _http_date(epoch: float) -> bytes:
    return formatdate(epoch, usegmt=True).encode()
