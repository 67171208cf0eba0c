"""The targets of all upstreams over all workers: what holds for each, in which state it is, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.supervisor.circuit_overrides import Record
from gateway.supervisor.health_checks import HealthChecks
from gateway.supervisor.target_overrides import TargetOverrides
from gateway.upstreams.settings import TargetSettings, UpstreamSettings

Broadcast = Callable[[dict[str, Any]], None]
Reports = Callable[[], Sequence[dict[str, Any]]]


@dataclass(slots=True)
class TargetNow:
    """Sums over all workers."""

    active: int = 0
    idle: int = 0
    in_flight: int = 0
    weight: int = 0
    takes_requests: bool = True


class UpstreamTargets:
    """Steers and describes them. `reports` are the workers' last ones."""

    def __init__(
        self,
        *,
        record: Record,
        broadcast: Broadcast,
        log: Callable[..., None],
        reports: Reports,
    ) -> None:
        self._upstreams: dict[str, UpstreamSettings] = {}
        self._broadcast = broadcast
        self._reports = reports
        self.overrides = TargetOverrides(record=record, changed=self._tell_orders)
        self.checks = HealthChecks(log=log, changed=self._tell_checks)

    def configure(self, upstreams: Iterable[UpstreamSettings]) -> None:
        """Have these from now on; what operators ordered and checks have found of the same targets stays."""
        self._upstreams = {one.id: one for one in upstreams}
        self.overrides.weights = {
            one.id: {place.name: place.weight for place in one.places} for one in self._upstreams.values()
        }
        self.checks.follow(self._upstreams.values())

    def stop(self) -> None:
        """Check no longer."""
        self.checks.stop()

    def _tell_orders(self) -> None:
        self._broadcast({"type": "targets", "orders": self.overrides.for_workers()})

    def _tell_checks(self) -> None:
        self._broadcast({"type": "checks", "well": self.checks.for_workers()})

    def described(self, upstream: str | None = None) -> list[dict[str, Any]]:
        """Each upstream, or one, with its targets: for the admin API."""
        chosen = [one for one in self._upstreams.values() if upstream in (None, one.id)]
        return [self._described(one) for one in chosen]

    def _described(self, one: UpstreamSettings) -> dict[str, Any]:
        return {
            "id": one.id,
            "base_url": one.base_url,
            "algorithm": one.load_balancing.algorithm,
            "targets": [self._described_target(one, place) for place in one.places],
        }

    def _described_target(self, one: UpstreamSettings, place: TargetSettings) -> dict[str, Any]:
        told = self._told(one.id, place.name)
        state, why = self._state(one, place, told)
        order, checked = self.overrides.of(one.id, place.name), self.checks.of(one.id, place.address)
        return {
            "target": place.name,
            "address": place.address,
            "zone": place.zone,
            "state": state,
            "why": why,
            "weight": self.overrides.weight(one.id, place.name),
            "configured_weight": place.weight,
            "connections": {"active": sum(row[0] for row in told), "idle": sum(row[1] for row in told)},
            "in_flight": sum(row[2] for row in told),
            "last_check": None if checked is None else checked.last,
            "order": None if order is None else order.described(),
        }

    def _state(self, one: UpstreamSettings, place: TargetSettings, told: list[list[Any]]) -> tuple[str, str | None]:
        """(state, why it is so) of a target: what an operator ordered goes before what was found."""
        order, checked = self.overrides.of(one.id, place.name), self.checks.of(one.id, place.address)
        if order is not None and place.name in order.drain:
            in_flight = sum(row[2] for row in told)
            return ("draining", f"{in_flight} requests in flight") if in_flight else ("drained", "it is empty")
        if not self.overrides.weight(one.id, place.name):
            return "standby", "its weight is 0"
        if checked is not None and checked.well is False:
            return "unhealthy", (checked.last or {}).get("error")
        for found in ("unreachable", "ejected"):
            workers = sum(row[3] == found for row in told)
            if workers:
                return found, f"in {workers} of {len(told)} workers"
        return "healthy", None

    def now(self) -> dict[tuple[str, str], TargetNow]:
        """The sums by upstream and target: for metrics."""
        found: dict[tuple[str, str], TargetNow] = {}
        for one in self._upstreams.values():
            for place in one.places:
                told = self._told(one.id, place.name)
                state, _ = self._state(one, place, told)
                found[one.id, place.name] = TargetNow(
                    active=sum(row[0] for row in told),
                    idle=sum(row[1] for row in told),
                    in_flight=sum(row[2] for row in told),
                    weight=self.overrides.weight(one.id, place.name),
                    takes_requests=state == "healthy",
                )
        return found

    def _told(self, upstream: str, target: str) -> list[list[Any]]:
        """What each worker reports of a target: [active, idle, in flight, why it is left out or None]."""
        reports = [report["targets"].get(upstream, {}).get(target) for report in self._reports()]
        return [row for row in reports if row is not None]
