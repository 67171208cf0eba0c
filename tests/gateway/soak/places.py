"""Ports that stay one's own while nobody listens there."""

from __future__ import annotations

import socket


class Place:
    """A port on loopback. It is bound all the time, without listening: who connects is refused.

    Whoever serves there binds it once more, with `reuse_port`; nobody else is given it meanwhile.
    """

    def __init__(self) -> None:
        self._sock = socket.socket()
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._sock.bind(("127.0.0.1", 0))
        self.port: int = self._sock.getsockname()[1]

    def close(self) -> None:
        self._sock.close()
