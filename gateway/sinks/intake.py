"""The supervisor's end of the workers' logs: one socket for each worker, on which its records come as lines of JSON.

Workers do not write to sinks themselves: so there is one file, one stream and one connection however many of them run,
and no request shares its interpreter with a client of a collector.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

_READ_BYTES = 65_536
_LONGEST_LINE = 1_048_576


class Intake:
    """Passes each line on to `write`, which must not wait. To be made and used within a running loop."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._loop = asyncio.get_running_loop()
        self._begun: dict[socket.socket, bytes] = {}
        """The workers' sockets, each with the line that it has sent a part of."""

    def opened(self) -> socket.socket:
        """The end for another worker; whoever asks for it closes it when it is handed on."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._begun[ours] = b""
        self._loop.add_reader(ours.fileno(), self._read, ours)
        return theirs

    def close(self) -> None:
        """Take what has arrived, and close every socket."""
        for sock in tuple(self._begun):
            while self._read(sock):
                continue
            self._end(sock)

    def _read(self, sock: socket.socket) -> bool:
        """Take the next part; False when there is none now."""
        try:
            part = sock.recv(_READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            part = b""
        if not part:
            self._end(sock)
            return False
        *lines, rest = (self._begun[sock] + part).split(b"\n")
        self._begun[sock] = rest if len(rest) <= _LONGEST_LINE else b""
        for line in lines:
            # What a worker that was killed has left unfinished is not of a record's form.
            with contextlib.suppress(ValueError):
                self._write(line)
        return True

    def _end(self, sock: socket.socket) -> None:
        if self._begun.pop(sock, None) is not None:
            self._loop.remove_reader(sock.fileno())
            sock.close()
