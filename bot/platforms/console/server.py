"""The console's server: uvicorn, told to end the open streams before it waits for them."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from bot.platforms.console.hub import Hub
from bot.platforms.console.settings import ConsoleSettings, netloc

#: Streams end at once when the hub closes; anything else that is still running gets this long.
GRACE_SECONDS = 10


class ConsoleServer(uvicorn.Server):
    """Serves the console. uvicorn waits for open responses before it stops, and a live page is one for ever."""

    def __init__(
        self, app: FastAPI, settings: ConsoleSettings, hub: Hub, *, started: Callable[[str], None] | None = None
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=list(settings.trusted_proxies),
                timeout_keep_alive=30,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._hub = hub
        self._host = settings.host
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say where: port 0 becomes a true one only now."""
        await super().startup(sockets)
        if self.started and self._tell:
            self._tell(f"http://{netloc(self._host, self.servers[0].sockets[0].getsockname()[1])}")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler's shape
        """End in order at the first signal, at once at the second. Nobody is interrupted while tidying up."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then stop as uvicorn does; of what is cut off it tells how many, without tracebacks."""
        self._hub.close()
        logging.getLogger("uvicorn.error").addFilter(_is_no_cancellation)
        await super().shutdown(sockets)


def _is_no_cancellation(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))
