"""What the acknowledgement is compared with: a slack-bolt app whose only handler acknowledges, and keeps nothing."""

from __future__ import annotations

import re
import sys
from typing import Any

import uvicorn
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


def build(api_url: str, token: str, secret: str) -> Starlette:
    """As the documentation of slack-bolt has it."""
    app = AsyncApp(client=AsyncWebClient(token, base_url=api_url), signing_secret=secret)
    handler = AsyncSlackRequestHandler(app)

    @app.command(re.compile("^/"))
    async def acknowledge(ack: Any) -> None:
        await ack()

    async def take(request: Request) -> Response:
        return await handler.handle(request)

    async def alive(_: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(routes=[Route("/slack/events", take, methods=["POST"]), Route("/healthz", alive)])


if __name__ == "__main__":
    uvicorn.run(build(*sys.argv[2:5]), host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
