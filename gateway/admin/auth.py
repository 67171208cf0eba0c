"""Who may speak to the admin API: whoever has a token. Also bounds what is read of a body."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.admin.guesses import Guesses
from gateway.admin.settings import AdminSettings, Role
from gateway.supervisor.callers import CALLER, Refusals

MAX_BODY_BYTES = 65_536


class Caller(NamedTuple):
    """Whose token a request has, and what that may."""

    name: str
    role: Role


class BearerToken:
    """ASGI middleware that lets requests with a known `Authorization: Bearer` pass, and answers 401 to others,
    or 429 to whoever tries out tokens.

    `settings` are those of now: a token that is gone from them is good for nothing.
    """

    def __init__(self, app: ASGIApp, settings: Callable[[], AdminSettings], refusals: Refusals) -> None:
        self._app = app
        self._settings = settings
        self._refusals = refusals
        self._guesses = Guesses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        digest = _digest_of_token(scope)
        address = (scope.get("client") or ("",))[0]
        wait = 0.0 if digest is None else self._guesses.wait(address, digest)
        caller = None if digest is None or wait else self._caller(digest)
        if caller is None:
            if digest is not None and not wait:
                self._guesses.wrong(address, digest)
            await self._refused(wait, address)(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        CALLER.set(caller.name)
        await self._app(scope, receive, send)

    def _refused(self, wait: float, address: str) -> JSONResponse:
        self._refusals.add("unauthorized", "the admin API was asked without a valid token", address)
        if wait:
            seconds = math.ceil(wait)
            message = f"too many tokens from your address were wrong: try again in {seconds} s"
            body = {"error": {"code": "too_many_guesses", "message": message}}
            return JSONResponse(body, 429, {"retry-after": str(seconds)})
        body = {"error": {"code": "unauthorized", "message": "a valid bearer token is required"}}
        return JSONResponse(body, 401, {"www-authenticate": 'Bearer realm="tocsin-gateway"'})

    def _caller(self, digest: str) -> Caller | None:
        # All are compared, each in the same time, so that nothing tells how near a guess was.
        found = [
            Caller(name, role)
            for name, role, known in self._settings().callers
            if hmac.compare_digest(digest.encode(), known.encode())
        ]
        if not found:
            return None
        self._guesses.right(digest)
        return found[0]


def _digest_of_token(scope: Scope) -> str | None:
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(values) != 1 or values[0][:7].lower() != b"bearer ":
        return None
    return hashlib.sha256(values[0][7:]).hexdigest()


class BodyLimit:
    """ASGI middleware that answers 413 as soon as a body is longer than needed; `longer`: how long on some paths."""

    def __init__(self, app: ASGIApp, longer: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._longer = longer or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._longer.get(scope["path"], MAX_BODY_BYTES)
        body = await _bounded_body(receive, most)
        if body is None:
            message = f"the body is longer than {most} bytes"
            error = {"error": {"code": "body_too_large", "message": message}}
            await JSONResponse(error, 413, {"connection": "close"})(scope, receive, send)
            return
        await self._app(scope, _replaying(body, receive), send)


async def _bounded_body(receive: Receive, most: int) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _replaying(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
