"""Tokens and clients, at the paths of runbook 000. Who sends no body or no name is told of as the admin API."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import Field
from starlette.exceptions import HTTPException

from gateway.admin.requests import Actor, Body, Reason
from gateway.supervisor.credentials import Credentials

_UNNAMED = "admin-api"
_LONGEST_TOKEN = 65_536

_LONGEST_NAME = 1000

#: A token may be one of nobody in particular; what is done to a client needs its name.
ClientId = Annotated[str, Field(max_length=_LONGEST_NAME)]
ClientName = Annotated[str, Path(min_length=1, max_length=_LONGEST_NAME)]


class ChangeRequest(Body):
    """Who asks for a change, and why."""

    actor: Actor = _UNNAMED
    reason: Reason = ""


class RevokeRequest(ChangeRequest):
    """POST /api/token/revoke."""

    token: Annotated[str, Field(min_length=1, max_length=_LONGEST_TOKEN)]
    client_id: ClientId


def credential_routes(credentials: Credentials) -> APIRouter:
    """The endpoints; whatever they answer is not to be cached."""
    router = APIRouter(prefix="/api")

    @router.get("/token/{token_id:path}")
    async def inspect(token_id: str, response: Response) -> dict[str, Any]:
        response.headers["cache-control"] = "no-store"
        found = await credentials.inspected(token_id)
        if found is None:
            raise HTTPException(404, "no token with this id or jti was seen lately, and none was revoked")
        return found

    @router.post("/token/revoke")
    async def revoke(body: RevokeRequest, response: Response) -> dict[str, Any]:
        response.headers["cache-control"] = "no-store"
        return await credentials.revoke_token(body.token, body.client_id, body.actor, body.reason)

    @router.post("/clients/{client_id:path}/revoke")
    async def revoke_client(
        client_id: ClientName, response: Response, body: ChangeRequest | None = None
    ) -> dict[str, Any]:
        response.headers["cache-control"] = "no-store"
        change = body or ChangeRequest()
        return await credentials.revoke_client(client_id, change.actor, change.reason)

    @router.post("/clients/{client_id:path}/reset-secret")
    async def reset_secret(
        client_id: ClientName, response: Response, body: ChangeRequest | None = None
    ) -> dict[str, Any]:
        response.headers["cache-control"] = "no-store"
        change = body or ChangeRequest()
        return await credentials.reset_secret(client_id, change.actor, change.reason)

    return router
