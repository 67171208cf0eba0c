"""Injected faults, for drills: latency and errors on a route, until they expire."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any, NamedTuple


class Fault(NamedTuple):
    """One active fault. `route` is a route's id or "*"; `expires_at` is in seconds since the epoch."""

    id: str
    route: str
    latency_ms: float
    error_rate: float
    status: int
    expires_at: float


class Verdict(NamedTuple):
    """What happens to one request: seconds to wait, and the status to answer with or None to pass it on."""

    delay: float
    status: int | None
    fault_id: str


class ActiveFaults:
    """The faults that this worker applies. They expire by themselves, also when nobody says so."""

    def __init__(self) -> None:
        self._faults: tuple[Fault, ...] = ()
        self.any = False
        """Whether there may be one, so that it is asked for."""

    def replace(self, described: Iterable[dict[str, Any]]) -> None:
        """Apply exactly these faults, given as mappings with the fields of `Fault`."""
        self._faults = tuple(Fault(**fault) for fault in described)
        self.any = bool(self._faults)

    def verdict(self, route_id: str, now: float) -> Verdict | None:
        """What the faults do to a request of the route at time `now`; None when nothing applies."""
        if not self._faults:
            return None
        active = [fault for fault in self._faults if fault.route in ("*", route_id) and fault.expires_at > now]
        if not active:
            return None
        delay = max(fault.latency_ms for fault in active) / 1000
        failing = [fault for fault in active if random.random() < fault.error_rate]  # noqa: S311 - a drill, not a secret
        if not failing and delay == 0:
            return None
        chosen = failing[0] if failing else active[0]
        return Verdict(delay, chosen.status if failing else None, chosen.id)
