"""Whoever tries out tokens is slowed down, and nobody else.

Of an address, only so many wrong tokens are looked at. A token that was right once is always looked at, so that nobody
is locked out by a neighbour; and the same wrong one again is a mistake of a program, and no guess.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.addresses import of_holder

#: So many at once, and then one each second.
AT_ONCE = 20
_EACH_SECS = 1.0
_MOST_ADDRESSES = 2000
_REMEMBERED = 8
_MOST_RIGHT = 2000


@dataclass(slots=True)
class _Tried:
    """What came from one address: until when its allowance is used up, and its last wrong tokens, by their digests."""

    used_until: float = 0.0
    wrong: deque[str] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))


class Guesses:
    """Those of all addresses, the latest ones; of the others they are forgotten. Tokens are known by their SHA-256."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._by_address: OrderedDict[str, _Tried] = OrderedDict()
        self._right: set[str] = set()

    def wait(self, address: str, digest: str) -> float:
        """Seconds until a token from there is looked at; 0 is now."""
        tried = self._by_address.get(of_holder(address))
        if tried is None or digest in self._right or digest in tried.wrong:
            return 0.0
        return max(0.0, tried.used_until - self._clock() - (AT_ONCE - 1) * _EACH_SECS)

    def right(self, digest: str) -> None:
        """It was a good one."""
        if len(self._right) >= _MOST_RIGHT:
            self._right.clear()  # Tokens have changed that often; those in use are known again at once.
        self._right.add(digest)

    def wrong(self, address: str, digest: str) -> None:
        """It was none."""
        holder = of_holder(address)
        tried = self._by_address.setdefault(holder, _Tried())
        self._by_address.move_to_end(holder)
        if digest not in tried.wrong:
            tried.wrong.append(digest)
            tried.used_until = max(tried.used_until, self._clock()) + _EACH_SECS
        while len(self._by_address) > _MOST_ADDRESSES:
            self._by_address.popitem(last=False)
