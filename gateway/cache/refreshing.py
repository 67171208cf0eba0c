"""Fetches that no client waits for: of what was given stale meanwhile, and of what operators want to be there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.cache.entries import Entry
from gateway.cache.policy import Use
from gateway.cache.selection import Asked
from gateway.cache.watching import ERRORS, IN_ITS_PLACE, Filling
from gateway.proxy.admission import Rule
from gateway.proxy.exchange import Exchange
from gateway.proxy.message import RequestHead, ResponseHead
from gateway.proxy.peers import Peer
from gateway.proxy.pool import UpstreamPool
from gateway.proxy.routing import Route

if TYPE_CHECKING:
    from gateway.cache.route import CachedRoute
    from gateway.proxy.dataplane import Dataplane

_MOST = 100
#: They say nothing of what is stored, and that there is no point in asking again at once.
_REFUSING = frozenset({*range(400, 600)} - ERRORS - IN_ITS_PLACE)


class _Nobody:
    """In the place of a client; `peer` is who has brought it about."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer

    def write(self, part: bytes) -> None:
        """Nobody reads it."""

    def write_whole(self, answer: bytes) -> None:
        """Nobody reads it."""

    def pause_body(self) -> None:
        """There is no body."""

    def resume_body(self) -> None:
        """There is no body."""

    def tunnel(self) -> bool:
        """It asks for no other protocol."""
        return False

    def untaken(self) -> int:
        """Nothing waits for it."""
        return 0

    def exchange_over(self, *, keep_alive: bool, now: float) -> None:
        """Nothing follows."""

    def cut(self) -> None:
        """Nothing is cut."""


class _Fetch(Exchange):
    """A request of the cache's own: it is no client's, so it is neither counted nor logged as one."""

    def __init__(self, plane: Dataplane, peer: Peer, head: RequestHead, over: Callable[[_Fetch], None]) -> None:
        super().__init__(plane, _Nobody(peer), head)
        self._told_over = over

    def finish(self) -> None:
        """What was wanted is there."""
        self._conclude(200, None)

    def _conclude(self, status: int, error_type: str | None) -> None:
        if self.over:
            return
        self.over = True
        self.status = status
        self.error_type = error_type
        if self._leg is not None:
            self._leg.conclude()
        self._drop()
        self._leg = None
        self._told_over(self)


class _Quietly(Filling):
    """Keeps the answer, and gives it to nobody."""

    def answer_started(self, head: ResponseHead) -> None:
        if head.status in _REFUSING:
            self._failed(by_error=False)
        super().answer_started(head)

    def _count(self) -> None:
        """No client has asked."""

    def _give_validated(self, entry: Entry) -> None:  # noqa: ARG002 - no client gets it
        assert isinstance(self._exchange, _Fetch)
        self._exchange.finish()

    def _give_stale(self, stale: Entry) -> bool:  # noqa: ARG002 - no client gets it
        return False


class Refreshing:
    """Those that are under way; a bounded number of them."""

    def __init__(self) -> None:
        self._fetches: set[_Fetch] = set()

    @property
    def under_way(self) -> int:
        """How many there are."""
        return len(self._fetches)

    def begin(
        self, route: CachedRoute, exchange: Exchange, pool: UpstreamPool, wanted: Asked, entry: Entry | None
    ) -> bool:
        """Fetch what a request wants, unless that is done already, or there are too many; whether it has begun."""
        if len(self._fetches) >= _MOST or route.cache.collapsing.is_under_way(wanted):
            return False
        head = replace(exchange.head, method=b"GET", content_length=None, chunked=False, expects_continue=False)
        fetch = _Fetch(exchange.plane, exchange.client.peer, head, self._fetches.discard)
        fetch.route, fetch.label = exchange.route, exchange.label
        fetch.identity, fetch.request_headers = exchange.identity, exchange.request_headers
        route.want_whole(fetch)
        self._run(route, fetch, pool, wanted, entry)
        return True

    def warm(
        self, found: Route, route: CachedRoute, plane: Dataplane, pool: UpstreamPool, head: RequestHead,
        rules: tuple[Rule, ...],
    ) -> bool:  # fmt: skip
        """Fetch what nobody has asked for yet, unless it is there and fresh; whether it has begun.

        `rules` write what the upstream is sent of any client's request.
        """
        fetch = _Fetch(plane, Peer(b"127.0.0.1", trusted=True), head, self._fetches.discard)
        fetch.route, fetch.label = found, found.id
        for rule in rules:
            rule(fetch)
        wanted = route.asked(fetch)
        entry = route.find(fetch, wanted)
        fresh = entry is not None and entry.usable(wanted.directives, route.cache.clock()) is Use.FRESH
        if fresh or len(self._fetches) >= _MOST or route.cache.collapsing.is_under_way(wanted):
            return False
        self._run(route, fetch, pool, wanted, entry)
        return True

    def _run(self, route: CachedRoute, fetch: _Fetch, pool: UpstreamPool, wanted: Asked, entry: Entry | None) -> None:
        self._fetches.add(fetch)
        route.fetch(fetch, pool, wanted, entry, _Quietly)
        fetch.request_ended()

    def tick(self, now: float) -> None:
        """See to their deadlines."""
        for fetch in tuple(self._fetches):
            fetch.check_deadlines(now)

    def close(self) -> None:
        """Give them up."""
        for fetch in tuple(self._fetches):
            fetch.client_gone()
