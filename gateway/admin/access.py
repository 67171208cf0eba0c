"""What an endpoint needs of its caller, and how it may refuse: declared where the endpoint is, with `needs`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from starlette.requests import HTTPConnection

from gateway.admin.settings import ROLES, Role
from gateway.supervisor.operations import OperationError


class ErrorSaid(BaseModel):
    """`found` is there where something else was expected."""

    code: str
    message: str
    found: dict[str, Any] = {}


class ErrorAnswer(BaseModel):
    """What every answer of 400 and more is."""

    error: ErrorSaid


class ForbiddenError(OperationError):
    """The token may not do this."""

    code = "forbidden"


class UnknownParameterError(OperationError):
    """A query has a parameter that the endpoint does not take: a misspelt one must not be silently left out."""


_TAGGED = {"ETag": {"description": "To be sent back.", "required": True, "schema": {"type": "string"}}}
_WORDS = {
    304: "What `If-None-Match` names is the answer still; there is no body.",
    401: "There is no valid token (`unauthorized`).",
    403: "The token has a role that may not do this (`forbidden`).",
    404: "There is no such thing, or no longer (`not_found`).",
    409: "Another state was expected, or it cannot be done now; `found` says what is there (`conflict` and others).",
    412: "What `If-Match` names holds no longer (`precondition_failed`).",
    413: "The body is too long (`body_too_large`).",
    422: "It is not understood (`invalid`), or not allowed here (`out_of_limits`, `config_refused`, `restart_needed`).",
    429: "Too many tokens from this address were wrong; `Retry-After` says when one is looked at (`too_many_guesses`).",
    503: "It cannot be recorded, so it is not done (`not_recorded`), or not all workers have done it (`incomplete`).",
}
#: What takes a while has an id by the caller, and is accepted; the rest is made, with an id by the gateway.
_OWN_ID = {"operation_id": "operation_id"}
_ALWAYS = (401, 403, 413, 422, 429)


class Needs(HTTPBearer):
    """A dependency: the caller's token has this role or a higher one, and the query only what is known."""

    def __init__(self, role: Role) -> None:
        super().__init__(
            scheme_name="token", auto_error=False, description="`admin.token`, or one of `admin.tokens` (`x-role`)."
        )
        self._role = role

    async def __call__(self, request: HTTPConnection) -> None:
        caller = getattr(request.state, "caller", None)
        role: Role | None = None if caller is None else caller.role
        if role is None or ROLES.index(role) < ROLES.index(self._role):
            raise ForbiddenError(f"this needs role {self._role}; this token has {role or 'none'}")
        known = {field.alias for field in request.scope["route"].dependant.query_params}
        unknown = sorted(set(request.query_params) - known)
        if unknown:
            allowed = f"allowed here: {', '.join(sorted(known))}" if known else "none is allowed here"
            raise UnknownParameterError(f"unknown query parameters {', '.join(unknown)}; {allowed}")


def _own_role(request: HTTPConnection) -> Role:
    role: Role = request.state.caller.role
    return role


#: For an endpoint that depends on what is asked of it.
OwnRole = Annotated[Role, Depends(_own_role)]


def needs(
    role: Role, *statuses: int, answer: type[BaseModel] | None = None, leads_to: tuple[str, str] | None = None
) -> dict[str, Any]:
    """Arguments of an endpoint: who may ask it, the statuses of 300 and more that are its own, what it answers with.

    `leads_to`: the id of the operation that takes what was made, and the parameter that its id is for.
    """
    codes = sorted({*_ALWAYS, *statuses} - {304})
    responses: dict[int, Any] = {code: {"model": ErrorAnswer, "description": _WORDS[code]} for code in codes}
    if 304 in statuses:
        responses |= {200: {"headers": _TAGGED}, 304: {"description": _WORDS[304], "headers": _TAGGED}}
    if leads_to is not None:
        operation, parameter = leads_to
        link = {"operationId": operation, "parameters": {parameter: f"$response.body#/{_OWN_ID.get(parameter, 'id')}"}}
        responses[202 if parameter in _OWN_ID else 201] = {"links": {operation.partition(".")[2]: link}}
    return {
        "dependencies": [Depends(Needs(role))],
        "responses": responses,
        "openapi_extra": {"x-role": role},
        "response_model": answer,
        # What an answer leaves out is not there, and not null.
        "response_model_exclude_unset": True,
    }
