"""What operators have ordered of targets: other weights than those of the settings (canary, blue/green), or a drain.

An order is for some targets of one upstream, all at once. Where several name a target, the newest holds; when it
expires or is undone, the one before it does, and at last what the settings say.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gateway.supervisor.circuit_overrides import Record
from gateway.supervisor.operations import OutOfLimitsError
from gateway.telemetry.records import iso

MAX_OVERRIDES = 100


@dataclass(frozen=True, slots=True)
class TargetOverride:
    """One order, who gave it and why. Times are seconds since the epoch."""

    id: str
    upstream: str
    weights: dict[str, int]
    drain: list[str]
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
    ) -> TargetOverride:
        """Have it so until it expires.

        Raises:
            OutOfLimitsError: an upstream or target that is not known, or nobody would be left to take requests.
            OSError: it could not be recorded, and is not done.
        """
        now = time.time()
        made = TargetOverride(
            f"target-{secrets.token_hex(4)}", upstream, weights, drain, actor, reason, now, now + expires_in_seconds
        )
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
        left = [name for name in known if self.weight(made.upstream, name, made) and not made.names(name)]
        if not left and not any(made.weights.values()):
            raise OutOfLimitsError("then no target would be left to take requests")

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

    def of(self, upstream: str, target: str) -> TargetOverride | None:
        """The order that holds for a target."""
        return next((one for one in self.active() if one.upstream == upstream and one.names(target)), None)

    def weight(self, upstream: str, target: str, order: TargetOverride | None = None) -> int:
        """What holds of its weight; 0 where it is drained."""
        order = self.of(upstream, target) if order is None or not order.names(target) else order
        if order is None:
            return self.weights[upstream][target]
        return order.weights.get(target, 0)

    def for_workers(self) -> dict[str, dict[str, list[list[Any]]]]:
        """[weight or None, whether to drain, expires at] by upstream and target, the newest first."""
        told: dict[str, dict[str, list[list[Any]]]] = {}
        for one in self.active():
            for name in (*one.weights, *one.drain):
                orders = told.setdefault(one.upstream, {}).setdefault(name, [])
                orders.append([one.weights.get(name), name in one.drain, one.expires_at])
        return told

    def _described(self, upstream: str, target: str) -> dict[str, Any]:
        order = self.of(upstream, target)
        drained = order is not None and target in order.drain
        return {"weight": self.weight(upstream, target), "drain": drained, "order": order and order.id}
