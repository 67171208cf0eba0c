"""The listening sockets of one public port. The supervisor owns them and never closes one while it runs.

On Linux each slot has its own socket (SO_REUSEPORT), so the kernel spreads connections over the workers. Closing
such a socket would reset the connections that wait in its queue, so the socket of a retired slot goes on being
served, by a surviving worker. Where SO_REUSEPORT does not balance, all slots share one socket.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import sys
from collections.abc import Iterable, Mapping

BALANCED = sys.platform.startswith("linux")


class PortUnavailableError(Exception):
    """The address cannot be listened on; the text is meant for the operator."""


class Listeners:
    """One socket for each slot that was ever used, all on the same address; `taken` are those of a former gateway."""

    def __init__(
        self, address: str, port: int, backlog: int, *, taken: Mapping[int, socket.socket] | None = None
    ) -> None:
        self._address = address
        self._backlog = backlog
        self._sockets: dict[int, socket.socket] = dict(taken or {})
        if self._sockets:
            self._first = self._sockets[min(self._sockets)]
        else:
            require_free(address, port)
            self._first = listening_socket(address, port, backlog, reuse_port=BALANCED)
        self.port: int = self._first.getsockname()[1]

    @property
    def slots(self) -> tuple[int, ...]:
        """All slots with a socket, in order."""
        return tuple(sorted(self._sockets))

    def all(self) -> list[tuple[int, socket.socket]]:
        """Each slot with its socket."""
        return sorted(self._sockets.items())

    def for_slot(self, slot: int) -> socket.socket:
        """The slot's socket, opened at its first use."""
        if slot not in self._sockets:
            self._sockets[slot] = self._opened()
        return self._sockets[slot]

    def _opened(self) -> socket.socket:
        if not self._sockets:
            return self._first
        if not BALANCED:
            return self._first.dup()
        return listening_socket(self._address, self.port, self._backlog, reuse_port=True)

    def close(self) -> None:
        """Close the supervisor's copies: from now on only the workers hold the port."""
        self._first.close()
        for sock in self._sockets.values():
            sock.close()


def assignment(slots: Iterable[int], serving: Iterable[int]) -> dict[int, set[int]]:
    """Which sockets each serving slot's worker accepts on: its own, and a fair share of those without a worker."""
    workers = sorted(serving)
    shares: dict[int, set[int]] = {worker: {worker} for worker in workers}
    orphans = [slot for slot in sorted(slots) if slot not in shares]
    for index, orphan in enumerate(orphans):
        if workers:
            shares[workers[index % len(workers)]].add(orphan)
    return shares


def require_free(address: str, port: int) -> None:
    """Raise `PortUnavailableError` when something listens there; SO_REUSEPORT alone would silently share the port."""
    if port:
        listening_socket(address, port, 1, reuse_port=False).close()


def listening_socket(address: str, port: int, backlog: int, *, reuse_port: bool) -> socket.socket:
    """A socket that listens on `address` and `port`; 0 is any free port.

    Raises:
        PortUnavailableError: the port is taken, or the address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((address, port))
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        raise PortUnavailableError(_why(address, port, error)) from None
    sock.setblocking(False)
    return sock


def _why(address: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {address} is already in use: stop what listens there, or choose another port"
    return f"cannot listen on {address} port {port}: {error.strerror or error}"


def url_of(address: str, port: int, scheme: str = "http") -> str:
    """The URL of a listener, with an address that a client on this machine can use."""
    ip = ipaddress.ip_address(address) if address != "localhost" else None
    if ip is not None and ip.is_unspecified:
        address = "127.0.0.1" if ip.version == 4 else "::1"
    return f"{scheme}://[{address}]:{port}" if ":" in address else f"{scheme}://{address}:{port}"
