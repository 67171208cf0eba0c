"""Running the admin API inside the supervisor's loop, on a socket that the supervisor opened."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp


class _QuietServer(uvicorn.Server):
    """uvicorn without its signal handlers: the supervisor has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class AdminServer:
    """The admin API's listener."""

    def __init__(self, app: ASGIApp, sock: socket.socket) -> None:
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", server_header=False, timeout_graceful_shutdown=2,
            limit_concurrency=200, h11_max_incomplete_event_size=65_536, timeout_keep_alive=30,
        )  # fmt: skip
        self._server = _QuietServer(config)
        self.socket = sock
        self.port: int = sock.getsockname()[1]

    async def serve(self) -> None:
        """Serve until `stop`."""
        await self._server.serve(sockets=[self.socket])

    def stop(self) -> None:
        """End `serve`, after the requests that run."""
        self._server.should_exit = True
