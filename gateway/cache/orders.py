"""What operators order of the cache, done in one worker: purge, optimise, snapshot, restore, warm.

Each is done in slices: with a hundred thousand entries it takes a while, and clients do not wait for that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from gateway.cache.entries import Selection
from gateway.cache.response_cache import ResponseCache
from gateway.cache.selection import target_of, url
from gateway.cache.slices import Steps, in_slices
from gateway.cache.snapshots import NotRestorable, described, restored

_PAGE_BYTES = 262_144
#: Of one entry in a snapshot: the supervisor's channel, which it is sent over, has a bound.
_MOST_BYTES = 8 * 1024 * 1024

Order = dict[str, Any]


class Fetches(Protocol):
    """Fetches a path of a host into the cache; says whether it has begun to."""

    def __call__(self, scheme: bytes, host: bytes, target: bytes) -> bool: ...


class CacheOrders:
    """Carries them out; each answers with what came of it, as JSON values."""

    def __init__(self, cache: ResponseCache, worker: str, fetch: Fetches) -> None:
        self._cache = cache
        self._worker = worker
        self._fetch = fetch
        self._listed: tuple[str, list[tuple[bytes, Selection]]] = ("", [])
        self._by_name: dict[str, Callable[[Order], Steps[Order]]] = {
            "purge": self._purge,
            "optimize": self._optimize,
            "snapshot": self._snapshot,
            "restore": self._restore,
            "warm": self._warm,
        }

    async def obey(self, order: Order) -> Order:
        """Do what `order["do"]` says."""
        return {"worker": self._worker, **await in_slices(self._by_name[order["do"]](order))}

    def _purge(self, order: Order) -> Steps[Order]:
        """By `url`, `prefix` or `tag`, or all; `soft` ones are stale from now on."""
        return {"purged": (yield from self._purging(order["by"], order["value"].encode("latin-1", "replace"), order))}

    def _purging(self, by: str, text: bytes, order: Order) -> Steps[int]:
        store, soft_at = self._cache.store, self._cache.clock() if order["soft"] else None
        if by == "tag":
            return store.purging_tag(text.lower(), soft_at=soft_at)
        if by == "all":
            return store.purging(lambda _: True, by, soft_at=soft_at)
        wanted = named(text)
        if by == "prefix":
            return store.purging(lambda key: _part(key, wanted).startswith(wanted), by, soft_at=soft_at)
        only = None if wanted.startswith(b"/") else wanted
        return store.purging(lambda key: _part(key, wanted) == wanted, by, soft_at=soft_at, key=only)

    def _optimize(self, _: Order) -> Steps[Order]:
        removed, freed = yield from self._cache.store.optimizing(self._cache.clock())
        return {"removed": removed, "freed_bytes": freed}

    def _snapshot(self, order: Order) -> Steps[Order]:
        """A page of the snapshot `id`, from where this worker's last one has ended; what is used most comes first."""
        position = order["after"].get(self._worker, 0)
        if position is None:
            return {"entries": [], "next": None}
        store, now = self._cache.store, self._cache.clock()
        if self._listed[0] != order["id"]:
            self._listed = (order["id"], (yield from store.listing()))
        listed, size, found = self._listed[1], 0, list[Order]()
        while position < len(listed) and size < _PAGE_BYTES:
            entry = store.selected(*listed[position])
            position += 1
            if entry is not None and entry.worth_keeping(now) and entry.size <= _MOST_BYTES:
                size += entry.size
                found.append(described(entry, now))
            yield
        if position < len(listed):
            return {"entries": found, "next": position}
        self._listed = ("", [])
        return {"entries": found, "next": None}

    def _restore(self, order: Order) -> Steps[Order]:
        """Take over entries; none that is not of a route that is cached here, nor an older one than is there."""
        cache, now, taken = self._cache, self._cache.clock(), 0
        for told in order["entries"]:
            yield
            try:
                entry = restored(told, now=now, date=cache.wall(), elapsed=order["elapsed"])
            except NotRestorable:
                continue
            known = cache.store.selected(entry.key, entry.selection)
            newer = known is not None and known.age(now) <= entry.age(now)
            fits = entry.size <= cache.settings.max_entry_bytes and entry.route in cache.by_route
            if fits and not newer and entry.worth_keeping(now):
                taken += cache.store.put(entry)
        return {"restored": taken}

    def _warm(self, order: Order) -> Steps[Order]:
        """Fetch what is not there, or not fresh."""
        scheme, host, begun = order["scheme"].encode(), order["host"].encode("latin-1"), 0
        for target in order["targets"]:
            begun += self._fetch(scheme, host, target.encode("latin-1"))
            yield
        return {"begun": begun}


def named(text: bytes) -> bytes:
    """What an operator has written of a URL, as keys have it: from its scheme on, or from its path on for any host."""
    if text.startswith(b"/"):
        return text
    scheme, _, rest = text.partition(b"://")
    host, slash, target = rest.partition(b"/")
    return url(scheme, host, (slash + target) or b"/")


def _part(key: bytes, wanted: bytes) -> bytes:
    """What of a key is to be compared with `wanted`."""
    return target_of(key) if wanted.startswith(b"/") else key
