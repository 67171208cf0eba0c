"""Running the admin API inside the supervisor's loop, on a socket that the supervisor opened."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

_LONGEST_HEAD = 65_536
_PATIENCE_SECS = 30.0


class BoundedConnection(H11Protocol):
    """A connection on which requests begin in time: whoever sends none must not take the place of those who do.

    It is h11 because it bounds heads, which uvicorn's faster parser does not: no token is needed to send one.
    """

    patience = _PATIENCE_SECS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Look at it from now on."""
        super().connection_made(transport)
        self._look(None)

    def _look(self, seen: object) -> None:
        """Close it where no request runs, and none was whole since the last look."""
        if not self.transport.is_closing():
            self.loop.call_later(self.patience, self._close_or_look, seen)

    def _close_or_look(self, seen: object) -> None:
        over = self.cycle is None or self.cycle.response_complete
        if over and self.cycle is seen:
            self.transport.close()
        else:
            self._look(self.cycle)


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
            limit_concurrency=200, http=BoundedConnection, h11_max_incomplete_event_size=_LONGEST_HEAD,
            timeout_keep_alive=30, ws="none",
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
