"""What operators have ordered of a gateway, as it goes over to the newer process that takes its place.

To operators and to what they use, the newer process is the same gateway: it has the same `uid`, knows what it was asked
to do, and everybody whom they keep out stays out. What its own configuration has no use for, such as an order for an
upstream that is gone, has no effect, as after a reload.

The form has a version. A newer process that does not understand it says so in the log, and has no orders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.supervisor.block_registry import MAX_BLOCKS, HeldBlock
from gateway.supervisor.circuit_overrides import CircuitOverride
from gateway.supervisor.config_overrides import MAX_OVERRIDES, ConfigOverride
from gateway.supervisor.fault_registry import MAX_FAULTS, InjectedFault
from gateway.supervisor.maintenance_override import MaintenanceOverride
from gateway.supervisor.operations import MAX_OPERATIONS, Operation, OperationError
from gateway.supervisor.revocation_registry import ClientReset, RevokedToken
from gateway.supervisor.target_overrides import MAX_OVERRIDES as MAX_TARGET_ORDERS
from gateway.supervisor.target_overrides import TargetOverride

if TYPE_CHECKING:
    from gateway.supervisor.gateway import Gateway

MAX_REVOCATIONS = 100_000
"""More would not fit into a message; a file (`auth.revocations.path`) has room for all."""


_LISTS = ("networks", "clients", "circuits", "targets", "faults", "overrides", "revocations")


class WorkerCount(BaseModel):
    """How many workers there are, and how many the settings asked for."""

    desired: int
    configured: int


class Held(BaseModel):
    """The configuration that holds: its number and hash, and to which one an operator had gone back, who and why."""

    number: int
    version: str
    rolled_back: str | None


class StandingOrders(BaseModel):
    """All of it. Times are seconds since the epoch."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    version: Literal[1] = 1
    uid: str
    revision: int
    workers: WorkerCount
    configuration: Held
    networks: Annotated[list[HeldBlock], Field(max_length=MAX_BLOCKS)]
    clients: Annotated[list[HeldBlock], Field(max_length=MAX_BLOCKS)]
    circuits: list[CircuitOverride]
    targets: Annotated[list[TargetOverride], Field(max_length=MAX_TARGET_ORDERS)]
    maintenance: MaintenanceOverride | None
    faults: Annotated[list[InjectedFault], Field(max_length=MAX_FAULTS)]
    overrides: Annotated[list[ConfigOverride], Field(max_length=MAX_OVERRIDES)]
    operations: Annotated[list[Operation], Field(max_length=MAX_OPERATIONS)]
    revocations: Annotated[list[RevokedToken | ClientReset], Field(max_length=MAX_REVOCATIONS)]


def orders_of(gateway: Gateway) -> dict[str, Any]:
    """Those that hold, as JSON."""
    current, revocations = gateway.configurations.current, list(gateway.credentials.registry.all())
    if len(revocations) > MAX_REVOCATIONS:
        words = f"only the last {MAX_REVOCATIONS} of {len(revocations)} revocations go over: set auth.revocations.path"
        gateway.log("ERROR", "orders_lost", words)
    held = StandingOrders(
        uid=gateway.uid,
        revision=gateway.revision,
        workers=WorkerCount(desired=gateway.fleet.desired, configured=gateway.settings.workers.count),
        configuration=Held(number=current.number, version=current.hash, rolled_back=_rolled_back(gateway)),
        networks=gateway.blocks.active(),
        clients=gateway.client_blocks.active(),
        circuits=gateway.circuit_overrides.active(),
        targets=gateway.targets.overrides.active(),
        maintenance=gateway.maintenance.held,
        faults=gateway.faults.active(),
        overrides=gateway.configurations.overrides,
        operations=gateway.operations.all(),
        revocations=revocations[-MAX_REVOCATIONS:],
    )
    return held.model_dump(mode="json")


def _rolled_back(gateway: Gateway) -> str | None:
    found = gateway.configurations.rolled_back
    why = None if found is None else found.occasion
    return None if why is None else f"configuration {why.rolled_back_to}, by {why.actor} ({why.reason})"


async def go_by(gateway: Gateway, told: object) -> None:
    """Have what the former process told hold in this one; what cannot is in the log."""
    orders = _understood(gateway, told)
    if orders is None:
        return
    if not gateway.fleet.desired:
        _begin_as(gateway, orders)
    gateway.operations.restore(orders.operations)
    gateway.blocks.restore(orders.networks)
    gateway.client_blocks.restore(orders.clients)
    gateway.circuit_overrides.restore(orders.circuits)
    gateway.targets.overrides.restore(orders.targets)
    gateway.maintenance.restore(orders.maintenance)
    gateway.faults.restore(orders.faults)
    await _revoke(gateway, orders.revocations)
    await _override(gateway, orders.overrides)


def _understood(gateway: Gateway, told: object) -> StandingOrders | None:
    if told is None:
        words = "the former gateway is too old to tell what operators have ordered: no block and no override holds here"
        gateway.log("ERROR", "orders_lost", words)
        return None
    try:
        return StandingOrders.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        why = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        words = f"what operators have ordered of the former gateway is not understood, so nothing of it holds: {why}"
        gateway.log("ERROR", "orders_lost", words)
        return None


def _begin_as(gateway: Gateway, former: StandingOrders) -> None:
    """Be the same gateway, with as many workers as were scaled to, unless the settings ask for another number since."""
    limits, workers = gateway.settings.workers, former.workers
    gateway.uid = former.uid
    gateway.revision += former.revision
    if workers.configured == limits.count:
        gateway.workers_at_start = min(max(workers.desired, limits.min), limits.max)
    if former.configuration.rolled_back is not None:
        words = f"the former gateway had gone back to {former.configuration.rolled_back}; this one goes by its own file"
        gateway.log("WARNING", "rollback_over", words)
    held = {name: len(getattr(former, name)) for name in _LISTS} | {"maintenance": int(former.maintenance is not None)}
    told = ", ".join(f"{count} {name}" for name, count in held.items() if count)
    gateway.log("INFO", "orders_taken_over", f"of the former gateway's operators: {told or 'nothing'}", **held)
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


async def _override(gateway: Gateway, overrides: list[ConfigOverride]) -> None:
    configurations, why = gateway.configurations, "they do not fit into this configuration"
    try:
        await configurations.take_over(overrides)
    except (OperationError, OSError) as error:
        why = str(error)
    held = {one.id for one in configurations.overrides}
    lost = [one.id for one in overrides if one.id not in held]
    if lost:
        words = f"overrides of the former gateway do not hold here: {', '.join(lost)}: {why}"
        gateway.log("ERROR", "orders_lost", words, overrides=lost)
