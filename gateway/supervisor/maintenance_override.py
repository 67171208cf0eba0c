"""What operators have ordered of maintenance mode: on for all or some routes, or off, until it expires or is undone."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from gateway.supervisor.operations import OutOfLimitsError
from gateway.telemetry.records import iso

#: Records a change before it is made: kind, actor, reason, before, after. Raises OSError when it cannot.
Record = Callable[[str, str, str, Any, Any], None]


@dataclass(frozen=True, slots=True)
class MaintenanceOverride:
    """One order, who gave it and why. Times are seconds since the epoch; without routes it is for all."""

    id: str
    enabled: bool
    routes: tuple[str, ...]
    message: str | None
    retry_after_secs: int | None
    actor: str
    reason: str
    created_at: float
    expires_at: float

    def described(self) -> dict[str, Any]:
        """As the admin API shows it."""
        return {
            **asdict(self), "routes": list(self.routes), "created_at": iso(self.created_at),
            "expires_at": iso(self.expires_at),
        }  # fmt: skip

    def for_workers(self) -> dict[str, Any]:
        """What a worker needs to follow it."""
        return {
            "enabled": self.enabled, "routes": list(self.routes), "message": self.message,
            "retry_after_secs": self.retry_after_secs, "expires_at": self.expires_at,
        }  # fmt: skip


class MaintenanceOverrides:
    """The order that holds, if any; a newer one replaces it. `changed` is told of each change."""

    def __init__(self, routes: Callable[[], list[str]], *, record: Record, changed: Callable[[], None]) -> None:
        self._routes = routes
        self._record = record
        self._changed = changed
        self._held: MaintenanceOverride | None = None

    @property
    def held(self) -> MaintenanceOverride | None:
        """The one that holds now."""
        if self._held is not None and self._held.expires_at <= time.time():
            self._held = None
        return self._held

    def order(
        self, *, enabled: bool, routes: list[str], message: str | None, retry_after_secs: int | None,
        expires_in_seconds: float, actor: str, reason: str,
    ) -> MaintenanceOverride:  # fmt: skip
        """Have it so until it expires.

        Raises:
            OutOfLimitsError: a route is not known.
            OSError: it could not be recorded, and is not done.
        """
        known = self._routes()
        unknown = sorted(set(routes) - set(known))
        if unknown:
            raise OutOfLimitsError(f"routes {', '.join(unknown)} are not known; allowed: {', '.join(known)}")
        now, before = time.time(), self.held
        made = MaintenanceOverride(
            f"maintenance-{secrets.token_hex(4)}", enabled, tuple(routes), message, retry_after_secs, actor, reason,
            now, now + expires_in_seconds,
        )  # fmt: skip
        self._record("maintenance_ordered", actor, reason, before and before.described(), made.described())
        self._held = made
        self._changed()
        return made

    def restore(self, held: MaintenanceOverride | None) -> None:
        """Have the order of the former process hold, or none."""
        self._held = held
        self._changed()

    def undo(self, actor: str, reason: str) -> None:
        """Go back to what the settings say."""
        before = self.held
        if before is not None:
            self._record("maintenance_order_undone", actor, reason, before.described(), None)
            self._held = None
            self._changed()
