"""How many requests a worker answers at a time: beyond that they wait in a bounded queue, and beyond that it is 503.

`maxConcurrency` and `queueSize` of runbook 000. A route may have limits of its own, and is within those of all, too.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.policies.settings import ConcurrencySettings
from gateway.proxy.admission import Asking, Rule
from gateway.proxy.message import Refused

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.settings import RouteSettings

_ALL = "*"


class Gate:
    """So many are within at a time; a place that becomes free is the one's that has waited the longest."""

    def __init__(self) -> None:
        self.within = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._most = 0
        self._queue_size = 0
        self._timeout = 0.0

    def configure(self, settings: ConcurrencySettings) -> None:
        """Go by these numbers; whoever is within stays, and whoever waits goes on waiting."""
        assert settings.max_concurrency is not None
        self._most = settings.max_concurrency
        self._queue_size = settings.queue_size
        self._timeout = settings.queue_timeout_secs
        while self._waiting and self.within < self._most:
            self.within += 1
            self._hand_over()

    def enter(self) -> bool:
        """Take a place, if one is free."""
        if self.within >= self._most:
            return False
        self.within += 1
        return True

    def leave(self) -> None:
        """Give a place back, or to who waits for one."""
        if self.within > self._most or not self._hand_over():
            self.within -= 1

    async def wait(self) -> None:
        """Wait for a place.

        Raises:
            Refused: too many wait already, or it took too long.
        """
        if len(self._waiting) >= self._queue_size:
            raise _full("too many requests wait already")
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(self._timeout):
                await place
        except BaseException as error:
            if place in self._waiting:
                self._waiting.remove(place)
            elif not place.cancelled():
                self.leave()
            if isinstance(error, TimeoutError):
                raise _full("no request ended in time") from None
            raise

    def _hand_over(self) -> bool:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return True
        return False


class Places:
    """Those that one request has; it gives them back when it is over."""

    __slots__ = ("_taken",)

    def __init__(self, taken: list[Gate]) -> None:
        self._taken = taken

    async def take(self, exchange: Exchange, gates: tuple[Gate, ...]) -> None:
        """Wait for a place at each gate, in their order."""
        for gate in gates:
            if not gate.enter():
                await gate.wait()
            if exchange.over:
                gate.leave()
                return
            self._taken.append(gate)

    def give_back(self) -> None:
        """The request is over."""
        for gate in self._taken:
            gate.leave()
        self._taken.clear()


class Entrance:
    """The rule of a route: through its own gate, and through that of all."""

    __slots__ = ("_gates",)

    def __init__(self, gates: tuple[Gate, ...]) -> None:
        self._gates = gates

    def __call__(self, exchange: Exchange) -> Asking | None:
        """Take the places, or have the request wait for them."""
        taken: list[Gate] = []
        places = Places(taken)
        exchange.at_end = places.give_back if exchange.at_end is None else _both(places.give_back, exchange.at_end)
        for number, gate in enumerate(self._gates):
            if not gate.enter():
                return places.take(exchange, self._gates[number:])
            taken.append(gate)
        return None


def _both(first: Callable[[], None], then: Callable[[], None]) -> Callable[[], None]:
    def done() -> None:
        first()
        then()

    return done


class Concurrency:
    """The gates of one worker, by route. What an `earlier` one has let in counts on."""

    def __init__(self, settings: ConcurrencySettings, earlier: Concurrency | None = None) -> None:
        self._settings = settings
        self._gates: dict[str, Gate] = {} if earlier is None else earlier._gates

    def policy(self, route: RouteSettings) -> tuple[Rule, ...]:
        """The rule of a route that has a limit."""
        limits = ((route.id, route.concurrency), (_ALL, self._settings))
        gates = tuple(
            self._gate(name, settings)
            for name, settings in limits
            if settings is not None and settings.max_concurrency is not None
        )
        return (Entrance(gates),) if gates else ()

    def _gate(self, name: str, settings: ConcurrencySettings) -> Gate:
        gate = self._gates.setdefault(name, Gate())
        gate.configure(settings)
        return gate


def _full(why: str) -> Refused:
    message = f"the gateway answers as many requests as it may: {why}"
    return Refused(503, "overloaded", message, ((b"retry-after", b"1"),))
