"""The response cache of one worker: which routes have it, what it counts, and what it hears of the other workers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from gateway.cache.collapsing import Collapsing
from gateway.cache.entries import Entry
from gateway.cache.eviction import ORDERS
from gateway.cache.refreshing import Refreshing
from gateway.cache.route import CachedRoute, OtherRoute
from gateway.cache.selection import Asked
from gateway.cache.settings import RouteCacheSettings
from gateway.cache.slices import at_once
from gateway.cache.store import Store
from gateway.policies.headers import Headers
from gateway.proxy import target
from gateway.proxy.exchange import Exchange
from gateway.proxy.message import Refused, RequestHead
from gateway.proxy.pool import UpstreamPool

if TYPE_CHECKING:
    from gateway.proxy.dataplane import Dataplane
    from gateway.settings import ProxySettings

_DEFAULT = RouteCacheSettings()
# More changes within a report are told as one: forget everything.
_MOST_CHANGED = 10_000


class ResponseCache:
    """`clock` is monotonic and `wall` of the epoch, both in seconds.

    `by_route` has the routes that are cached. `serving` has all of them, or none where none is cached.
    """

    def __init__(
        self,
        settings: ProxySettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.settings = chosen = settings.cache.by_profile(settings.cache_optimization)
        self.clock = clock
        self.wall = wall
        self.store = Store(chosen.cache_size, ORDERS[chosen.eviction_policy](), max_variants=chosen.max_variants)
        self.collapsing = Collapsing(clock, chosen.collapse_wait_secs)
        self.refreshing = Refreshing()
        self.services = {route.id: route.upstream_id for route in settings.routes}
        self.by_route: dict[str, CachedRoute] = {}
        headers = Headers(settings.headers)
        self._rules = {route.id: headers.request_policy(route) for route in settings.routes}
        self._closed = {route.id for route in settings.routes if route.auth_required}
        self._counts: Counter[str] = Counter()
        self._changed: dict[bytes, None] = {}
        self._successor: ResponseCache | None = None
        for route in settings.routes:
            own = route.cache
            if own.enabled if own is not None else chosen.enabled:
                self.by_route[route.id] = CachedRoute(self, route.id, own or _DEFAULT)
        self.others = OtherRoute(self.changed)
        every = self.services if self.by_route else ()
        self.serving = {name: self.by_route.get(name, self.others) for name in every}

    def count(self, result: str) -> None:
        """Count what came of a request: hit, stale, revalidated, miss or bypass."""
        self._counts[result] += 1

    def refresh(self, route: CachedRoute, exchange: Exchange, pool: UpstreamPool, wanted: Asked, entry: Entry) -> None:
        """Have a newer one of what was given stale."""
        self.refreshing.begin(route, exchange, pool, wanted, entry)

    def warm(self, plane: Dataplane, scheme: bytes, host: bytes, path_and_query: bytes) -> bool:
        """Fetch a URL of a route that is cached and open to everybody; whether that has begun."""
        try:
            wanted = target.normalised(path_and_query)
            path = target.checked_path(wanted)
        except Refused:
            return False
        found = plane.route_to(path)
        route = self.by_route.get(found[0].id) if found is not None else None
        if found is None or route is None or found[0].id in self._closed:
            return False
        headers = [(b"host", host), (b"x-forwarded-proto", scheme)]
        head = RequestHead(b"GET", wanted, path, "1.1", headers, host, None, False, True, False, frozenset())
        return self.refreshing.warm(found[0], route, plane, found[1], head, self._rules[route.id])

    def changed(self, keys: Collection[bytes]) -> None:
        """Forget what a request has changed; the other workers are told with the next `take_changed`."""
        if self._successor is not None:
            self._successor.changed(keys)
            return
        for key in keys:
            self.store.invalidate(key, "unsafe")
            self._changed[key] = None

    def take_changed(self) -> list[str]:
        """What was changed since the last call; `*` where that was too much to be told one by one."""
        changed, self._changed = self._changed, {}
        return ["*"] if len(changed) > _MOST_CHANGED else [key.decode("latin-1") for key in changed]

    def changed_elsewhere(self, keys: Iterable[str]) -> None:
        """Forget what another worker's requests have changed."""
        for key in keys:
            if key == "*":
                at_once(self.store.purging(lambda _: True, "unsafe"))
            else:
                self.store.invalidate(key.encode("latin-1"), "unsafe")

    def tick(self, now: float) -> None:
        """See to deadlines; to be called several times a second."""
        self.refreshing.tick(now)

    def close(self) -> None:
        """Give up what no client waits for."""
        self.refreshing.close()

    def replaced_by(self, successor: ResponseCache) -> None:
        """Another one serves from now on. What requests that began here change, it has to forget."""
        self.close()
        self._successor = successor
        successor.changed(self._changed)

    def take_report(self) -> dict[str, Any] | None:
        """What was counted since the last call, and what there is; None where nothing is cached."""
        if not self.by_route:
            return None
        counts = {**self._counts, **self.store.take_counts()}
        self._counts.clear()
        return {
            "counts": counts,
            "entries": self.store.size,
            "bytes": self.store.used,
            "average_age": self.store.average_age(self.clock()),
        }
