"""Socket Mode: several connections, each watched; one that went silent is replaced."""

from __future__ import annotations

import asyncio
import logging

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp

from bot.platforms.slack.web import Wire, named

log = logging.getLogger(__name__)

_PING_SECONDS, _LOOK_SECONDS, _PATIENCE = 5.0, 5.0, 3


class Sockets:
    """The SDK reconnects by itself; this makes a new connection where it does not."""

    def __init__(self, app: AsyncApp, app_token: str, wire: Wire, *, count: int) -> None:
        self._app = app
        self._token = app_token
        self._wire = wire
        self._count = count

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(1, self._count + 1):
                group.create_task(self._keep(number))

    async def _keep(self, number: int) -> None:
        while True:
            handler = self._handler()
            try:
                await handler.connect_async()  # type: ignore[no-untyped-call]
                await self._watch(handler, number)
            except Exception as error:
                log.warning("socket %s: %s", number, named(error))
            finally:
                await asyncio.shield(handler.close_async())  # type: ignore[no-untyped-call]
            await asyncio.sleep(1)

    async def _watch(self, handler: AsyncSocketModeHandler, number: int) -> None:
        """Until it has been silent for too long: `is_connected` counts the answers to our pings."""
        silent = 0
        while silent < _PATIENCE:
            await asyncio.sleep(_LOOK_SECONDS)
            silent = 0 if await handler.client.is_connected() else silent + 1
        log.warning("socket %s to Slack is silent; a new one is opened", number)

    def _handler(self) -> AsyncSocketModeHandler:
        return AsyncSocketModeHandler(
            self._app,
            self._token,
            web_client=self._wire.client(self._token),
            proxy=self._wire.proxy or None,
            ping_interval=_PING_SECONDS,
        )
