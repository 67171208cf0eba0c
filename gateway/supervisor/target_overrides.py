"""What operators have ordered of targets: other weights than those of the settings (canary, blue/green), or a drain.

An order is for some targets of one upstream, all at once. Where several name a target, the newest holds; when it
expires or is undone, the one before it does, and at last what the settings say. What is left then never leaves nobody
to take requests, unless that was forced (see `gateway.upstreams.orders`).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gateway.supervisor.circuit_overrides import Record
from gateway.supervisor.operations import ConflictError, OutOfLimitsError
from gateway.telemetry.records import iso
from gateway.upstreams import orders
from gateway.upstreams.orders import Order

MAX_OVERRIDES = 100


@dataclass(frozen=True, slots=True)
class TargetOverride:
    """One order, who gave it and why. Times are seconds since the epoch."""

    id: str
    upstream: str
    weights: dict[str, int]
    drain: list[str]
    forced: bool
    """Whether it may leave nobody to take requests."""
    actor: str
    reason: str
    created_at: float
    expires_at: float

    def described(self) -> dict[str, Any]:
        """As the admin API shows it."""
        return {**asdict(self), "created_at": iso(self.created_at), "expires_at": iso(self.expires_at)}

    def names(self, target: str) -> bool:
        """Whether it is for this target, too."""
        return target in self.weights or target in self.drain


class TargetOverrides:
    """All orders that hold; `changed` is told of each."""

    def __init__(self, *, record: Record, changed: Callable[[], None]) -> None:
        self.weights: Mapping[str, Mapping[str, int]] = {}
        """Those of the settings, by upstream and target."""
        self._record = record
        self._changed = changed
        self._orders: list[TargetOverride] = []

    def order(
        self,
        *,
        upstream: str,
        weights: dict[str, int],
        drain: list[str],
        expires_in_seconds: float,
        actor: str,
        reason: str,
        force: bool = False,
    ) -> TargetOverride:
        """Have it so until it expires.

        Raises:
            OutOfLimitsError: an upstream or target that is not known.
            ConflictError: nobody would be left to take requests, and that is not forced.
            OSError: it could not be recorded, and is not done.
        """
        now = time.time()
        made = TargetOverride(
            f"target-{secrets.token_hex(4)}", upstream, weights, drain, force, actor, reason, now,
            now + expires_in_seconds,
        )  # fmt: skip
        self._require_sense(made)
        before = {name: self._described(upstream, name) for name in (*weights, *drain)}
        self._record("target_ordered", actor, reason, before, made.described())
        self._orders.insert(0, made)
        self._changed()
        return made

    def _require_sense(self, made: TargetOverride) -> None:
        known = self.weights.get(made.upstream)
        if known is None:
            raise OutOfLimitsError(f"upstream {made.upstream!r} is not known; allowed: {', '.join(self.weights)}")
        named = [*made.weights, *made.drain]
        if not named or len(set(named)) < len(named):
            raise OutOfLimitsError("name targets in weights or in drain, each of them once")
        for name in named:
            if name not in known:
                raise OutOfLimitsError(f"target {name!r} is not known; allowed: {', '.join(known)}")
        if len(self.active()) >= MAX_OVERRIDES:
            raise OutOfLimitsError(f"there are {MAX_OVERRIDES} orders already; undo some first")
        if not made.forced and orders.leaves_nobody(known, [made, *self.standing(made.upstream)]):
            found = {name: self._described(made.upstream, name) for name in known}
            raise ConflictError("then no target would be left to take requests; force it where that is meant", found)

    def active(self) -> list[TargetOverride]:
        """What holds now, the newest first."""
        now = time.time()
        self._orders = [one for one in self._orders if one.expires_at > now]
        return self._orders

    def get(self, override_id: str) -> TargetOverride | None:
        """The one with this id, while it holds."""
        return next((one for one in self.active() if one.id == override_id), None)

    def undo(self, override: TargetOverride, actor: str, reason: str = "") -> None:
        """Go back to what held before it."""
        self._record("target_order_undone", actor, reason, override.described(), None)
        self._orders = [one for one in self._orders if one is not override]
        self._changed()

    def restore(self, overrides: Iterable[TargetOverride]) -> None:
        """Have those of the former process hold, in place of all; the newest first."""
        self._orders = list(overrides)
        self._changed()

    def standing(self, upstream: str) -> list[TargetOverride]:
        """The orders that hold for an upstream, but for those that are suspended, the newest first."""
        return orders.standing(
            self.weights.get(upstream, {}), [one for one in self.active() if one.upstream == upstream]
        )

    def described(self) -> list[dict[str, Any]]:
        """All that have not expired; one is `suspended` while nobody would take requests by it and the others."""
        return [{**one.described(), "suspended": one not in self.standing(one.upstream)} for one in self.active()]

    def of(self, upstream: str, target: str) -> TargetOverride | None:
        """The order that holds for a target."""
        return next((one for one in self.standing(upstream) if one.names(target)), None)

    def weight(self, upstream: str, target: str) -> int:
        """What holds of its weight; 0 where it is drained."""
        return orders.weight(target, self.weights[upstream], self.standing(upstream))

    def for_workers(self) -> dict[str, list[Order]]:
        """Those of each upstream, the newest first."""
        told: dict[str, list[Order]] = {}
        for one in self.active():
            told.setdefault(one.upstream, []).append(Order(one.weights, one.drain, one.expires_at, one.forced))
        return told

    def _described(self, upstream: str, target: str) -> dict[str, Any]:
        order = self.of(upstream, target)
        drained = order is not None and target in order.drain
        return {"weight": self.weight(upstream, target), "drain": drained, "order": order and order.id}
