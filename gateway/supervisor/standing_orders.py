"""What operators have ordered of a gateway, as it goes over to the process that takes its place, or to its next start.

To operators and to what they use, it is the same gateway then: it has the same `uid`, knows what it was asked to do,
and everybody whom they keep out stays out. What its configuration has no use for, such as an order for an upstream that
is gone, is over, and said in the log.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.supervisor.config_overrides import ConfigOverride
from gateway.supervisor.fitting_orders import Fitting, fitting
from gateway.supervisor.operations import OperationError
from gateway.supervisor.order_form import (
    MAX_REVOCATIONS,
    HeldConfiguration,
    NotUnderstoodError,
    StandingOrders,
    WorkerCount,
    understood,
)
from gateway.supervisor.revocation_registry import ClientReset, Revocation, RevokedToken

if TYPE_CHECKING:
    from gateway.supervisor.gateway import Gateway

_LISTS = ("networks", "clients", "circuits", "targets", "faults", "overrides", "revocations")
_TOO_OLD = "the former gateway is too old to tell what operators have ordered: no block and no override holds here"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where orders come from, in the words of the log and of the history."""

    whose: str
    gone_back: str
    operators: str
    cut_off: str
    taken_over: str
    goes_by: str


FORMER = Origin(
    whose="the former gateway", gone_back="the former gateway had gone back to",
    operators="of the former gateway's operators",
    cut_off="a newer process of the gateway took over meanwhile", taken_over="taken over from the former process",
    goes_by="this one goes by its own file",
)  # fmt: skip
BEFORE = Origin(
    whose="before the restart", gone_back="before the restart, the gateway had gone back to",
    operators="ordered before the restart",
    cut_off="the gateway was started anew meanwhile", taken_over="carried over from before the restart",
    goes_by="now it goes by its file",
)  # fmt: skip


def orders_of(gateway: Gateway) -> dict[str, Any]:
    """Those that hold, as JSON, for a newer process."""
    revocations = list(gateway.credentials.registry.all())
    if len(revocations) > MAX_REVOCATIONS:
        words = f"only the last {MAX_REVOCATIONS} of {len(revocations)} revocations go over: set auth.revocations.path"
        gateway.log("ERROR", "orders_lost", words)
    return held_by(gateway, revocations[-MAX_REVOCATIONS:]).model_dump(mode="json")


def held_by(gateway: Gateway, revocations: list[Revocation]) -> StandingOrders:
    """Those that hold, with these revocations."""
    current = gateway.configurations.current
    return StandingOrders(
        uid=gateway.uid,
        revision=gateway.revision,
        workers=WorkerCount(desired=gateway.fleet.desired, configured=gateway.settings.workers.count),
        configuration=HeldConfiguration(number=current.number, version=current.hash, rolled_back=_rolled_back(gateway)),
        networks=gateway.blocks.active(),
        clients=gateway.client_blocks.active(),
        circuits=gateway.circuit_overrides.active(),
        targets=gateway.targets.overrides.active(),
        maintenance=gateway.maintenance.held,
        faults=gateway.faults.active(),
        overrides=gateway.configurations.overrides,
        operations=gateway.operations.all(),
        revocations=revocations,
    )


def _rolled_back(gateway: Gateway) -> str | None:
    found = gateway.configurations.rolled_back
    why = None if found is None else found.occasion
    return None if why is None else f"configuration {why.rolled_back_to}, by {why.actor} ({why.reason})"


async def go_by(gateway: Gateway, told: object) -> None:
    """Have what the former process told hold in this one; what cannot is in the log."""
    if told is None:
        gateway.log("ERROR", "orders_lost", _TOO_OLD)
        return
    try:
        orders = understood(told)
    except NotUnderstoodError as error:
        words = f"what operators have ordered of the former gateway is not understood, so nothing of it holds: {error}"
        gateway.log("ERROR", "orders_lost", words)
        return
    await have_hold(gateway, orders, FORMER)


async def have_hold(gateway: Gateway, orders: StandingOrders, origin: Origin) -> Fitting:
    """Have these orders hold, in place of all; what became of them."""
    fits = fitting(orders, gateway.settings, time.time())
    orders = fits.orders
    for name, why in fits.lost.items():
        gateway.log("ERROR", "orders_lost", f"{name} of {origin.whose} does not hold here: {why}", order=name)
    if not gateway.fleet.desired:
        _begin_as(gateway, orders, origin)
    gateway.operations.restore(orders.operations, origin.cut_off)
    gateway.blocks.restore(orders.networks)
    gateway.client_blocks.restore(orders.clients)
    gateway.circuit_overrides.restore(orders.circuits)
    gateway.targets.overrides.restore(orders.targets)
    gateway.maintenance.restore(orders.maintenance)
    gateway.faults.restore(orders.faults)
    await _revoke(gateway, orders.revocations)
    fits.lost.update(await _override(gateway, orders.overrides, origin))
    return fits


def _begin_as(gateway: Gateway, former: StandingOrders, origin: Origin) -> None:
    """Be the same gateway, with as many workers as were scaled to, unless the settings ask for another number since."""
    limits, workers = gateway.settings.workers, former.workers
    gateway.uid = former.uid
    gateway.revision += former.revision
    if workers.configured == limits.count:
        gateway.workers_at_start = min(max(workers.desired, limits.min), limits.max)
    if former.configuration.rolled_back is not None:
        words = f"{origin.gone_back} {former.configuration.rolled_back}; {origin.goes_by}"
        gateway.log("WARNING", "rollback_over", words)
    held = {name: len(getattr(former, name)) for name in _LISTS} | {"maintenance": int(former.maintenance is not None)}
    told = ", ".join(f"{count} {name}" for name, count in held.items() if count)
    gateway.log("INFO", "orders_taken_over", f"{origin.operators}: {told or 'nothing'}", **held)
    gateway.configurations.count_on(former.configuration.number, former.configuration.version)
    gateway.fleet.rollout.number = gateway.configurations.current.number


async def _revoke(gateway: Gateway, revocations: list[RevokedToken | ClientReset]) -> None:
    """Those that its own file does not have already."""
    registry = gateway.credentials.registry
    for one in revocations:
        if not registry.is_news(one):
            continue
        try:
            registry.add(one)
        except OSError as error:
            registry.keep(one)
            words = f"a revocation of the former gateway holds, but cannot be written down: {error}"
            gateway.log("ERROR", "revocation_not_recorded", words)
        await gateway.credentials.apply(one)


async def _override(gateway: Gateway, overrides: list[ConfigOverride], origin: Origin) -> dict[str, str]:
    """Those that do not hold, by their ids, with the reason."""
    configurations, why = gateway.configurations, "they do not fit into this configuration"
    try:
        await configurations.take_over(overrides, origin.taken_over)
    except OperationError as error:
        why = str(error)
    held = {one.id for one in configurations.overrides}
    lost = [one.id for one in overrides if one.id not in held]
    if lost:
        words = f"overrides of {origin.whose} do not hold here: {', '.join(lost)}: {why}"
        gateway.log("ERROR", "orders_lost", words, overrides=lost)
    return dict.fromkeys(lost, why)
