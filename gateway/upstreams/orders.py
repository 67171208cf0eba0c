"""What operators want of targets, in one worker: other weights than those of the settings, or no more requests."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

#: By upstream and target: [weight or None, whether to drain, expires at (epoch)], those that go first, first.
Told = Mapping[str, Mapping[str, list[list[Any]]]]


@dataclass(frozen=True, slots=True)
class TargetOrder:
    """What holds for one target; without a weight, that of the settings."""

    weight: int | None
    drain: bool


#: Is told what holds for the targets of one upstream.
Follow = Callable[[Mapping[str, TargetOrder]], None]


class TargetOrders:
    """Has each upstream hear what holds for its targets whenever that changes."""

    def __init__(self) -> None:
        self._follow: Mapping[str, Follow] = {}
        self._told: Told = {}
        self._held: dict[str, dict[str, TargetOrder]] = {}
        self._changes_at = math.inf

    def configure(self, follow: Mapping[str, Follow], now: float) -> None:
        """Tell these upstreams from now on, at first of what holds now."""
        self._follow, self._held = follow, {}
        self._look(now)

    def replace(self, told: Told, now: float) -> None:
        """Follow exactly these from now on; times are seconds since the epoch."""
        self._told = told
        self._look(now)

    def tick(self, now: float) -> None:
        """See what has expired."""
        if now >= self._changes_at:
            self._look(now)

    def _look(self, now: float) -> None:
        self._changes_at = math.inf
        for upstream, follow in self._follow.items():
            held = self._holding(self._told.get(upstream, {}), now)
            if held != self._held.get(upstream, {}):
                self._held[upstream] = held
                follow(held)

    def _holding(self, by_target: Mapping[str, list[list[Any]]], now: float) -> dict[str, TargetOrder]:
        held: dict[str, TargetOrder] = {}
        for target, orders in by_target.items():
            standing = [order for order in orders if order[2] > now]
            if standing:
                weight, drain, _ = standing[0]
                held[target] = TargetOrder(weight, drain)
                self._changes_at = min(self._changes_at, standing[0][2])
        return held
