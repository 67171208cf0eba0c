"""The channel between the supervisor and a worker: JSON lines over a socket pair, which can carry sockets along.

A closed channel means that the other process is gone; both sides rely on hearing of it at once.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

_READ_BYTES = 262_144
_MAX_SOCKETS = 250
_MAX_QUEUED = 64 * 1024 * 1024

Message = dict[str, Any]
Handler = Callable[[Message, list[socket.socket]], None]


class ControlChannel:
    """One end. `handler` is called for each message; `on_closed` once, when the other end is gone."""

    def __init__(self, sock: socket.socket, handler: Handler, on_closed: Callable[[], None]) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._handler = handler
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._incoming = b""
        self._received: deque[int] = deque()
        self._outgoing: deque[tuple[bytes, list[socket.socket]]] = deque()
        self._queued_bytes = 0
        self._writing = False
        self.closed = False
        self._loop.add_reader(sock.fileno(), self._read)

    @property
    def congested(self) -> bool:
        """Whether earlier messages still wait to be sent."""
        return bool(self._outgoing)

    def send(self, message: Message, sockets: list[socket.socket] | None = None) -> None:
        """Queue a message; `sockets` arrive with it, as duplicates."""
        if self.closed:
            return
        duplicates = [sock.dup() for sock in sockets or []]
        line = json.dumps({**message, "sockets": len(duplicates)}, separators=(",", ":")).encode() + b"\n"
        self._outgoing.append((line, duplicates))
        self._queued_bytes += len(line)
        if self._queued_bytes > _MAX_QUEUED:
            self._lost()
        else:
            self._write()

    def close(self) -> None:
        """Close this end, without a call of `on_closed`."""
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        for _, sockets in self._outgoing:
            _close_all(sockets)
        for descriptor in self._received:
            socket.close(descriptor)
        self._outgoing.clear()
        self._received.clear()
        self._sock.close()

    def _lost(self) -> None:
        if not self.closed:
            self.close()
            self._on_closed()

    def _read(self) -> None:
        try:
            chunk, descriptors, _, _ = socket.recv_fds(self._sock, _READ_BYTES, _MAX_SOCKETS)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._lost()
            return
        self._received.extend(descriptors)
        if not chunk:
            self._lost()
            return
        *lines, self._incoming = (self._incoming + chunk).split(b"\n")
        for line in lines:
            if not self.closed:
                self._deliver(json.loads(line))

    def _deliver(self, message: Message) -> None:
        count = message.pop("sockets")
        sockets = [socket.socket(fileno=self._received.popleft()) for _ in range(count)]
        try:
            self._handler(message, sockets)
        except Exception as error:
            # The messages after this one have nothing to do with it.
            text = f"the control message {message.get('type')!r} could not be handled"
            self._loop.call_exception_handler({"message": text, "exception": error})

    def _write(self) -> None:
        while self._outgoing:
            line, sockets = self._outgoing.popleft()
            try:
                sent = self._send_some(line, sockets)
            except (BlockingIOError, InterruptedError):
                self._outgoing.appendleft((line, sockets))
                break
            except OSError:
                _close_all(sockets)
                self._loop.call_soon(self._lost)
                return
            _close_all(sockets)
            self._queued_bytes -= sent
            if sent < len(line):
                self._outgoing.appendleft((line[sent:], []))
        self._watch_writable(bool(self._outgoing))

    def _send_some(self, line: bytes, sockets: list[socket.socket]) -> int:
        if sockets:
            return socket.send_fds(self._sock, [line], [sock.fileno() for sock in sockets])
        return self._sock.send(line)

    def _watch_writable(self, wanted: bool) -> None:
        if wanted and not self._writing:
            self._loop.add_writer(self._sock.fileno(), self._write)
        elif self._writing and not wanted:
            self._loop.remove_writer(self._sock.fileno())
        self._writing = wanted


def _close_all(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        sock.close()
