"""Which of several targets gets the next request.

Pure: targets are whatever has a name, a weight and requests in flight. A balancer is told of a change (`use`) and then
only chooses, so that what is costly is worked out once.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import random
from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

# A round of turns is not longer than this; weights beyond it are rounded to a tenth of a percent.
_LONGEST_ROUND = 1000
_POINTS = 100


class Weighted(Protocol):
    """What a balancer knows of a target."""

    name: str
    weight: int

    @property
    def in_flight(self) -> int: ...


T = TypeVar("T", bound=Weighted)


class Balancer(Protocol[T]):
    """A way to choose. `key` is what a consistent hash is taken of; `tried` are the targets that failed already."""

    def use(self, chosen: Sequence[T], every: Sequence[T]) -> None:
        """Choose from `chosen` from now on; `every` are those that would be, were all of them well."""

    def choose(self, key: bytes | None, tried: Collection[T] = ()) -> T | None:
        """The target for a request; None where none is left."""


class RoundRobin(Generic[T]):
    """One after the other, by weight and evenly mixed: 3 to 1 is A A B A, never A A A B (as nginx's smooth weights)."""

    def __init__(self) -> None:
        self._chosen: Sequence[T] = ()
        self._turns: Iterator[T] = iter(())

    def use(self, chosen: Sequence[T], every: Sequence[T]) -> None:  # noqa: ARG002 - others need it
        self._chosen = chosen
        turns = _smooth(chosen)
        # Each worker begins somewhere else, or the first target would be sent all their first requests.
        start = random.randrange(len(turns)) if turns else 0  # noqa: S311 - no secret
        self._turns = itertools.cycle(turns[start:] + turns[:start])

    def choose(self, key: bytes | None, tried: Collection[T] = ()) -> T | None:  # noqa: ARG002 - others need it
        if not tried:
            return next(self._turns, None)
        # Another try takes nobody's turn, or the next request would be sent again to the one that failed.
        left = [target for target in self._chosen if target not in tried]
        weights = [target.weight for target in left]
        return random.choices(left, weights)[0] if left else None  # noqa: S311 - no secret


class LeastConnections(Generic[T]):
    """The one with the fewest requests in flight for its weight; among equals, one after the other."""

    def __init__(self) -> None:
        self._chosen: deque[T] = deque()

    def use(self, chosen: Sequence[T], every: Sequence[T]) -> None:  # noqa: ARG002 - others need it
        self._chosen = deque(chosen)

    def choose(self, key: bytes | None, tried: Collection[T] = ()) -> T | None:  # noqa: ARG002 - others need it
        self._chosen.rotate(-1)
        left: Iterable[T] = [one for one in self._chosen if one not in tried] if tried else self._chosen
        return min(left, key=_load, default=None)


class ConsistentHash(Generic[T]):
    """The same key goes to the same target; where one is not well, only its keys go elsewhere.

    Every worker of every gateway with the same targets chooses the same: the points of the ring come from names.
    """

    def __init__(self) -> None:
        self._chosen: frozenset[T] = frozenset()
        self._ring: list[tuple[int, T]] = []
        self._points: list[int] = []
        self._made_of: list[tuple[str, int]] = []

    def use(self, chosen: Sequence[T], every: Sequence[T]) -> None:
        self._chosen = frozenset(chosen)
        made_of = [(target.name, target.weight) for target in every]
        if made_of != self._made_of:
            self._made_of = made_of
            self._ring = sorted(_ring(every), key=lambda point: point[0])
            self._points = [point for point, _ in self._ring]

    def choose(self, key: bytes | None, tried: Collection[T] = ()) -> T | None:
        if not self._chosen or (tried and self._chosen <= set(tried)):
            return None
        at = random.getrandbits(64) if key is None else _hashed(key)
        start = bisect_left(self._points, at)
        # The first is nearly always the one: nothing is copied for it.
        turns = (self._ring[place - len(self._ring)] for place in range(start, start + len(self._ring)))
        return next((one for _, one in turns if one in self._chosen and one not in tried), None)


def _smooth(targets: Sequence[T]) -> list[T]:
    """A round of turns: each step all gain their weight, the richest has its turn and pays for the whole step."""
    weights = [target.weight for target in targets]
    if sum(weights) > _LONGEST_ROUND:
        weights = [max(1, round(weight * _LONGEST_ROUND / sum(weights))) for weight in weights]
    shared = math.gcd(*weights) or 1
    weights = [weight // shared for weight in weights]
    whole, gained = sum(weights), [0] * len(weights)
    turns: list[T] = []
    for _ in range(whole):
        gained = [have + weight for have, weight in zip(gained, weights, strict=True)]
        richest = gained.index(max(gained))
        gained[richest] -= whole
        turns.append(targets[richest])
    return turns


def _load(target: Weighted) -> float:
    return (target.in_flight + 1) / target.weight


def _ring(targets: Sequence[T]) -> Iterator[tuple[int, T]]:
    mean = sum(target.weight for target in targets) / len(targets) if targets else 1
    for target in targets:
        for number in range(max(1, round(_POINTS * target.weight / mean))):
            yield _hashed(b"%s#%d" % (target.name.encode(), number)), target


def _hashed(key: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")
