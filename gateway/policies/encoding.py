"""The body of an answer on its way through a coder: in slices, so that nobody else waits for long, and never held.

A slice is a turn of the loop. While there are more, the upstream is not read, so what waits is bounded. What a coder
has taken in is flushed after a moment: a stream that comes slowly is passed on slowly, but all of it.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from gateway.proxy.kept_leg import SLICE
from gateway.proxy.message import Headers

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange

#: What describes the body byte for byte: it is not so of the coded one.
DIGESTS = frozenset({b"content-md5", b"content-digest", b"repr-digest", b"digest"})
#: How long a coder may keep what it was given.
_FLUSH_SECS = 0.02
#: 256 KiB: what a coder needs in memory grows with it.
_WINDOW = 18


class Coder(Protocol):
    """One body's coder; `name` is that of the coding."""

    name: bytes

    def compress(self, piece: bytes | memoryview) -> bytes: ...

    def flush(self) -> bytes: ...

    def finish(self) -> bytes: ...


class _Gzip:
    name = b"gzip"

    def __init__(self, level: int) -> None:
        self._coder = zlib.compressobj(level, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        self.compress = self._coder.compress

    def flush(self) -> bytes:
        return self._coder.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._coder.flush()


class _Brotli:
    name = b"br"

    def __init__(self, level: int) -> None:
        import brotli

        # Of about the speed of gzip at that level; beyond 6 it takes megabytes and milliseconds for a small answer.
        self._coder = brotli.Compressor(quality=min(6, max(1, level - 1)), lgwin=_WINDOW)

    def compress(self, piece: bytes | memoryview) -> bytes:
        return bytes(self._coder.process(bytes(piece)))

    def flush(self) -> bytes:
        return bytes(self._coder.flush())

    def finish(self) -> bytes:
        return bytes(self._coder.finish())


class _Zstandard:
    name = b"zstd"

    def __init__(self, level: int) -> None:
        import zstandard

        self._end_of_block = zstandard.COMPRESSOBJ_FLUSH_BLOCK
        parameters = zstandard.ZstdCompressionParameters.from_level(max(1, level - 2), window_log=_WINDOW)
        self._coder = zstandard.ZstdCompressor(compression_params=parameters).compressobj()

    def compress(self, piece: bytes | memoryview) -> bytes:
        return bytes(self._coder.compress(piece))

    def flush(self) -> bytes:
        return bytes(self._coder.flush(self._end_of_block))

    def finish(self) -> bytes:
        return bytes(self._coder.flush())


_CODERS: dict[bytes, Callable[[int], Coder]] = {b"gzip": _Gzip, b"br": _Brotli, b"zstd": _Zstandard}


def coder_of(coding: bytes, level: int) -> Coder:
    """A new coder, at a level from 1 (fast) to 9 (small)."""
    return _CODERS[coding](level)


class Room:
    """How many bodies may be in coders at a time: each takes from 0.2 to 3 MB."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.taken = 0

    @property
    def is_free(self) -> bool:
        """Whether one more may be."""
        return self.taken < self._most


class Encoder:
    """Passes a body on to an exchange's client, coded. `eager`: each part of it at once."""

    def __init__(self, exchange: Exchange, coder: Coder, room: Room, *, eager: bool) -> None:
        self._exchange = exchange
        self._coder = coder
        self._room: Room | None = room
        self._eager = eager
        self._left: deque[memoryview] = deque()
        self._then: Callable[[], None] | None = None
        self._scheduled = False
        self._flushing: asyncio.TimerHandle | None = None
        room.taken += 1

    @property
    def is_behind(self) -> bool:
        """Whether it has more to do than it may: nothing is to be read until that is done."""
        return self._scheduled

    def take(self, chunk: bytes) -> None:
        """A part of the body."""
        self._left.append(memoryview(chunk))
        if not self._scheduled:
            self._go_on()

    def trailers(self, fields: Headers) -> Headers:
        """Those of the body's that are true of the coded one, too."""
        return [one for one in fields if one[0] not in DIGESTS and one[0] != b"etag"]

    def end(self, then: Callable[[], None]) -> None:
        """That was all: `then` is called when the client was sent it, but for the end of the framing."""
        self._then = then
        if not self._scheduled:
            self._go_on()

    def drop(self) -> None:
        """The exchange is over, whatever is left."""
        room, self._room = self._room, None
        if room is not None:
            room.taken -= 1
        if self._flushing is not None:
            self._flushing.cancel()
        self._left.clear()

    def _go_on(self) -> None:
        """Code the next slice; what is behind it comes in later turns of the loop."""
        was_scheduled, self._scheduled = self._scheduled, False
        if self._room is None:
            return
        if self._left:
            self._code()
        if self._left:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._go_on)
            if not was_scheduled:
                self._exchange.pause_answer()
        elif self._then is not None:
            self._finish(self._then)
        else:
            if was_scheduled:
                self._exchange.resume_answer()
            if self._flushing is None and not self._eager:
                self._flushing = asyncio.get_running_loop().call_later(_FLUSH_SECS, self._flush)

    def _code(self) -> None:
        whole = self._left.popleft()
        if len(whole) > SLICE:
            self._left.appendleft(whole[SLICE:])
        coded = self._coder.compress(whole[:SLICE])
        self._pass_on(coded + self._coder.flush() if self._eager else coded)

    def _flush(self) -> None:
        self._flushing = None
        if self._room is not None:
            self._pass_on(self._coder.flush())

    def _finish(self, then: Callable[[], None]) -> None:
        self._pass_on(self._coder.finish())
        self.drop()
        self._exchange.encoder = None
        then()

    def _pass_on(self, coded: bytes) -> None:
        if coded:
            self._exchange.answer_body(coded, coded=True)
