"""Who may speak to the admin API: whoever has the token. Also bounds what is read of a body."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 65_536


class BearerToken:
    """ASGI middleware that lets requests with the right `Authorization: Bearer` pass, and answers 401 to others."""

    def __init__(self, app: ASGIApp, token: Callable[[], str]) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._allowed(scope):
            body = {"error": {"code": "unauthorized", "message": "a valid bearer token is required"}}
            headers = {"www-authenticate": 'Bearer realm="tocsin-gateway"'}
            await JSONResponse(body, 401, headers)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _allowed(self, scope: Scope) -> bool:
        values = [value for name, value in scope["headers"] if name == b"authorization"]
        # Comparing takes the same time wherever the first difference is.
        return len(values) == 1 and hmac.compare_digest(values[0], f"Bearer {self._token()}".encode())


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
