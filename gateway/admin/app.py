"""The admin API: JSON over HTTP for operators and the bot. Every answer of an error is `{"error": {code, message}}`."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from gateway.admin.auth import BearerToken, BodyLimit
from gateway.admin.blocks import block_routes
from gateway.admin.caches import RESTORE, cache_routes
from gateway.admin.circuits import circuit_routes
from gateway.admin.configuration import configuration_routes
from gateway.admin.credentials import credential_routes
from gateway.admin.maintenance import maintenance_routes
from gateway.admin.requests import ActorQuery, FaultRequest, ReasonQuery, RestartRequest, ScaleRequest
from gateway.admin.top import top_routes
from gateway.admin.upstreams import upstream_routes
from gateway.supervisor.cache_control import IncompleteError, NotCachedError
from gateway.supervisor.configurations import UnknownVersionError
from gateway.supervisor.credentials import UnknownClientError, UnrecordedError
from gateway.supervisor.gateway import Gateway
from gateway.supervisor.history import UNNAMED
from gateway.supervisor.operations import ConflictError, Operation, OperationError

_STATUSES: dict[type[OperationError], int] = {
    ConflictError: 409, NotCachedError: 409, UnknownClientError: 404, UnknownVersionError: 404, UnrecordedError: 503,
    IncompleteError: 503,
}  # fmt: skip
_CODES = {404: "not_found", 405: "method_not_allowed", 412: "precondition_failed"}


def admin_app(gateway: Gateway) -> ASGIApp:
    """The whole API, behind the token of the settings."""
    app = FastAPI(title="Tocsin gateway admin API", docs_url=None, redoc_url=None, openapi_url=None)
    for routes in (_state, _telemetry, _changing, _faults, configuration_routes, maintenance_routes, block_routes):
        app.include_router(routes(gateway), prefix="/admin")
    app.include_router(credential_routes(gateway.credentials))
    app.include_router(cache_routes(gateway.cache_control, gateway.cache_figures, gateway.fleet.collect))
    app.include_router(circuit_routes(gateway.circuit_overrides), prefix="/admin")
    app.include_router(top_routes(gateway.ledger, gateway.fleet.collect), prefix="/admin")
    app.include_router(upstream_routes(gateway.targets, gateway.fleet.collect), prefix="/admin")
    _explain_errors(app)
    longer = {RESTORE: 2 * gateway.cache_control.max_snapshot_bytes}
    return BearerToken(BodyLimit(app, longer), gateway.admin_token)


def _state(gateway: Gateway) -> APIRouter:
    router = APIRouter()

    @router.get("/status")
    async def status() -> dict[str, Any]:
        return gateway.status()

    @router.get("/workers")
    async def workers() -> dict[str, Any]:
        return {"workers": await gateway.workers()}

    @router.get("/operations/{operation_id}")
    async def operation(operation_id: str) -> dict[str, Any]:
        found = gateway.operations.get(operation_id)
        if found is None:
            raise HTTPException(404, f"no operation {operation_id!r} in this run of the gateway")
        return found.described()

    @router.get("/history")
    async def history(limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> dict[str, Any]:
        return {"changes": gateway.history.newest(limit)}

    return router


def _telemetry(gateway: Gateway) -> APIRouter:
    router = APIRouter()

    @router.get("/logs")
    async def logs(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] | None = None,
        grep: Annotated[str | None, Query(max_length=200)] = None,
        since_seconds: Annotated[float, Query(gt=0, le=86_400, allow_inf_nan=False)] = 900,
    ) -> dict[str, Any]:
        await gateway.fleet.collect()
        since = time.time() - since_seconds
        return gateway.ledger.recent.found(limit=limit, level=level, grep=grep, since=since)

    @router.get("/errors")
    async def errors(
        since_seconds: Annotated[float, Query(gt=0, le=86_400, allow_inf_nan=False)] = 900,
    ) -> dict[str, Any]:
        await gateway.fleet.collect()
        return gateway.ledger.groups.answer(time.time() - since_seconds)

    @router.get("/metrics/summary")
    async def summary(window: Annotated[int, Query(ge=1, le=900)] = 30) -> dict[str, Any]:
        return await gateway.summary(window)

    return router


def _changing(gateway: Gateway) -> APIRouter:
    router = APIRouter()

    @router.post("/scale")
    async def scale(body: ScaleRequest) -> JSONResponse:
        expected = body.expected.model_dump()
        return _accepted(*gateway.scale(body.operation_id, body.replicas, body.actor, body.reason, expected))

    @router.post("/restart")
    async def restart(body: RestartRequest) -> JSONResponse:
        expected = body.expected.model_dump()
        return _accepted(*gateway.restart(body.operation_id, body.actor, body.reason, expected, body.workers))

    return router


def _accepted(operation: Operation, is_new: bool) -> JSONResponse:
    return JSONResponse(operation.described(), 202 if is_new else 200)


def _faults(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix="/faults")

    @router.get("")
    async def listed() -> dict[str, Any]:
        return {"faults": [fault.described() for fault in gateway.faults.active()]}

    @router.post("", status_code=201)
    async def inject(body: FaultRequest) -> dict[str, Any]:
        return gateway.inject_fault(**body.model_dump()).described()

    @router.delete("/{fault_id}", status_code=204)
    async def remove(fault_id: str, actor: ActorQuery = UNNAMED, reason: ReasonQuery = "") -> Response:
        fault = gateway.faults.get(fault_id)
        if fault is None:
            raise HTTPException(404, f"no active fault {fault_id!r}")
        gateway.remove_fault(fault, actor, reason)
        return Response(status_code=204)

    @router.delete("", status_code=204)
    async def clear(actor: ActorQuery = UNNAMED, reason: ReasonQuery = "") -> Response:
        gateway.clear_faults(actor, reason)
        return Response(status_code=204)

    return router


def _explain_errors(app: FastAPI) -> None:
    @app.exception_handler(OperationError)
    async def refused(_: Request, error: OperationError) -> JSONResponse:
        return _error(_STATUSES.get(type(error), 422), error.code, str(error), error.found)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return _error(422, "invalid", "; ".join(_explained(item) for item in error.errors()))

    @app.exception_handler(HTTPException)
    async def not_served(_: Request, error: HTTPException) -> JSONResponse:
        code = _CODES.get(error.status_code, "invalid")
        # A body that cannot even be parsed is as invalid as one with wrong fields.
        status = 422 if error.status_code == 400 else error.status_code
        return _error(status, code, str(error.detail))

    @app.exception_handler(OSError)
    async def not_recorded(_: Request, error: OSError) -> JSONResponse:
        return _error(503, "not_recorded", f"it cannot be recorded, so nothing was changed: {error}")

    @app.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> JSONResponse:
        gateway_error = type(error).__name__
        return _error(500, "internal", f"the admin API failed: {gateway_error}")


def _error(status: int, code: str, message: str, found: dict[str, Any] | None = None) -> JSONResponse:
    body: dict[str, Any] = {"code": code, "message": message}
    if found is not None:
        body["found"] = found
    return JSONResponse({"error": body}, status)


def _explained(item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"] if part not in ("body", "query"))
    return f"{place or 'body'}: {item['msg']}"
