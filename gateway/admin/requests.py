"""What the admin API accepts. Unknown fields are refused: a misspelt `expected` must not be a silent go-ahead."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from gateway.supervisor.history import UNNAMED


def _integral(value: Any) -> Any:
    """What JSON writes as 2.0 is a whole number, too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


_INTEGRAL = BeforeValidator(_integral)
Whole = Annotated[int, _INTEGRAL]
OperationId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._:-]+$")]
Actor = Annotated[str, Field(min_length=1, max_length=200)]
WorkerName = Annotated[str, Field(min_length=1, max_length=100)]
Reason = Annotated[str, Field(max_length=2000)]
#: Who undoes something and why: a DELETE has no body.
ActorQuery = Annotated[str, Query(alias="actor", min_length=1, max_length=200)]
ReasonQuery = Annotated[str, Query(alias="reason", max_length=2000)]


class Body(BaseModel):
    """A request's JSON body."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ExpectedReplicas(Body):
    """The state that a scale was decided on."""

    uid: str | None = None
    replicas: Whole | None = None


class ExpectedUid(Body):
    """The run that a restart was decided on."""

    uid: str | None = None


class ScaleRequest(Body):
    """POST /admin/scale."""

    replicas: Whole
    operation_id: OperationId
    actor: Actor
    reason: Reason = ""
    expected: ExpectedReplicas = ExpectedReplicas()


class RestartRequest(Body):
    """POST /admin/restart. `workers`: only these, by their names; without it, all."""

    operation_id: OperationId
    actor: Actor
    reason: Reason = ""
    expected: ExpectedUid = ExpectedUid()
    workers: Annotated[list[WorkerName], Field(min_length=1, max_length=1000)] | None = None


class ExpectedNumber(Body):
    """The configuration that a change was decided on."""

    number: Whole | None = None


class ReloadRequest(Body):
    """POST /admin/config/reload."""

    actor: Actor
    reason: Reason = ""
    expected: ExpectedNumber = ExpectedNumber()


class RollbackRequest(ReloadRequest):
    """POST /admin/config/rollback."""

    number: Whole


class OverrideRequest(Body):
    """POST /admin/config/overrides. `changes`: values by their keys, such as `routes.api.rate_limit`."""

    changes: Annotated[dict[Annotated[str, Field(max_length=300)], Any], Field(min_length=1, max_length=100)]
    expires_in_seconds: Annotated[float, Field(ge=1, le=604_800, allow_inf_nan=False)]
    actor: Actor
    reason: Reason = ""


class FaultRequest(Body):
    """POST /admin/faults."""

    route: Annotated[str, Field(min_length=1, max_length=64)] = "*"
    latency_ms: Annotated[float, Field(ge=0, le=60_000, allow_inf_nan=False)] = 0
    error_rate: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0
    status: Annotated[int, Field(ge=500, le=599), _INTEGRAL] = 503
    expires_in_seconds: Annotated[float, Field(ge=1, le=3600, allow_inf_nan=False)]
    actor: Actor
    reason: Reason = ""


class MaintenanceRequest(Body):
    """POST /admin/maintenance. Without routes it is for all; `enabled: false` holds off what the settings say."""

    enabled: bool = True
    routes: Annotated[list[str], Field(max_length=1000)] = []
    message: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    retry_after_secs: Annotated[int, Field(ge=1, le=604_800), _INTEGRAL] | None = None
    expires_in_seconds: Annotated[float, Field(ge=1, le=604_800, allow_inf_nan=False)]
    actor: Actor
    reason: Reason = ""


class BlockRequest(Body):
    """POST /admin/blocks. `network`: an address, or a network such as 192.0.2.0/24."""

    network: Annotated[str, Field(min_length=1, max_length=64)]
    expires_in_seconds: Annotated[float, Field(ge=1, le=2_678_400, allow_inf_nan=False)]
    actor: Actor
    reason: Reason = ""


class ClientBlockRequest(Body):
    """POST /admin/blocks/clients. `client`: the client that a token was given to, or that has an API key."""

    client: Annotated[str, Field(min_length=1, max_length=1000)]
    expires_in_seconds: Annotated[float, Field(ge=1, le=2_678_400, allow_inf_nan=False)]
    actor: Actor
    reason: Reason = ""


class CircuitOrder(Body):
    """POST /admin/circuit-breaker/enable, which may also come without any body: then for all, for an hour."""

    upstream: Annotated[str, Field(min_length=1, max_length=64)] = "*"
    expires_in_seconds: Annotated[float, Field(ge=1, le=86_400, allow_inf_nan=False)] = 3600
    actor: Actor = UNNAMED
    reason: Reason = ""


class CircuitForce(CircuitOrder):
    """POST /admin/circuit-breaker/overrides."""

    state: Literal["open", "closed", "enabled"]
    expires_in_seconds: Annotated[float, Field(ge=1, le=86_400, allow_inf_nan=False)]
    actor: Actor


TargetName = Annotated[str, Field(min_length=1, max_length=300)]
Weight = Annotated[int, Field(ge=0, le=1000), _INTEGRAL]


class TargetOrderRequest(Body):
    """POST /admin/upstreams/overrides."""

    upstream: Annotated[str, Field(min_length=1, max_length=64)]
    weights: Annotated[dict[TargetName, Weight], Field(max_length=100, default_factory=dict)]
    drain: Annotated[list[TargetName], Field(max_length=100, default_factory=list)]
    expires_in_seconds: Annotated[float, Field(ge=1, le=2_592_000, allow_inf_nan=False)]
    actor: Actor
    reason: Reason = ""
    force: bool = False
