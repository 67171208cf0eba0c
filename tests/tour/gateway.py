"""A gateway that three workers are too few for, and whose new workers take their time when they are told to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from commands.domain.location import HERE, Location
from commands.domain.plan import Target
from commands.domain.sli import Reading
from commands.ports import Change, Operation, RouteReading, Workload
from tests.fakes import FakeGateway

_ENOUGH = 5


class Struggling(FakeGateway):
    """A third of the requests fail until there are enough workers."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.most_ready = 100

    async def find(self, name: str, at: Location = HERE) -> Workload:
        """No more are ready than may be."""
        found = await super().find(name, at)
        return found.model_copy(update={"ready": min(found.ready, self.most_ready)})

    async def operation(self, target: Target, operation: str) -> Operation | None:
        """It runs until all are ready."""
        found = await super().operation(target, operation)
        if found is not None and self.most_ready < self.desired:
            return found.model_copy(update={"state": "running", "done": self.most_ready, "total": self.desired})
        return found

    async def scale(self, target: Target, *, replicas: int, expected: int, operation: str, actor: str) -> None:
        """As the gateway does it, and it remembers who."""
        await super().scale(target, replicas=replicas, expected=expected, operation=operation, actor=actor)
        self.by_hand(replicas, before=expected, actor=actor)

    def by_hand(self, replicas: int, *, before: int, actor: str) -> None:
        """Somebody sets it, through Tocsin or past it."""
        self.desired = replicas
        words = {"before": f"{before} workers", "after": f"{replicas} workers", "outcome": "done", "reason": ""}
        self.changes.insert(0, Change(at=self.clock.now(), kind="scale", actor=actor, **words))

    async def reading(self, service: str, *, window: timedelta, at: Location = HERE) -> Reading:
        """It is well with enough of them."""
        found = await super().reading(service, window=window, at=at)
        return found if self._is_well() else found.model_copy(update=bad(0.31))

    async def routes(self, service: str, *, window: timedelta, at: Location = HERE) -> Sequence[RouteReading]:
        """Orders are what fails."""
        users, orders = await super().routes(service, window=window, at=at)
        worse = {"error_rate": 0.77, "p95_ms": 660}
        return [users, orders] if self._is_well() else [users, orders.model_copy(update=worse)]

    def _is_well(self) -> bool:
        return min(self.desired, self.most_ready) >= _ENOUGH


def bad(rate: float) -> dict[str, float]:
    """So many of a thousand requests fail, and the others are slow."""
    slow = round(40 + 2000 * rate)
    return {"error_rate": rate, "errors": round(1000 * rate), "p95_ms": slow, "p99_ms": slow + 50}
