"""The faults that operators have injected, until they expire or are removed."""

from __future__ import annotations

import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any

from gateway.telemetry.records import iso

MAX_FAULTS = 100


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
    """All active faults, by id."""

    def __init__(self) -> None:
        self._faults: dict[str, InjectedFault] = {}

    def drafted(self, *, expires_in_seconds: float, **fields: Any) -> InjectedFault:
        """A fault that expires by itself, not yet added."""
        now = time.time()
        fault_id = f"fault-{secrets.token_hex(4)}"
        return InjectedFault(id=fault_id, created_at=now, expires_at=now + expires_in_seconds, **fields)

    def add(self, fault: InjectedFault) -> None:
        """Add a fault."""
        self._faults[fault.id] = fault

    def active(self) -> list[InjectedFault]:
        """What applies now."""
        now = time.time()
        self._faults = {name: fault for name, fault in self._faults.items() if fault.expires_at > now}
        return list(self._faults.values())

    def get(self, fault_id: str) -> InjectedFault | None:
        """The active fault with this id."""
        return next((fault for fault in self.active() if fault.id == fault_id), None)

    def remove(self, fault_id: str) -> None:
        """Remove one."""
        self._faults.pop(fault_id, None)

    def clear(self) -> None:
        """Remove all."""
        self._faults.clear()
