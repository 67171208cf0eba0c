"""Requests for what is being fetched already: they wait for it, for a bounded time, instead of asking once more."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

from gateway.cache.selection import Asked
from gateway.proxy.exchange import Exchange
from gateway.proxy.message import Refused

#: Who fetches something.
Fetcher: TypeAlias = object
_MOST_FRUITLESS = 10_000
_FRUITLESS_SECS = 10.0
#: What takes longer than this is fetched once more for itself: it is perhaps the client of that fetch who is slow.
_LONGEST_FETCH_SECS = 60.0
_Key: TypeAlias = tuple[bytes, bool]


class Waiting:
    """A request that waits, in the place of an upstream's leg; `go_on` is called once, when it need wait no more."""

    __slots__ = ("_clock", "_exchange", "_go_on", "connected", "connecting", "deadline", "full", "service")

    def __init__(
        self, exchange: Exchange, deadline: float, service: str, clock: Callable[[], float], go_on: Callable[[], None]
    ) -> None:
        self._exchange = exchange
        self._clock = clock
        self.deadline = deadline
        self.service: str | None = service
        self.full = False
        self.connecting = False
        self.connected = False
        self._go_on: Callable[[], None] | None = go_on

    def is_late(self, now: float) -> bool:
        """Whether it has waited for as long as it may."""
        return now > self.deadline

    def go_on(self) -> None:
        """What it waited for is there, or will not come."""
        resumed, self._go_on = self._go_on, None
        if resumed is not None:
            resumed()

    def fail(self, status: int, failure: str, message: str) -> None:
        """It has waited for as long as it may, and asks by itself; unless its own time is over, too."""
        if self._clock() > self.deadline:
            self.deadline = float("inf")
            self.go_on()
        else:
            self._exchange.refuse(Refused(status, failure, message))

    def request_body(self, chunk: bytes) -> None:
        """There is none."""

    def request_ended(self) -> None:
        """Nobody is to be told."""

    def pause_answer(self) -> None:
        """There is none yet."""

    def resume_answer(self) -> None:
        """There is none yet."""

    def drop(self) -> None:
        """The client has left."""
        self._go_on = None

    def conclude(self) -> None:
        """The same."""
        self.drop()


class Collapsing:
    """Who fetches what, and who waits for it. Those with credentials are apart from those without.

    What turned out not to be stored is not waited for again for a while: answers to it are nobody else's.
    """

    def __init__(self, clock: Callable[[], float], wait_secs: float) -> None:
        self._clock = clock
        self._wait = wait_secs
        self._fetching: dict[_Key, tuple[Fetcher, float]] = {}
        """Who began to fetch it last, and when."""
        self._waiting: dict[_Key, list[Waiting]] = {}
        # By hashes: URLs are long, and one that is taken for another only has somebody not wait.
        self._fruitless: OrderedDict[int, float] = OrderedDict()

    def is_fetched(self, asked: Asked) -> bool:
        """Whether somebody fetches it, and it is worth waiting for that.

        Who has been at it for as long as one may wait has perhaps a client that does not read.
        """
        key = (asked.key, asked.credentials)
        return self._has_begun(key, self._wait) and self._fruitless.get(hash(key), 0.0) <= self._clock()

    def is_under_way(self, asked: Asked) -> bool:
        """Whether somebody fetches it, and not for too long yet."""
        return self._has_begun((asked.key, asked.credentials), _LONGEST_FETCH_SECS)

    def _has_begun(self, key: _Key, within: float) -> bool:
        known = self._fetching.get(key)
        return known is not None and self._clock() < known[1] + within

    def fetching(self, asked: Asked, fetcher: Fetcher) -> None:
        """`fetcher` has begun to fetch it, and is waited for from now on."""
        self._fetching[asked.key, asked.credentials] = fetcher, self._clock()

    def wait(self, asked: Asked, exchange: Exchange, service: str, since: float, go_on: Callable[[], None]) -> None:
        """Have an exchange that has waited since `since` wait for it."""
        waiting = Waiting(exchange, since + self._wait, service, self._clock, go_on)
        self._waiting.setdefault((asked.key, asked.credentials), []).append(waiting)
        exchange.wait(waiting)

    def filled(self, asked: Asked, fetcher: Fetcher, *, fruitful: bool) -> None:
        """The fetch is over; those who waited go on, each in a turn of the loop of its own."""
        key = (asked.key, asked.credentials)
        if fruitful:
            self._fruitless.pop(hash(key), None)
        else:
            self._fruitless[hash(key)] = self._clock() + _FRUITLESS_SECS
            if len(self._fruitless) > _MOST_FRUITLESS:
                self._fruitless.popitem(last=False)
        if key not in self._fetching or self._fetching[key][0] is not fetcher:
            return
        del self._fetching[key]
        for waiting in self._waiting.pop(key, ()):
            asyncio.get_running_loop().call_soon(waiting.go_on)
