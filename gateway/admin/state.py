"""The admin API's side of the gateway as a whole: its state, its workers, what is done to them, and the history."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gateway.admin.access import needs
from gateway.admin.answers import Answer, Moment, OperationAnswer, Refusal
from gateway.admin.endpoints import endpoints
from gateway.admin.requests import RestartRequest, ScaleRequest
from gateway.supervisor.gateway import Gateway
from gateway.supervisor.operations import Operation


class Status(Answer):
    """The gateway in one answer."""

    class Configuration(Answer):
        """Which one holds, and what was wrong with the last attempt to load another."""

        number: int
        error: Refusal | None

    class Replicas(Answer):
        """Worker processes."""

        desired: int
        ready: int

    class Limits(Answer):
        """Between which an operator may scale."""

        min: int
        max: int

    class Listener(Answer):
        """Where clients connect, and what is spoken there."""

        id: str
        url: str
        tls: bool
        proxy_protocol: bool
        redirect_to_https: bool
        open_connections: int

    class Sink(Answer):
        """Where records of the log go."""

        state: str
        delivered: int
        dropped: int
        refused: int
        retries: int
        queued_records: int
        queued_bytes: int
        last_error: str | None
        last_delivered_at: Moment | None

    name: str
    uid: str
    version: str
    started_at: Moment
    config_version: str
    config: Configuration
    listen: list[str]
    listeners: list[Listener]
    replicas: Replicas
    limits: Limits
    revision: int
    orders_kept: bool
    operation: OperationAnswer | None
    log_sinks: dict[str, Sink]


class Workers(Answer):
    """Every worker process, those that start or drain included."""

    class Worker(Answer):
        """One of them, by what it last reported."""

        name: str
        slot: int
        pid: int
        state: str
        started_at: Moment
        restarts: int
        requests_total: int
        errors_total: int
        open_connections: int
        in_flight: int
        config: int
        rss_bytes: int

    workers: list[Worker]


class HistoryAnswer(Answer):
    """Changes, the newest first."""

    class Change(Answer):
        """One of them. `caller` is the token's name; None is the gateway itself."""

        at: Moment
        kind: str
        operation_id: str | None
        actor: str
        caller: str | None = None
        reason: str
        before: Any
        after: Any
        outcome: str

    changes: list[Change]


def state_routes(gateway: Gateway) -> APIRouter:
    """What is to be seen of the gateway as a whole."""
    router = endpoints("/admin", tag="gateway")

    @router.get("/status", **needs("viewer", answer=Status))
    async def status() -> dict[str, Any]:
        """The gateway in one answer."""
        return gateway.status()

    @router.get("/workers", **needs("viewer", answer=Workers))
    async def workers() -> dict[str, Any]:
        """Every worker process."""
        return {"workers": await gateway.workers()}

    @router.get("/operations/{operation_id}", **needs("viewer", 404, answer=OperationAnswer))
    async def operation(operation_id: str) -> dict[str, Any]:
        """A scale or a restart, and how far it is."""
        found = gateway.operations.get(operation_id)
        if found is None:
            raise HTTPException(404, f"no operation {operation_id!r} in this run of the gateway")
        return found.described()

    @router.get("/history", **needs("viewer", answer=HistoryAnswer))
    async def history(limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> dict[str, Any]:
        """Who changed what, when and why."""
        return {"changes": gateway.history.newest(limit)}

    return router


def fleet_routes(gateway: Gateway) -> APIRouter:
    """What is done to worker processes."""
    router = endpoints("/admin", tag="gateway")
    known: dict[int | str, dict[str, Any]] = {
        200: {"model": OperationAnswer, "description": "It was asked for before, with the same `operation_id`."}
    }
    declared = needs("operator", 409, 503, answer=OperationAnswer, leads_to=("gateway.operation", "operation_id"))
    declared["responses"] = {**known, **declared["responses"]}

    @router.post("/scale", status_code=202, **declared)
    async def scale(body: ScaleRequest) -> JSONResponse:
        """Have another number of workers."""
        expected = body.expected.model_dump()
        return _accepted(*gateway.scale(body.operation_id, body.replicas, body.actor, body.reason, expected))

    @router.post("/restart", status_code=202, **declared)
    async def restart(body: RestartRequest) -> JSONResponse:
        """Replace workers, one by one."""
        expected = body.expected.model_dump()
        return _accepted(*gateway.restart(body.operation_id, body.actor, body.reason, expected, body.workers))

    return router


def _accepted(operation: Operation, is_new: bool) -> JSONResponse:
    return JSONResponse(operation.described(), 202 if is_new else 200)
