"""What the system holds for a connection: bytes that arrived unread, and bytes sent that the peer has yet to take."""

from __future__ import annotations

import array
import asyncio
import fcntl
import socket
import sys
import termios

#: <sys/socket.h> of macOS, where no ioctl tells it; Python has no name for it.
_SO_NWRITE = 0x1024
#: Less than the smallest buffer that a system gives a socket: where no more than this waits in it, nothing waits
#: outside it for room.
_ROOM_LEFT = 4096


def unread(transport: asyncio.Transport) -> int:
    """Bytes that arrived and that the transport did not read yet; 0 where the connection is gone."""
    try:
        return _ioctl(transport, termios.FIONREAD)
    except (OSError, AttributeError, ValueError):
        return 0


def untaken(transport: asyncio.Transport) -> int:
    """Bytes written that the peer has yet to take, as far as they are seen; 0 where nothing waits here for room.

    A transport with TLS tells only what it holds itself. What the transport below it holds is told by nobody, but there
    can be something only while the system's own buffer is full.
    """
    held = transport.get_write_buffer_size()
    try:
        sent = _sent(transport)
    except (OSError, AttributeError, ValueError):
        return held
    return held + sent if held or sent > _ROOM_LEFT else 0


def _sent(transport: asyncio.Transport) -> int:
    if sys.platform == "darwin":
        known: socket.socket = transport.get_extra_info("socket")
        return known.getsockopt(socket.SOL_SOCKET, _SO_NWRITE)
    return _ioctl(transport, termios.TIOCOUTQ)


def _ioctl(transport: asyncio.Transport, question: int) -> int:
    told = array.array("i", [0])
    fcntl.ioctl(transport.get_extra_info("socket").fileno(), question, told)
    return told[0]
