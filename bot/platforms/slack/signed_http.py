"""Signed HTTP: Slack's requests, on a listener of their own; nothing else of Tocsin is reachable by it."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.app.async_app import AsyncApp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

log = logging.getLogger(__name__)

#: Slack's own are far smaller.
_LARGEST = 1_000_000
_FORGED = (
    "slack: a request was refused (401): its signature does not fit; if it came from Slack, check "
    "platforms.slack.signing_secret and the clock"
)


def pages(app: AsyncApp, *, events: bool, install: bool) -> Starlette:
    """Events, commands and clicks at one address; the pages of installing by OAuth."""
    handler = AsyncSlackRequestHandler(app)

    async def take(request: Request) -> Response:
        length = request.headers.get("content-length", "0" if request.method == "GET" else "")
        if not length.isdecimal():
            return PlainTextResponse("the length is missing", status_code=411)
        if int(length[:12]) > _LARGEST:
            return PlainTextResponse("too large", status_code=413)
        answer = await handler.handle(request)
        if answer.status_code == 401 and request.method == "POST":
            log.warning(_FORGED)
        return answer

    async def alive(_: Request) -> Response:
        return PlainTextResponse("ok")

    routes = [Route("/healthz", alive, methods=["GET"])]
    if events:
        routes.append(Route("/slack/events", take, methods=["POST"]))
    if install:
        routes += [Route(path, take, methods=["GET"]) for path in ("/slack/install", "/slack/oauth_redirect")]
    return Starlette(routes=routes)


class _Server(uvicorn.Server):
    """One of several servers of the process: signals are the console's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield


async def serve(app: Starlette, listener: socket.socket) -> None:
    """Until cancelled."""
    log.info("Slack is listened to at http://%s:%s/slack/", *listener.getsockname()[:2])
    server = _Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none"))
    try:
        await server.serve(sockets=[listener])
    finally:
        server.should_exit = True
        for one in getattr(server, "servers", ()):  # one that is cancelled would leave its socket to the event loop
            one.close()


def listen(host: str, port: int) -> socket.socket:
    """Raises OSError when the port is taken."""
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
