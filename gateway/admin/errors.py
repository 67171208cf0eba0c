"""How the admin API says no: every answer of 400 and more is `{"error": {code, message}}`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from gateway.admin.access import ForbiddenError
from gateway.supervisor.cache_control import IncompleteError, NotCachedError
from gateway.supervisor.callers import Refusals
from gateway.supervisor.configurations import UnknownVersionError
from gateway.supervisor.credentials import UnknownClientError, UnrecordedError
from gateway.supervisor.operations import ConflictError, OperationError

_STATUSES: dict[type[OperationError], int] = {
    ConflictError: 409, NotCachedError: 409, UnknownClientError: 404, UnknownVersionError: 404, UnrecordedError: 503,
    IncompleteError: 503, ForbiddenError: 403,
}  # fmt: skip
_CODES = {404: "not_found", 405: "method_not_allowed", 412: "precondition_failed"}
#: What curl -d sends is called a form, and an operator in a hurry sees only that it looks right.
_NO_JSON = "body: it is read as JSON only with the header content-type: application/json, as curl --json sends it"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def explain_errors(app: FastAPI, refusals: Refusals) -> None:
    """Have all errors of the app told alike; `refusals` counts those for want of a role."""

    @app.exception_handler(OperationError)
    async def refused(request: Request, error: OperationError) -> JSONResponse:
        if isinstance(error, ForbiddenError):
            refusals.add("forbidden", str(error), request.client.host if request.client else "")
        return _error(_STATUSES.get(type(error), 422), error.code, str(error), error.found)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        if any(item["loc"] == ("body",) for item in error.errors()) and not _says_json(request):
            return _error(422, "invalid", _NO_JSON)
        return _error(422, "invalid", "; ".join(_explained(item) for item in error.errors()))

    @app.exception_handler(HTTPException)
    async def not_served(request: Request, error: HTTPException) -> JSONResponse:
        code, words = _CODES.get(error.status_code, "invalid"), str(error.detail)
        if words == HTTPStatus(404).phrase:
            words = f"there is no {request.url.path}: GET /admin/openapi.json has all that there is"
        # A body that cannot even be parsed is as invalid as one with wrong fields.
        status = 422 if error.status_code == 400 else error.status_code
        if status != 405:
            return _error(status, code, words)
        allowed = ", ".join(_allowed(app, request))
        answer = _error(status, code, f"{request.method} is not for this; allowed: {allowed}")
        answer.headers["allow"] = allowed
        return answer

    @app.exception_handler(OSError)
    async def not_recorded(_: Request, error: OSError) -> JSONResponse:
        return _error(503, "not_recorded", f"it cannot be recorded, so nothing was changed: {error}")

    @app.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> JSONResponse:
        gateway_error = type(error).__name__
        return _error(500, "internal", f"the admin API failed: {gateway_error}")


def _says_json(request: Request) -> bool:
    kind = request.headers.get("content-type")
    return kind is None or kind.partition(";")[0].strip().lower().endswith("json")


def _allowed(app: FastAPI, request: Request) -> list[str]:
    """The methods of a path; one that is described as it is has no other."""
    described = app.openapi()["paths"].get(request.url.path)
    if described is not None:
        return [method for method in _METHODS if method.lower() in described]
    scopes = {method: {**request.scope, "method": method} for method in _METHODS}
    return [
        method for method, scope in scopes.items() if any(route.matches(scope)[0] is Match.FULL for route in app.routes)
    ]


def _error(status: int, code: str, message: str, found: dict[str, Any] | None = None) -> JSONResponse:
    body: dict[str, Any] = {"code": code, "message": message}
    if found is not None:
        body["found"] = found
    return JSONResponse({"error": body}, status)


def _explained(item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"] if part not in ("body", "query"))
    return f"{place or 'body'}: {item['msg']}"
