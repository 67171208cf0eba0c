"""A listening socket whose clients come through load balancers that speak the PROXY protocol.

The header is taken from the accepted socket byte for byte, and no more than it: what follows is read by whoever reads
the connection, TLS included. Trusted proxies have to send one, in time; from all others none is expected, so what they
send is read as what it is, and nothing that they say of themselves is believed.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

from gateway.background import Background
from gateway.listening.doors import Door
from gateway.listening.proxy_protocol import LONGEST, BadHeaderError, client_of, measured
from gateway.proxy.downstream import DownstreamConnection

if TYPE_CHECKING:
    from gateway.proxy.dataplane import Dataplane

_ACCEPTED_AT_ONCE = 64
_PAUSE_SECS = 1.0


class ProxiedServer:
    """Serves one listening socket until `close`. `speaking` is how its connections go on: with TLS, or without."""

    def __init__(self, plane: Dataplane, door: Door, sock: socket.socket, speaking: dict[str, Any]) -> None:
        self._plane = plane
        self._door = door
        self._sock = sock
        self._speaking = speaking
        self._loop = asyncio.get_running_loop()
        self._arriving: set[_Arriving] = set()
        self._background = Background(_unexpected)
        self._resuming: asyncio.TimerHandle | None = None
        sock.setblocking(False)
        self._loop.add_reader(sock.fileno(), self._accept)

    def close(self) -> None:
        """Accept nobody any more; who has not yet said what it had to is not waited for."""
        if self._resuming is not None:
            self._resuming.cancel()
        self._loop.remove_reader(self._sock.fileno())
        self._sock.close()
        for one in tuple(self._arriving):
            one.close()

    def _accept(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                sock, (address, *_rest) = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # No descriptors are left: with some patience there will be.
                self._loop.remove_reader(self._sock.fileno())
                self._resuming = self._loop.call_later(_PAUSE_SECS, self._resume)
                return
            sock.setblocking(False)
            if not self._plane.proxies.peer(address).trusted:
                self.go_on(sock, None)
            elif len(self._arriving) < self._plane.settings.server.max_connections:
                self._arriving.add(_Arriving(self, sock, address, self._plane.header_timeout))
            else:
                sock.close()

    def _resume(self) -> None:
        self._loop.add_reader(self._sock.fileno(), self._accept)

    def go_on(self, sock: socket.socket, client: str | None) -> None:
        """Read requests from it, those of `client`: "" where its header named none, None where it had no header."""
        self._background.spawn(self._connect(sock, client))

    async def _connect(self, sock: socket.socket, client: str | None) -> None:
        # What is wrong with a handshake is the client's own matter, as on every listener.
        with contextlib.suppress(OSError, TimeoutError):
            await self._loop.connect_accepted_socket(
                lambda: DownstreamConnection(self._plane, self._door, client), sock, **self._speaking
            )

    def forget(self, one: _Arriving) -> None:
        """It has arrived, or never will."""
        self._arriving.discard(one)

    def refuse(self, address: str, why: str) -> None:
        """Count and log a proxy that did not say what it had to."""
        self._plane.tally.proxy_header_refused(self._door.id)
        self._plane.journal.event(
            "WARNING", "listener", "proxy_header_refused", f"a trusted proxy's connection is closed: {why}",
            listener=self._door.id, client_ip=address,
        )  # fmt: skip


class _Arriving:
    """A connection of a trusted proxy until its header is complete."""

    def __init__(self, server: ProxiedServer, sock: socket.socket, address: str, patience: float) -> None:
        self._server = server
        self._sock = sock
        self._address = address
        self._seen = b""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._read)
        self._expiry = self._loop.call_later(patience, self._refuse, "its header did not arrive in time")

    def close(self) -> None:
        """Close the connection."""
        self._let_go()
        self._sock.close()

    def _let_go(self) -> None:
        self._expiry.cancel()
        self._loop.remove_reader(self._sock.fileno())
        self._server.forget(self)

    def _refuse(self, why: str) -> None:
        self.close()
        self._server.refuse(self._address, why)

    def _read(self) -> None:
        """Take what belongs to the header, at least a byte each time, so that this is not called for nothing."""
        try:
            ahead = self._sock.recv(LONGEST, socket.MSG_PEEK)
            if not ahead:
                # A balancer that only looks whether somebody listens; one that has begun has something to say.
                self._refuse("its header broke off") if self._seen else self.close()
                return
            size, is_whole = measured(self._seen + ahead)
            self._seen += self._sock.recv(size - len(self._seen))
            client = client_of(self._seen) if is_whole else None
        except (BlockingIOError, InterruptedError):
            return
        except BadHeaderError as error:
            self._refuse(str(error))
            return
        except OSError:
            self.close()
            return
        if is_whole:
            self._let_go()
            self._server.go_on(self._sock, client or "")


def _unexpected(task: str, error: BaseException | None) -> None:
    context = {"message": f"a connection could not be taken over: {task}", "exception": error}
    asyncio.get_running_loop().call_exception_handler(context)
