"""The upgrade of the process: a newly started gateway takes over the listening sockets, and the former one drains.

Both know of one Unix socket (`server.handover_path`). Whoever serves waits at it; whoever starts asks there first. The
former sends its listening sockets and goes on serving; they are the same sockets in both, so no connection is refused
or reset. When the workers of the newcomer serve, too, it says so, and only then does the former leave. A newcomer that
fails before has changed nothing.

The messages, lines of JSON over the socket as on a worker's channel: `take`; `socket` with its role and slot, for each
of them; `orders`, as `standing_orders` has them; `given`; `ready`; `orders`, as they are at the end; `left`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from gateway.control import ControlChannel, Message
from gateway.listening.settings import FIRST

#: `admin`, `metrics`, or that of a public listener, with its place.
Role: TypeAlias = str
_PUBLIC = "public"
#: role, slot (0 where there is but one), socket
Given = tuple[Role, int, socket.socket]

_PATIENCE_SECS = 10.0
_MOST_ASKING = 4


class HandoverError(Exception):
    """Somebody waits at the path, and does not hand over; the text is for the operator."""


class Taken:
    """What was taken over of a former gateway; nothing, where there is none."""

    def __init__(self) -> None:
        self.orders: object = None
        """What operators have ordered of the former, as it told it last; None where it is too old to tell."""
        self.parted = False
        """Whether that was at its end; one that was killed meanwhile may have been ordered more."""
        self._given: list[Given] = []
        self._channel: ControlChannel | None = None
        self._whole = asyncio.Event()
        self._left = asyncio.Event()

    @classmethod
    async def at(cls, path: str | None) -> Taken:
        """Ask whoever serves, if anybody does.

        Raises:
            HandoverError: it does not answer as it should.
        """
        taken = cls()
        if path is not None:
            sock = _reached(path)
            if sock is not None:
                await taken._ask(sock, path)
        return taken

    @property
    def former(self) -> bool:
        """Whether there is a former gateway, that is to leave."""
        return self._channel is not None

    def public(self, address: str, port: int, place: str = FIRST) -> dict[int, socket.socket]:
        """The sockets of a public listener, by slot; none, where it listened nowhere near.

        Where the port is known, that is the one, whatever the listener was called.
        """
        roles = {one[0] for one in self._given if one[0].startswith(_PUBLIC)} if port else {public_role(place)}
        return {slot: sock for role in sorted(roles) for slot, sock in self._of(role, address, port)}

    def one(self, role: Role, address: str, port: int) -> socket.socket | None:
        """That of the admin API, or of the metrics, where it is still the same."""
        return next((sock for _, sock in self._of(role, address, port)), None)

    def _of(self, role: Role, address: str, port: int) -> Iterator[tuple[int, socket.socket]]:
        """They are this one's now."""
        for given in [one for one in self._given if one[0] == role]:
            _, slot, sock = given
            if _listens_at(sock, address, port):
                self._given.remove(given)
                sock.setblocking(False)
                yield slot, sock

    def close(self) -> None:
        """Close what nobody has wanted."""
        for _, _, sock in self._given:
            sock.close()
        self._given.clear()

    async def ready(self) -> None:
        """This one serves: have the former leave its place, and drain. One that is gone meanwhile has left."""
        if self._channel is not None:
            self._channel.send({"type": "ready"})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_SECS):
                    await self._left.wait()
            self._channel.close()

    async def _ask(self, sock: socket.socket, path: str) -> None:
        self._channel = ControlChannel(sock, self._heard, self._lost)
        self._channel.send({"type": "take"})
        try:
            async with asyncio.timeout(_PATIENCE_SECS):
                await self._whole.wait()
        except TimeoutError:
            self._lost()
        if self._left.is_set():
            self.close()
            self._channel.close()
            raise HandoverError(f"who waits at server.handover_path {path!r} does not hand over its sockets")

    def _heard(self, message: Message, sockets: list[socket.socket]) -> None:
        if message["type"] == "socket":
            self._given.append((message["role"], message["slot"], sockets[0]))
        elif message["type"] == "orders":
            self.orders = message["orders"]
        elif message["type"] == "given":
            self._whole.set()
        elif message["type"] == "left":
            self.parted = True
            self._left.set()

    def _lost(self) -> None:
        self._left.set()
        self._whole.set()


class Giving:
    """Waits at the path for whoever is to take this one's place; `leave` is called once, when that one serves."""

    def __init__(
        self,
        path: str,
        *,
        given: Callable[[], list[Given]],
        orders: Callable[[], Message],
        leave: Callable[[], Awaitable[None]],
    ) -> None:
        self._path = Path(path)
        self._given = given
        self._orders = orders
        self._leave = leave
        self._asking: set[ControlChannel] = set()
        self._leaving: asyncio.Task[None] | None = None
        self._sock = _waiting_at(self._path)
        self._inode = self._path.stat().st_ino
        asyncio.get_running_loop().add_reader(self._sock.fileno(), self._accept)

    def close(self) -> None:
        """Wait no longer. The path may be somebody else's by now."""
        if self._sock.fileno() < 0:
            return
        asyncio.get_running_loop().remove_reader(self._sock.fileno())
        self._sock.close()
        with contextlib.suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()

    def _accept(self) -> None:
        try:
            sock, _ = self._sock.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return
        if len(self._asking) >= _MOST_ASKING or self._leaving is not None:
            sock.close()
            return
        channel = ControlChannel(sock, lambda message, _: self._heard(channel, message), lambda: self._gone(channel))
        self._asking.add(channel)

    def _heard(self, channel: ControlChannel, message: Message) -> None:
        if message["type"] == "take":
            for role, slot, sock in self._given():
                channel.send({"type": "socket", "role": role, "slot": slot}, [sock])
            channel.send({"type": "orders", "orders": self._orders()})
            channel.send({"type": "given"})
        elif message["type"] == "ready" and self._leaving is None:
            self._leaving = asyncio.get_running_loop().create_task(self._left(channel))

    async def _left(self, channel: ControlChannel) -> None:
        self.close()
        await self._leave()
        # Operators may have ordered something since it was asked for.
        channel.send({"type": "orders", "orders": self._orders()})
        channel.send({"type": "left"})

    def _gone(self, channel: ControlChannel) -> None:
        self._asking.discard(channel)


def public_role(place: str) -> Role:
    """That of the sockets of the public listener there."""
    return f"{_PUBLIC} {place}"


def _reached(path: str) -> socket.socket | None:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(_PATIENCE_SECS)
    try:
        sock.connect(path)
    except (FileNotFoundError, ConnectionRefusedError):
        sock.close()
        return None
    except OSError as error:
        sock.close()
        raise HandoverError(f"server.handover_path {path!r} cannot be asked: {error.strerror or error}") from None
    return sock


def _waiting_at(path: Path) -> socket.socket:
    """Raises OSError. Whoever may connect may take the gateway's place, so that is the owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        fresh.unlink(missing_ok=True)
        sock.bind(str(fresh))
        fresh.chmod(0o600)
        sock.listen(_MOST_ASKING)
        sock.setblocking(False)
        fresh.replace(path)
    except OSError:
        sock.close()
        raise
    return sock


def _listens_at(sock: socket.socket, address: str, port: int) -> bool:
    """Whether it is the one that settings ask for; port 0 is any."""
    found: Any = sock.getsockname()
    return found[0] == address and port in (0, found[1])
