"""Which entry makes room for another: the least recently used, the least often used, or the oldest."""

from __future__ import annotations

from typing import Protocol

from gateway.cache.entries import Entry
from gateway.cache.slices import Steps


class EvictionOrder(Protocol):
    """Knows all entries; each call takes the same time however many there are."""

    def add(self, entry: Entry) -> None: ...

    def used(self, entry: Entry) -> None: ...

    def remove(self, entry: Entry) -> None: ...

    def victim(self) -> Entry | None: ...

    def aging(self) -> Steps[None]:
        """Let what was used long ago count less."""


class Fifo:
    """The oldest goes first."""

    def __init__(self) -> None:
        self._entries: dict[Entry, None] = {}

    def add(self, entry: Entry) -> None:
        self._entries[entry] = None

    def used(self, entry: Entry) -> None:
        """It does not matter."""

    def remove(self, entry: Entry) -> None:
        self._entries.pop(entry, None)

    def victim(self) -> Entry | None:
        return next(iter(self._entries), None)

    def aging(self) -> Steps[None]:
        """There is nothing to forget."""
        yield from ()


class Lru(Fifo):
    """The least recently used goes first."""

    def used(self, entry: Entry) -> None:
        if entry in self._entries:
            del self._entries[entry]
            self._entries[entry] = None


class Lfu:
    """The least often used goes first, of those the oldest."""

    def __init__(self) -> None:
        self._by_count: dict[int, dict[Entry, None]] = {}
        self._counts: dict[Entry, int] = {}
        self._least = 0

    def add(self, entry: Entry) -> None:
        self._put(entry, 1)
        self._least = 1

    def used(self, entry: Entry) -> None:
        count = self._counts.get(entry)
        if count is not None:
            self._take(entry, count)
            self._put(entry, count + 1)
            if count == self._least and count not in self._by_count:
                self._least = count + 1

    def remove(self, entry: Entry) -> None:
        count = self._counts.pop(entry, None)
        if count is not None:
            self._take(entry, count)

    def victim(self) -> Entry | None:
        if not self._counts:
            return None
        if self._least not in self._by_count:
            self._least = min(self._by_count)
        return next(iter(self._by_count[self._least]))

    def aging(self) -> Steps[None]:
        """Halve all counts, or what was once popular would never go: the least first, as they make room for others."""
        for count in sorted(self._by_count):
            for entry in list(self._by_count.get(count, ())):
                if count > 1 and self._counts.get(entry) == count:
                    self._take(entry, count)
                    self._put(entry, count // 2)
                    self._least = min(self._least, count // 2)
                yield

    def _put(self, entry: Entry, count: int) -> None:
        self._counts[entry] = count
        self._by_count.setdefault(count, {})[entry] = None

    def _take(self, entry: Entry, count: int) -> None:
        entries = self._by_count[count]
        del entries[entry]
        if not entries:
            del self._by_count[count]


ORDERS: dict[str, type[Fifo] | type[Lfu]] = {"lru": Lru, "lfu": Lfu, "fifo": Fifo}
