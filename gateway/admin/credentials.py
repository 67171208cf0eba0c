"""Tokens and clients, at the paths of runbook 000. Who sends no body or no name is told of as the admin API."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import Field
from starlette.exceptions import HTTPException

from gateway.admin.access import needs
from gateway.admin.answers import Answer, Moment
from gateway.admin.endpoints import endpoints
from gateway.admin.requests import Actor, Body, Reason
from gateway.supervisor.credentials import Credentials
from gateway.supervisor.history import UNNAMED

_LONGEST_TOKEN = 65_536
_LONGEST_NAME = 1000
#: A place of its own, and no token's name.
_REVOKE = "revoke"

#: A token may be one of nobody in particular; what is done to a client needs its name.
ClientId = Annotated[str, Field(max_length=_LONGEST_NAME)]
ClientName = Annotated[str, Path(min_length=1, max_length=_LONGEST_NAME)]


class ChangeRequest(Body):
    """Who asks for a change, and why."""

    actor: Actor = UNNAMED
    reason: Reason = ""


class RevokeRequest(ChangeRequest):
    """POST /api/token/revoke."""

    token: Annotated[str, Field(min_length=1, max_length=_LONGEST_TOKEN)]
    client_id: ClientId


class Token(Answer):
    """What is known of a token or an API key. Of one that nobody can look up now, `active` is null."""

    id: str
    active: bool | None
    revoked: bool
    scheme: str | None = None
    why: str | None = None
    jti: str | None = None
    subject: str | None = None
    client_id: str | None = None
    roles: list[str] = Field(default_factory=list)
    permissions: list[str] = Field(default_factory=list)
    issued_at: Moment | None = None
    expires_at: Moment | None = None
    revoked_at: Moment | None = None


class Done(Answer):
    """How many workers have said that they go by it; `shared` says whether other gateways could be told at once."""

    workers: int = 0
    shared: bool = False


class RevokedToken(Done):
    """A token that is believed no longer; without `workers`, it was revoked before, or is over."""

    id: str
    client_id: str
    expires_at: Moment
    revoked: bool
    note: str = ""


class RevokedClient(Done):
    """A client whose tokens of before, and whose keys, are believed no longer."""

    client_id: str
    tokens_issued_until: Moment
    keys_revoked: int


class NewSecret(RevokedClient):
    """The same, with its new key, which is told this once, and the header that it goes into."""

    api_key: str
    header: str


def credential_routes(credentials: Credentials) -> APIRouter:
    """The endpoints; whatever they answer is not to be cached."""
    router = endpoints("/api", tag="credentials")

    @router.get("/token/{token_id:path}", **needs("viewer", 404, answer=Token))
    async def inspect(token_id: str, response: Response) -> dict[str, Any]:
        """What is known of a token, by its id, its `jti`, or itself; or of an API key, by its id."""
        if token_id == _REVOKE:
            raise HTTPException(405, "a token is revoked with POST")
        response.headers["cache-control"] = "no-store"
        found = await credentials.inspected(token_id)
        if found is None:
            raise HTTPException(404, "no token with this id or jti was seen lately, and none was revoked")
        return found

    @router.post(f"/token/{_REVOKE}", **needs("admin", 503, answer=RevokedToken))
    async def revoke(body: RevokeRequest, response: Response) -> dict[str, Any]:
        """Believe a token or an API key no longer."""
        response.headers["cache-control"] = "no-store"
        return await credentials.revoke_token(body.token, body.client_id, body.actor, body.reason)

    @router.post("/clients/{client_id:path}/revoke", **needs("admin", 404, 503, answer=RevokedClient))
    async def revoke_client(
        client_id: ClientName, response: Response, body: ChangeRequest | None = None
    ) -> dict[str, Any]:
        """Believe nothing that a client was given until now."""
        response.headers["cache-control"] = "no-store"
        change = body or ChangeRequest()
        return await credentials.revoke_client(client_id, change.actor, change.reason)

    @router.post("/clients/{client_id:path}/reset-secret", **needs("admin", 404, 503, answer=NewSecret))
    async def reset_secret(
        client_id: ClientName, response: Response, body: ChangeRequest | None = None
    ) -> dict[str, Any]:
        """The same, with a new API key for the client."""
        response.headers["cache-control"] = "no-store"
        change = body or ChangeRequest()
        return await credentials.reset_secret(client_id, change.actor, change.reason)

    return router
