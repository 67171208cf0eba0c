"""The entries of one worker within a budget of bytes, found by key, tag and prefix.

What is being recorded counts, too, so the whole never takes more than the budget. A recording that an operator or a
change has made void meanwhile is not stored: it may be of before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from gateway.cache.entries import Entry, Selection
from gateway.cache.eviction import EvictionOrder
from gateway.cache.slices import Steps, at_once


class Recording:
    """Room that was set aside for an answer that is arriving."""

    __slots__ = ("key", "reserved", "void")

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.reserved = 0
        self.void = False


class Store:
    """`evicted` and `invalidated` are counted until they are taken."""

    def __init__(self, budget: int, order: EvictionOrder, *, max_variants: int) -> None:
        self._budget = budget
        self._order = order
        self._max_variants = max_variants
        self._by_key: dict[bytes, list[Entry]] = {}
        self._by_tag: dict[bytes, set[Entry]] = {}
        self._recordings: dict[bytes, set[Recording]] = {}
        self._born = 0.0
        self.used = 0
        """Bytes, of entries and of what is being recorded."""
        self.size = 0
        """How many entries there are."""
        self.evicted = 0
        self.invalidated: Counter[str] = Counter()

    def average_age(self, now: float) -> float:
        """Seconds; 0 without entries."""
        return max(0.0, now - self._born / self.size) if self.size else 0.0

    def variants(self, key: bytes) -> Iterable[Entry]:
        """What is stored for a URL, the newest first."""
        return self._by_key.get(key, ())

    def entries(self) -> Iterator[Entry]:
        """All of them, in no order."""
        for variants in self._by_key.values():
            yield from variants

    def hit(self, entry: Entry) -> None:
        """It was used."""
        entry.hits += 1
        self._order.used(entry)

    # Storing.

    def record(self, key: bytes) -> Recording:
        """Begin to set room aside for an answer."""
        recording = Recording(key)
        self._recordings.setdefault(key, set()).add(recording)
        return recording

    def reserve(self, recording: Recording, size: int) -> bool:
        """Set more aside; False where there is none even without any entry."""
        while self.used + size > self._budget:
            if not self._evict():
                return False
        recording.reserved += size
        self.used += size
        return True

    def release(self, recording: Recording) -> None:
        """The recording is over, stored or not."""
        recordings = self._recordings.get(recording.key, set())
        if recording in recordings:
            recordings.discard(recording)
            if not recordings:
                del self._recordings[recording.key]
            self.used -= recording.reserved
            recording.reserved = 0

    def put(self, entry: Entry) -> bool:
        """Store it, in place of what was there for the same request; False where there is no room for it."""
        known = self.selected(entry.key, entry.selection)
        if known is not None:
            self._remove(known)
        while self.used + entry.size > self._budget:
            if not self._evict():
                return False
        variants = self._by_key.setdefault(entry.key, [])
        variants.insert(0, entry)
        self._count_in(entry)
        self._order.add(entry)
        if len(variants) > self._max_variants:
            self.evicted += 1
            self._remove(variants[-1])
        return True

    def selected(self, key: bytes, selection: Selection) -> Entry | None:
        """What is stored for requests of just this selection."""
        return next((one for one in self.variants(key) if one.selection == selection), None)

    def update(self, entry: Entry, change: Callable[[Entry], None]) -> None:
        """Change a stored entry, also in what it is found and counted by."""
        if entry not in self._by_key.get(entry.key, ()):
            change(entry)
            return
        self._count_out(entry)
        change(entry)
        self._count_in(entry)
        while self.used > self._budget and self._evict():
            continue

    def _count_in(self, entry: Entry) -> None:
        self.used += entry.size
        self.size += 1
        self._born += entry.received - entry.terms.initial_age
        for tag in entry.tags:
            self._by_tag.setdefault(tag, set()).add(entry)

    def _count_out(self, entry: Entry) -> None:
        self.used -= entry.size
        self.size -= 1
        self._born -= entry.received - entry.terms.initial_age
        for tag in entry.tags:
            entries = self._by_tag.get(tag, set())
            entries.discard(entry)
            if not entries:
                self._by_tag.pop(tag, None)

    def _remove(self, entry: Entry) -> None:
        variants = self._by_key.get(entry.key)
        if variants is None or entry not in variants:
            return
        variants.remove(entry)
        if not variants:
            del self._by_key[entry.key]
        self._count_out(entry)
        self._order.remove(entry)

    def _evict(self) -> bool:
        victim = self._order.victim()
        if victim is None:
            return False
        self.evicted += 1
        self._remove(victim)
        return True

    # Taking back.

    def forget(self, entry: Entry, cause: str) -> None:
        """Forget one entry, if it is still there."""
        if entry in self._by_key.get(entry.key, ()):
            self._remove(entry)
            self.invalidated[cause] += 1

    def invalidate(self, key: bytes, cause: str) -> int:
        """Forget what is stored for a URL; how many entries that were."""
        return at_once(self._forgetting([key], cause, None, self._recordings.get(key, ())))

    def purging(
        self, wanted: Callable[[bytes], bool], cause: str, *, soft_at: float | None = None, key: bytes | None = None
    ) -> Steps[int]:
        """Forget all whose keys are `wanted`, or only what is stored for `key` of them; how many entries that were.

        `soft_at`: have them be stale from now on instead. What is being recorded now is void from the first step on.
        """
        void = [one for name, recordings in self._recordings.items() if wanted(name) for one in recordings]
        keys = list(self._by_key) if key is None else [key]
        return (yield from self._forgetting(keys, cause, soft_at, void, wanted))

    def purging_tag(self, tag: bytes, *, soft_at: float | None = None) -> Steps[int]:
        """The same by a tag. What is being recorded may have it, too."""
        for recordings in self._recordings.values():
            for recording in recordings:
                recording.void = True
        forgotten = 0
        for entry in list(self._by_tag.get(tag, ())):
            forgotten += self._purge(entry, soft_at)
            yield
        self.invalidated["tag"] += forgotten
        return forgotten

    def _forgetting(
        self, keys: Iterable[bytes], cause: str, soft_at: float | None, void: Iterable[Recording],
        wanted: Callable[[bytes], bool] | None = None,
    ) -> Steps[int]:  # fmt: skip
        for recording in void:
            recording.void = True
        forgotten = 0
        for key in keys:
            if wanted is None or wanted(key):
                forgotten += sum(self._purge(entry, soft_at) for entry in tuple(self._by_key.get(key, ())))
            yield
        self.invalidated[cause] += forgotten
        return forgotten

    def _purge(self, entry: Entry, soft_at: float | None) -> bool:
        if entry not in self._by_key.get(entry.key, ()):
            return False
        entry.may_be_renewed()
        if soft_at is None:
            self._remove(entry)
        elif entry.purged is None:
            entry.purged = soft_at
        return True

    def optimizing(self, now: float) -> Steps[tuple[int, int]]:
        """Drop what can be of no use any more, and let old uses count less; (entries, bytes) that this has freed."""
        removed = freed = 0
        for key in list(self._by_key):
            for entry in tuple(self._by_key.get(key, ())):
                if not entry.worth_keeping(now):
                    removed, freed = removed + 1, freed + entry.size
                    self._remove(entry)
            yield
        yield from self._order.aging()
        return removed, freed

    def listing(self) -> Steps[list[tuple[bytes, Selection]]]:
        """What `selected` finds all entries by, what is used most first: to keep them would keep their memory."""
        by_hits: dict[int, list[tuple[bytes, Selection]]] = {}
        for key in list(self._by_key):
            for entry in self._by_key.get(key, ()):
                by_hits.setdefault(entry.hits, []).append((key, entry.selection))
            yield
        return [name for hits in sorted(by_hits, reverse=True) for name in by_hits[hits]]

    def take_counts(self) -> dict[str, int]:
        """What was evicted and invalidated since the last call, by `eviction` and `invalidation:CAUSE`."""
        taken = {f"invalidation:{cause}": number for cause, number in self.invalidated.items() if number}
        if self.evicted:
            taken["eviction"] = self.evicted
        self.evicted = 0
        self.invalidated.clear()
        return taken
