"""Connections of HTTP/2 to one target: few, each for many requests at a time."""

from __future__ import annotations

import asyncio
from collections import deque

from gateway.proxy.http2_stream import Http2Stream
from gateway.proxy.target_pool import Destination, TargetPool
from gateway.proxy.upstream_http2 import Http2Connection
from gateway.upstreams.settings import Http2Profile


class Http2Pool(TargetPool[Http2Stream]):
    """Those of one worker. Requests share a connection until it has no room; then another is made, up to a bound."""

    def __init__(self, destination: Destination, profile: Http2Profile) -> None:
        super().__init__(destination)
        self.profile = profile
        self._connections: list[Http2Connection] = []
        self._pending: asyncio.Task[None] | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._unclaimed = 0
        """Connections that were made and have had no request yet."""
        self._scheme = b"http" if self.service.tls is None else b"https"

    @property
    def idle(self) -> int:
        """How many connections carry no request."""
        return sum(not one.streams for one in self._connections)

    @property
    def in_flight(self) -> int:
        """How many requests are being answered, or wait for a connection."""
        return sum(len(one.streams) for one in self._connections) + self._connecting

    @property
    def is_full(self) -> bool:
        """Whether there are as many connections as there may be; those that take no requests do not count."""
        return sum(one.usable for one in self._connections) >= self.profile.max_connections_per_host

    def take(self) -> Http2Stream | None:
        """Room on a connection, or None when one has to be made."""
        stream = self._with_room()
        if stream is not None:
            self._reused += 1
            self._multiplexed += 1
        return stream

    async def connect(self) -> Http2Stream:
        """Room on a new connection, or on one that others wait for, too.

        Raises:
            TimeoutError: there was none within the upstream's connect timeout, or all are full for so long.
            OSError: it was refused, the name is not known, its certificate is not good, or it speaks no HTTP/2.
        """
        self._connecting += 1
        try:
            async with asyncio.timeout(self._connect_timeout):
                stream = self._with_room()
                while stream is None:
                    await self._more_room()
                    stream = self._with_room()
        finally:
            self._connecting -= 1
            self._stop_making()
        if self._unclaimed:
            self._unclaimed -= 1
            self._made += 1
        else:
            self._reused += 1
        self._multiplexed += 1
        return stream

    async def _more_room(self) -> None:
        if self._pending is not None or not self.is_full:
            if self._pending is None:
                self._pending = asyncio.get_running_loop().create_task(self._make())
                self._pending.add_done_callback(self._arrived)
            # One who gives up must not take the connection away from the others.
            await asyncio.shield(self._pending)
        else:
            await self._freed()

    async def _freed(self) -> None:
        """Wait until a request has made room."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._wake(1)  # It was this one's turn, who does not want it any more.
            raise

    def _wake(self, most: int) -> None:
        """There is room for so many more."""
        while self._waiting and most > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                most -= 1

    def _arrived(self, pending: asyncio.Task[None]) -> None:
        self._pending = None
        if not pending.cancelled():
            pending.exception()  # Those who wait are told; perhaps nobody does any more.

    async def _make(self) -> None:
        async with asyncio.timeout(self._connect_timeout):
            _, connection = await self._opened(self._new_connection)
            try:
                await connection.ready
            except BaseException:
                connection.close()
                raise
        self._unclaimed += 1
        connection.idle_since = self._clock()
        self._connections.append(connection)
        self._wake(len(self._waiting))

    def _stop_making(self) -> None:
        """Make no connection that nobody waits for: who does was sent here before."""
        if self.keeps_none and self._pending is not None and not self._connecting:
            self._pending.cancel()

    def _new_connection(self) -> Http2Connection:
        return Http2Connection(self.profile, on_closed=self._lost, on_made=self._count, on_room=self._wake)

    def _with_room(self) -> Http2Stream | None:
        for connection in self._connections:
            if connection.has_room:
                return Http2Stream(connection, self._scheme)
        return None

    def give_back(self, connection: Http2Stream) -> None:
        """The answer is complete; the connection is kept, unless nobody wants it any more."""
        used = connection.connection
        used.idle_since = self._clock()
        if not used.streams and (used.leaving or self.keeps_none or not self.profile.keep_alive):
            used.close()

    def close_idle(self, now: float) -> None:
        """Close what carries nothing, and has not for too long or is not to be used any more."""
        oldest = now - self.profile.idle_timeout
        for one in tuple(self._connections):
            if one.streams:
                continue
            if one.leaving or self.keeps_none or one.idle_since < oldest or self._is_gone(one, now):
                one.close()

    def _is_gone(self, connection: Http2Connection, now: float) -> bool:
        """Whether it was asked if anybody is there, and has had as long for its answer as for being made."""
        if not connection.doubted:
            return False
        connection.doubted_since = connection.doubted_since or now
        return now - connection.doubted_since > self._connect_timeout

    def close(self) -> None:
        """Close all that carry nothing."""
        self._stop_making()
        for one in tuple(self._connections):
            if not one.streams:
                one.close()

    def _lost(self, connection: Http2Connection) -> None:
        self.open -= connection.made
        if connection in self._connections:
            self._connections.remove(connection)
        # Together they wait for the next one, and hear of it together where it cannot be made.
        self._wake(len(self._waiting))
