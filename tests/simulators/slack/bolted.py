"""Runs a slack-bolt app against the simulator, by each of the two ways of delivery."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from tests.simulators.slack.simulator import Slack


def client(slack: Slack, token: str = "") -> AsyncWebClient:
    """Slack's own client, of the bot unless another token is said; without its retries, which send messages twice."""
    return AsyncWebClient(token or slack.bot_token, base_url=slack.api_url, retry_handlers=[])


def bolt(slack: Slack) -> AsyncApp:
    """A bolt app without a listener."""
    return AsyncApp(client=client(slack), signing_secret=slack.signing_secret)


@asynccontextmanager
async def over_http(slack: Slack, app: AsyncApp) -> AsyncIterator[str]:
    """The app behind signed requests; its address."""

    async def answer(request: web.Request) -> web.Response:
        found: web.Response = await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))
        return found

    site = web.Application()
    site.add_routes([web.post("/slack/events", answer)])
    runner = web.AppRunner(site, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
        slack.send_to(*slack.core.http.urls, url)
        yield url
    finally:
        await runner.cleanup()


@asynccontextmanager
async def over_sockets(slack: Slack, app: AsyncApp) -> AsyncIterator[AsyncSocketModeHandler]:
    """The app behind one more socket."""
    slack.use_sockets()
    before = len(slack.sockets.connections)
    handler = AsyncSocketModeHandler(app, slack.app_token, web_client=client(slack), ping_interval=60)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    try:
        await slack.until(lambda: len(slack.sockets.connections) > before)
        yield handler
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]
        ending = [handler.client.message_processor, handler.client.message_receiver]
        ending.append(handler.client.current_session_monitor)
        await asyncio.gather(*(one for one in ending if one is not None), return_exceptions=True)
