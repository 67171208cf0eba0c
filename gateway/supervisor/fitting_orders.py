"""Which of the orders that came from elsewhere still mean something here, and what is to be said of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gateway.settings import Settings
from gateway.supervisor.block_registry import HeldBlock
from gateway.supervisor.circuit_overrides import ALL, CircuitOverride
from gateway.supervisor.config_overrides import ConfigOverride
from gateway.supervisor.fault_registry import InjectedFault
from gateway.supervisor.maintenance_override import MaintenanceOverride
from gateway.supervisor.order_form import StandingOrders
from gateway.supervisor.target_overrides import TargetOverride

Order: TypeAlias = HeldBlock | CircuitOverride | TargetOverride | MaintenanceOverride | InjectedFault | ConfigOverride


@dataclass(frozen=True, slots=True)
class Fitting:
    """What is to hold, and of the rest the ids: those whose time is over, and the others with the reason."""

    orders: StandingOrders
    expired: list[str]
    lost: dict[str, str]


def fitting(orders: StandingOrders, settings: Settings, now: float) -> Fitting:
    """Those that have not expired, and have something left that they are for.

    One that names several targets or routes stays while one of them is there, as after a reload. Overrides of keys are
    held against the configuration when they are applied.
    """
    expired = [one.id for one in _all(orders) if one.expires_at <= now]
    lost = {one.id: why for one in _all(orders) if one.id not in expired and (why := _useless(one, settings))}
    gone = {*expired, *lost}
    maintenance = orders.maintenance
    left = orders.model_copy(
        update={
            "networks": [one for one in orders.networks if one.id not in gone],
            "clients": [one for one in orders.clients if one.id not in gone],
            "circuits": [one for one in orders.circuits if one.id not in gone],
            "targets": [one for one in orders.targets if one.id not in gone],
            "faults": [one for one in orders.faults if one.id not in gone],
            "overrides": [one for one in orders.overrides if one.id not in gone],
            "maintenance": None if maintenance is None or maintenance.id in gone else maintenance,
        }
    )
    return Fitting(left, expired, lost)


def _all(orders: StandingOrders) -> Iterator[Order]:
    yield from orders.networks
    yield from orders.clients
    yield from orders.circuits
    yield from orders.targets
    yield from orders.faults
    yield from orders.overrides
    if orders.maintenance is not None:
        yield orders.maintenance


def _useless(one: Order, settings: Settings) -> str | None:
    """Why it would have no effect; None where it has one."""
    match one:
        case CircuitOverride():
            return None if one.upstream in (ALL, *_targets(settings)) else f"upstream {one.upstream!r} is gone"
        case TargetOverride():
            return _useless_for_targets(one, settings)
        case InjectedFault():
            return _gone_routes([] if one.route == ALL else [one.route], settings)
        case MaintenanceOverride():
            return _gone_routes(one.routes, settings)
        case _:
            return None


def _useless_for_targets(one: TargetOverride, settings: Settings) -> str | None:
    known = _targets(settings).get(one.upstream)
    if known is None:
        return f"upstream {one.upstream!r} is gone"
    named = (*one.weights, *one.drain)
    return None if known.intersection(named) else f"targets {', '.join(named)} of {one.upstream!r} are gone"


def _gone_routes(named: Sequence[str], settings: Settings) -> str | None:
    known = {route.id for route in settings.routes}
    return None if not named or known.intersection(named) else f"route {', '.join(named)} is gone"


def _targets(settings: Settings) -> dict[str, frozenset[str]]:
    return {one.id: frozenset(place.name for place in one.places) for one in settings.upstreams}
