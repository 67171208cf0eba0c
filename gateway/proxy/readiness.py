"""Whether a worker can serve: `/health/ready`, for those who send it requests only while it can (runbook 002).

It is not ready while it drains, while the circuit breakers of all its upstreams are open, and while a store that
`health_checks.check_redis` asks for does not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from gateway.proxy.breaker import CircuitState
from gateway.proxy.pool import UpstreamPool
from gateway.settings import HealthCheckSettings

#: Whether each store that requests need answers, by what it is for; those that nothing needs are left out.
Stores = Callable[[], Mapping[str, bool]]


class Readiness:
    """What is looked at, by the settings, whenever somebody asks."""

    def __init__(self, settings: HealthCheckSettings, pools: Callable[[], Iterable[UpstreamPool]]) -> None:
        self._settings = settings
        self._pools = pools

    def checks(self, stores: Stores) -> dict[str, bool]:
        """What was found good, by name; empty where nothing is to be looked at."""
        found: dict[str, bool] = {}
        if self._settings.check_upstreams:
            found["upstreams"] = any(_serves(pool) for pool in self._pools())
        if self._settings.check_redis:
            found |= {f"redis_{name}": answers for name, answers in stores().items()}
        return found


def _serves(pool: UpstreamPool) -> bool:
    if pool.breaker is not None and pool.breaker.shown is CircuitState.OPEN:
        return False
    return any(why is None for *_, why in pool.states().values())
