"""What a worker accepts on: the sockets that the supervisor gives it, each with what its listener speaks.

A configuration may change what a listener speaks. Its sockets stay; they are only served anew, and clients that connect
meanwhile wait in their queues.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from gateway.listening.certificates import Tell
from gateway.listening.doors import Door, Doors, doors_of
from gateway.proxy.downstream import DownstreamConnection

if TYPE_CHECKING:
    from gateway.proxy.dataplane import Dataplane
    from gateway.settings import ServerSettings

#: A listener's place, and the slot of the worker that its socket was made for.
Place: TypeAlias = tuple[str, int]


class _Server(Protocol):
    def close(self) -> None: ...


@dataclass(slots=True)
class _Open:
    """A socket of its own keeps the queue, whatever becomes of what serves it."""

    socket: socket.socket
    server: _Server | None = None

    def close(self) -> None:
        if self.server is not None:
            self.server.close()
        self.socket.close()


class Listening:
    """The listeners of one worker."""

    def __init__(self, plane: Dataplane, server: ServerSettings, tell: Tell) -> None:
        self._plane = plane
        self._tell = tell
        self._open: dict[Place, _Open] = {}
        self._closed = False
        self._doors: Doors = {}
        self._take(self.doors_for(server))

    def doors_for(self, server: ServerSettings) -> Doors:
        """Those of another configuration.

        Raises:
            CertificateError: it has a certificate that cannot be used.
        """
        listeners = server.all_listeners
        ports = {one.id: server.https_port_for(one) for one in listeners}
        return doors_of(listeners, ports, self._doors, self._tell)

    async def go_by(self, doors: Doors) -> None:
        """Accept by these from now on; what is no listener any more is closed when the supervisor says so."""
        before = self._doors
        self._take(doors)
        for place, found in tuple(self._open.items()):
            door = doors.get(place[0])
            if door is not None and before.get(place[0]) is not door:
                former, found.server = found.server, None
                if former is not None:
                    former.close()
                await self._serve(place, found)

    def _take(self, doors: Doors) -> None:
        for place, door in self._doors.items():
            door.gone = doors.get(place) is not door
        self._doors = doors
        self._plane.listeners = {door.id: door.settings.scheme for door in doors.values() if door.settings is not None}

    async def change(self, add: Iterable[Place], drop: Iterable[Place], sockets: list[socket.socket]) -> None:
        """Accept on these sockets, and no longer on those of `drop`."""
        for place, sock in zip(add, sockets, strict=True):
            if self._closed:
                sock.close()
                continue
            self._open[place] = _Open(sock)
            await self._serve(place, self._open[place])
        for place in drop:
            if place in self._open:
                self._open.pop(place).close()

    async def _serve(self, place: Place, found: _Open) -> None:
        door = self._doors.get(place[0])
        if door is None:
            return
        server = await self._server(found.socket.dup(), door)
        if self._open.get(place) is found and found.server is None and self._doors.get(place[0]) is door:
            found.server = server
        else:  # There is something newer.
            server.close()

    async def _server(self, sock: socket.socket, door: Door) -> _Server:
        plane = self._plane
        speaking: dict[str, Any] = {}
        if door.certificates is not None:
            speaking = {
                "ssl": door.certificates.context, "ssl_handshake_timeout": plane.header_timeout,
                "ssl_shutdown_timeout": plane.client_timeout,
            }  # fmt: skip
        if door.settings is not None and door.settings.proxy_protocol:
            from gateway.listening.proxied import ProxiedServer  # which loads the protocol's library

            return ProxiedServer(plane, door, sock, speaking)
        return await asyncio.get_running_loop().create_server(
            lambda: DownstreamConnection(plane, door), sock=sock, backlog=plane.settings.server.backlog, **speaking
        )

    def places(self) -> list[Place]:
        """Where connections are accepted."""
        return sorted(self._open)

    def connections(self) -> dict[str, int]:
        """How many are open, by listener."""
        return {door.id: door.open for door in self._doors.values()}

    def refresh(self) -> None:
        """Read certificates again whose time has come; to be called each second."""
        now = self._plane.clock()
        for door in self._doors.values():
            if door.certificates is not None and door.settings is not None and now >= door.refresh_at:
                assert door.settings.tls is not None
                door.refresh_at = now + door.settings.tls.reload_secs
                door.certificates.refresh()

    def close(self) -> None:
        """Accept nobody any more."""
        self._closed = True
        for found in self._open.values():
            found.close()
        self._open.clear()
