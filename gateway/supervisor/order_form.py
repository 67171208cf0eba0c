"""The form in which what operators have ordered goes over to another process of the gateway, or to its next start.

It has a version: who does not understand it says so, and has no orders. No secret is in it: revocations are digests,
and keys that could be secrets cannot be overridden.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.supervisor.block_registry import MAX_BLOCKS, HeldBlock
from gateway.supervisor.circuit_overrides import CircuitOverride
from gateway.supervisor.config_overrides import MAX_OVERRIDES, ConfigOverride
from gateway.supervisor.fault_registry import MAX_FAULTS, InjectedFault
from gateway.supervisor.maintenance_override import MaintenanceOverride
from gateway.supervisor.operations import MAX_OPERATIONS, Operation
from gateway.supervisor.revocation_registry import ClientReset, RevokedToken
from gateway.supervisor.target_overrides import MAX_OVERRIDES as MAX_TARGET_ORDERS
from gateway.supervisor.target_overrides import TargetOverride

MAX_REVOCATIONS = 100_000
"""More would not fit into a message; a file (`auth.revocations.path`) has room for all."""


class NotUnderstoodError(Exception):
    """What was told has another form; the text says where."""


class WorkerCount(BaseModel):
    """How many workers there are, and how many the settings asked for."""

    desired: int
    configured: int


class HeldConfiguration(BaseModel):
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
    configuration: HeldConfiguration
    networks: Annotated[list[HeldBlock], Field(max_length=MAX_BLOCKS)]
    clients: Annotated[list[HeldBlock], Field(max_length=MAX_BLOCKS)]
    circuits: list[CircuitOverride]
    targets: Annotated[list[TargetOverride], Field(max_length=MAX_TARGET_ORDERS)]
    maintenance: MaintenanceOverride | None
    faults: Annotated[list[InjectedFault], Field(max_length=MAX_FAULTS)]
    overrides: Annotated[list[ConfigOverride], Field(max_length=MAX_OVERRIDES)]
    operations: Annotated[list[Operation], Field(max_length=MAX_OPERATIONS)]
    revocations: Annotated[list[RevokedToken | ClientReset], Field(max_length=MAX_REVOCATIONS)]


def understood(told: object) -> StandingOrders:
    """Raises NotUnderstoodError."""
    try:
        return StandingOrders.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise NotUnderstoodError(f"{where}: {first['msg']}") from None
