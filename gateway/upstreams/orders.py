"""What operators want of targets, in one worker: other weights than those of the settings, or no more requests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

#: By upstream the orders as `Order` has them, the newest first.
Told = Mapping[str, Sequence[Sequence[Any]]]
Weights = Mapping[str, int]


class Ordering(Protocol):
    """An order for some targets of one upstream."""

    @property
    def weights(self) -> Mapping[str, int]: ...

    @property
    def drain(self) -> Sequence[str]: ...

    @property
    def forced(self) -> bool: ...


class Order(NamedTuple):
    """One as workers are told it. `forced`: it may leave nobody; `expires_at` is in seconds since the epoch."""

    weights: Mapping[str, int]
    drain: Sequence[str]
    expires_at: float
    forced: bool


@dataclass(frozen=True, slots=True)
class TargetOrder:
    """What holds for one target; without a weight, that of the settings."""

    weight: int | None
    drain: bool


class Follower(Protocol):
    """An upstream that hears what holds for its targets."""

    @property
    def configured_weights(self) -> Weights: ...

    def ordered(self, orders: Mapping[str, TargetOrder]) -> None: ...


Some = TypeVar("Some", bound=Ordering)


def weight(name: str, configured: Weights, orders: Sequence[Ordering]) -> int:
    """A target's share of the requests by these orders, the newest first; 0 where it is drained."""
    for one in orders:
        if name in one.drain:
            return 0
        if name in one.weights:
            return one.weights[name]
    return configured[name]


def leaves_nobody(configured: Weights, orders: Sequence[Ordering]) -> bool:
    """Whether no target would take requests."""
    return not any(weight(name, configured, orders) for name in configured)


def standing(configured: Weights, orders: Sequence[Some]) -> list[Some]:
    """Which of these orders hold, the newest first.

    None was to leave nobody, but what is left of several may: when one expires, or targets are gone by a newer
    configuration. Then the oldest without which somebody takes requests is suspended; unless one was forced.
    """
    held = list(orders)
    if any(one.forced for one in held) or not any(configured.values()):
        return held
    while leaves_nobody(configured, held):
        without = ([other for other in held if other is not one] for one in reversed(held))
        held = next((left for left in without if not leaves_nobody(configured, left)), held[:-1])
    return held


class TargetOrders:
    """Has each upstream hear what holds for its targets whenever that changes."""

    def __init__(self) -> None:
        self._followers: Mapping[str, Follower] = {}
        self._told: dict[str, list[Order]] = {}
        self._held: dict[str, dict[str, TargetOrder]] = {}
        self._changes_at = math.inf

    def configure(self, followers: Mapping[str, Follower], now: float) -> None:
        """Tell these upstreams from now on, at first of what holds now."""
        self._followers, self._held = followers, {}
        self._look(now)

    def replace(self, told: Told, now: float) -> None:
        """Follow exactly these from now on; times are seconds since the epoch."""
        self._told = {upstream: [Order(*one) for one in orders] for upstream, orders in told.items()}
        self._look(now)

    def tick(self, now: float) -> None:
        """See what has expired."""
        if now >= self._changes_at:
            self._look(now)

    def _look(self, now: float) -> None:
        self._changes_at = math.inf
        for upstream, follower in self._followers.items():
            orders = [one for one in self._told.get(upstream, ()) if one.expires_at > now]
            self._changes_at = min([self._changes_at, *(one.expires_at for one in orders)])
            held = _by_target(standing(follower.configured_weights, orders))
            if held != self._held.get(upstream, {}):
                self._held[upstream] = held
                follower.ordered(held)


def _by_target(orders: Sequence[Order]) -> dict[str, TargetOrder]:
    held: dict[str, TargetOrder] = {}
    for one in orders:
        for name in (*one.weights, *one.drain):
            held.setdefault(name, TargetOrder(one.weights.get(name), name in one.drain))
    return held
