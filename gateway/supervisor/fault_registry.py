"""The faults that operators have injected, until they expire or are removed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from gateway.supervisor.operations import OutOfLimitsError
from gateway.telemetry.records import iso

MAX_FAULTS = 100

#: Records a change before it is made: kind, actor, reason, before, after. Raises OSError when it cannot.
Record = Callable[[str, str, str, Any, Any], None]


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """One fault, who asked for it and why. Times are seconds since the epoch."""

    id: str
    route: str
    latency_ms: float
    error_rate: float
    status: int
    actor: str
    reason: str
    created_at: float
    expires_at: float

    def described(self) -> dict[str, Any]:
        """As the admin API shows it."""
        return {**asdict(self), "created_at": iso(self.created_at), "expires_at": iso(self.expires_at)}

    def for_workers(self) -> dict[str, Any]:
        """What a worker needs to apply it."""
        return {
            "id": self.id,
            "route": self.route,
            "latency_ms": self.latency_ms,
            "error_rate": self.error_rate,
            "status": self.status,
            "expires_at": self.expires_at,
        }


class FaultRegistry:
    """All active faults, by id. `routes` are those that there are; `changed` is told of each change."""

    def __init__(self, routes: Callable[[], list[str]], *, record: Record, changed: Callable[[], None]) -> None:
        self._routes = routes
        self._record = record
        self._changed = changed
        self._faults: dict[str, InjectedFault] = {}

    def inject(self, *, route: str, expires_in_seconds: float, actor: str, reason: str, **effect: Any) -> InjectedFault:
        """Apply a fault in all workers, until it expires.

        Raises:
            OutOfLimitsError: the route is not known, or there are too many faults.
            OSError: it could not be recorded, and is not done.
        """
        known = ["*", *self._routes()]
        if route not in known:
            raise OutOfLimitsError(f"route {route!r} is not known; allowed: {', '.join(known)}")
        if len(self.active()) >= MAX_FAULTS:
            raise OutOfLimitsError(f"there are {MAX_FAULTS} faults already; remove some first")
        now = time.time()
        fault = InjectedFault(
            id=f"fault-{secrets.token_hex(4)}", route=route, actor=actor, reason=reason, created_at=now,
            expires_at=now + expires_in_seconds, **effect,
        )  # fmt: skip
        self._record("fault_added", actor, reason, None, fault.described())
        self._faults[fault.id] = fault
        self._changed()
        return fault

    def active(self) -> list[InjectedFault]:
        """What applies now."""
        now = time.time()
        self._faults = {name: fault for name, fault in self._faults.items() if fault.expires_at > now}
        return list(self._faults.values())

    def get(self, fault_id: str) -> InjectedFault | None:
        """The active fault with this id."""
        return next((fault for fault in self.active() if fault.id == fault_id), None)

    def restore(self, faults: Iterable[InjectedFault]) -> None:
        """Have those of the former process apply, in place of all."""
        self._faults = {fault.id: fault for fault in faults}
        self._changed()

    def remove(self, fault: InjectedFault, actor: str, reason: str) -> None:
        """Remove one."""
        self._record("fault_removed", actor, reason, fault.described(), None)
        self._faults.pop(fault.id, None)
        self._changed()

    def clear(self, actor: str, reason: str) -> None:
        """Remove all."""
        before = [fault.described() for fault in self.active()]
        if before:
            self._record("faults_cleared", actor, reason, {"faults": before}, None)
            self._faults.clear()
            self._changed()
