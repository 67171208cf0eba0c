"""What operators have ordered of circuit breakers: forced open, forced closed, or enabled where they are off.

Each order is for one upstream, or for all with `*`; the newest for the same one replaces the one before. An order for
one upstream goes before one for all. Each expires, and can be undone; what holds then is what the settings say.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from gateway.supervisor.operations import OutOfLimitsError
from gateway.telemetry.records import iso

Wanted = Literal["open", "closed", "enabled"]
ALL = "*"


@dataclass(frozen=True, slots=True)
class CircuitOverride:
    """One order, who gave it and why. Times are seconds since the epoch."""

    id: str
    upstream: str
    state: Wanted
    actor: str
    reason: str
    created_at: float
    expires_at: float

    def described(self) -> dict[str, Any]:
        """As the admin API shows it."""
        return {**asdict(self), "created_at": iso(self.created_at), "expires_at": iso(self.expires_at)}

    def told(self) -> dict[str, Any]:
        """As `/circuit-breaker/status` tells everybody; by whom and why is for operators only."""
        return {"state": self.state, "until": iso(self.expires_at)}


Record = Callable[[str, str, str, Any, Any], None]
"""Records a change before it is made: kind, actor, reason, before, after. Raises OSError when it cannot."""


class CircuitOverrides:
    """All orders that hold, by the upstream they are for. `changed` is told of each change."""

    def __init__(self, upstreams: Iterable[str], *, record: Record, changed: Callable[[], None]) -> None:
        self._upstreams = tuple(upstreams)
        self._record = record
        self._changed = changed
        self._by_upstream: dict[str, CircuitOverride] = {}

    def configure(self, upstreams: Iterable[str]) -> list[CircuitOverride]:
        """Know these upstreams from now on; an order for another one is over. Those that are."""
        self._upstreams = tuple(upstreams)
        known = (ALL, *self._upstreams)
        over = [one for one in self.active() if one.upstream not in known]
        self._by_upstream = {name: one for name, one in self._by_upstream.items() if name in known}
        return over

    def restore(self, overrides: Iterable[CircuitOverride]) -> None:
        """Have those of the former process hold, in place of all; one for an upstream that is gone is over."""
        self._by_upstream = {one.upstream: one for one in overrides}
        self.configure(self._upstreams)
        self._changed()

    def order(
        self, *, upstream: str, state: Wanted, expires_in_seconds: float, actor: str, reason: str
    ) -> CircuitOverride:
        """Have it so until it expires.

        Raises:
            OutOfLimitsError: the upstream is not known.
            OSError: it could not be recorded, and is not done.
        """
        if upstream not in (ALL, *self._upstreams):
            known = ", ".join((ALL, *self._upstreams))
            raise OutOfLimitsError(f"upstream {upstream!r} is not known; allowed: {known}")
        now = time.time()
        made = CircuitOverride(
            f"circuit-{secrets.token_hex(4)}", upstream, state, actor, reason, now, now + expires_in_seconds
        )
        active = self._active()
        before = active.get(upstream, active.get(ALL))
        self._record("circuit_ordered", actor, reason, before and before.described(), made.described())
        self._by_upstream[upstream] = made
        self._changed()
        return made

    def active(self) -> list[CircuitOverride]:
        """What holds now, the newest first."""
        return sorted(self._active().values(), key=lambda one: one.created_at, reverse=True)

    def get(self, override_id: str) -> CircuitOverride | None:
        """The one with this id, while it holds."""
        return next((one for one in self.active() if one.id == override_id), None)

    def undo(self, override: CircuitOverride, actor: str, reason: str = "") -> None:
        """Go back to what the settings say."""
        self._record("circuit_order_undone", actor, reason, override.described(), None)
        self._by_upstream.pop(override.upstream, None)
        self._changed()

    def of_upstreams(self) -> dict[str, CircuitOverride]:
        """The order that holds for each upstream that has one."""
        active = self._active()
        every = active.get(ALL)
        found = {name: active.get(name, every) for name in self._upstreams}
        return {name: one for name, one in found.items() if one is not None}

    def for_workers(self) -> dict[str, list[list[Any]]]:
        """[state, expires_at] by upstream: its own order, then the one for all, which outlives it perhaps."""
        active = self._active()
        orders = {name: [active.get(name), active.get(ALL)] for name in self._upstreams}
        return {
            name: [[one.state, one.expires_at] for one in both if one] for name, both in orders.items() if any(both)
        }

    def _active(self) -> dict[str, CircuitOverride]:
        now = time.time()
        self._by_upstream = {name: one for name, one in self._by_upstream.items() if one.expires_at > now}
        return self._by_upstream
