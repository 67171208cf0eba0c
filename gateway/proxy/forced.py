"""What operators have ordered of circuit breakers, in one worker.

A breaker that is forced open lets nothing through, one that is forced closed everything. It stands in the place of the
upstream's own one until its time is over, and learns nothing meanwhile; the own one then goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from gateway.proxy.breaker import CircuitBreaker, CircuitState
from gateway.proxy.pool import UpstreamPool
from gateway.upstreams.settings import CircuitBreakerSettings

_UNUSED = CircuitBreakerSettings()

#: [state, expires at (epoch)] by upstream: those that hold, the one that goes first, first.
Orders = Mapping[str, list[tuple[str, float]]]


class ForcedBreaker(CircuitBreaker):
    """Open or closed for `seconds`."""

    def __init__(self, *, is_open: bool, clock: Callable[[], float], seconds: float) -> None:
        super().__init__(_UNUSED, clock)
        self.state = CircuitState.OPEN if is_open else CircuitState.CLOSED
        self._until = clock() + seconds

    def enter(self) -> int | None:
        """A ticket for every request, or for none."""
        return None if self.state is CircuitState.OPEN else 0

    def succeeded(self, ticket: int) -> None:
        """Nothing comes of it."""

    def failed(self, ticket: int) -> None:
        """Nothing comes of it."""

    @property
    def shown(self) -> CircuitState:
        """What was ordered."""
        return self.state


class CircuitOrders:
    """Puts into each pool the breaker that holds: a forced one, the own one, or one made for an upstream without."""

    def __init__(
        self, pools: Mapping[str, UpstreamPool], clock: Callable[[], float], make: Callable[[str], CircuitBreaker]
    ) -> None:
        self._pools = pools
        self._clock = clock
        self._make = make
        self._own = {name: pool.breaker for name, pool in pools.items()}
        self._orders: dict[str, list[tuple[str, float]]] = {}
        self._held: dict[str, tuple[str, float]] = {}

    def configure(
        self,
        pools: Mapping[str, UpstreamPool],
        own: Mapping[str, CircuitBreaker | None],
        same: Collection[str],
        now: float,
    ) -> None:
        """Put these breakers into these pools from now on; of upstreams that are the `same`, what is forced stays."""
        forced = {name: self._pools[name].breaker for name in self._held if name in same}
        self._held = {name: order for name, order in self._held.items() if name in forced}
        self._own, self._pools = dict(own), pools
        for name, pool in pools.items():
            pool.breaker = forced[name] if name in forced else own[name]
        self.tick(now)

    def own(self, name: str) -> CircuitBreaker | None:
        """The breaker that an upstream has without orders."""
        return self._own.get(name)

    def replace(self, orders: Orders, now: float) -> None:
        """Follow exactly these from now on; times are seconds since the epoch."""
        self._orders = {name: [(state, until) for state, until in found] for name, found in orders.items()}
        self.tick(now)

    def tick(self, now: float) -> None:
        """See what has expired."""
        if not self._orders and not self._held:
            return
        for name, pool in self._pools.items():
            wanted = next((one for one in self._orders.get(name, ()) if one[1] > now), None)
            if wanted != self._held.get(name):
                pool.breaker = self._breaker(name, wanted, now)
                self._keep(name, wanted)

    def _keep(self, name: str, order: tuple[str, float] | None) -> None:
        if order is None:
            self._held.pop(name, None)
        else:
            self._held[name] = order

    def _breaker(self, name: str, order: tuple[str, float] | None, now: float) -> CircuitBreaker | None:
        own = self._own[name]
        if order is None:
            return own
        state, until = order
        if state == "enabled":
            return own or self._make(name)
        return ForcedBreaker(is_open=state == "open", clock=self._clock, seconds=until - now)
