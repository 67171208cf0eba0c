"""Kept-alive connections to one upstream: the most recently used first, the rest closed when idle for too long."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.proxy.breaker import CircuitBreaker
from gateway.proxy.upstream import UpstreamConnection
from gateway.settings import UpstreamSettings


@dataclass(frozen=True, slots=True)
class Address:
    """Where an upstream is, from its base URL."""

    host: str
    port: int
    authority: bytes
    prefix: bytes
    tls: bool


def address_of(base_url: str) -> Address:
    """Read a checked base URL; the port defaults to the scheme's."""
    url = urlsplit(base_url)
    tls = url.scheme == "https"
    port = url.port or (443 if tls else 80)
    return Address(url.hostname or "", port, url.netloc.encode(), url.path.rstrip("/").encode(), tls)


class UpstreamPool:
    """The connections of one worker to one upstream."""

    def __init__(
        self, settings: UpstreamSettings, clock: Callable[[], float], breaker: CircuitBreaker | None = None
    ) -> None:
        self.id = settings.id
        self.breaker = breaker
        self.address = address_of(settings.base_url)
        self.timeout = settings.timeout_secs
        self._connect_timeout = settings.connect_timeout_secs
        self._max_idle = settings.pool_max_idle_per_host
        self._idle_timeout = settings.pool_idle_timeout_secs
        self._clock = clock
        self._tls = ssl.create_default_context() if self.address.tls else None
        self._idle: deque[UpstreamConnection] = deque()
        self.open = 0
        self._made = 0
        self._reused = 0

    @property
    def idle(self) -> int:
        """How many connections wait for a request."""
        return len(self._idle)

    def take(self) -> UpstreamConnection | None:
        """An idle connection, or None when one has to be made."""
        oldest_allowed = self._clock() - self._idle_timeout
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and connection.idle_since >= oldest_allowed:
                self._reused += 1
                return connection
            connection.abandon()
        return None

    async def connect(self) -> UpstreamConnection:
        """A new connection.

        Raises:
            TimeoutError: it was not made within the upstream's connect timeout.
            OSError: it was refused, or the name is not known.
        """
        async with asyncio.timeout(self._connect_timeout):
            _, connection = await asyncio.get_running_loop().create_connection(
                self._new_connection, self.address.host, self.address.port, ssl=self._tls
            )
        self.open += 1
        self._made += 1
        return connection

    def give_back(self, connection: UpstreamConnection) -> None:
        """Keep a connection for the next request, or close it when that is not possible."""
        connection.release()
        if not connection.reusable or len(self._idle) >= self._max_idle:
            connection.abandon()
            return
        connection.idle_since = self._clock()
        self._idle.append(connection)

    def take_uses(self) -> tuple[int, int]:
        """How many connections were made, and how often one was used again, since the last call."""
        taken = self._made, self._reused
        self._made = self._reused = 0
        return taken

    def close_idle(self, now: float) -> None:
        """Close what has been idle for too long; the oldest are on the left."""
        while self._idle and self._idle[0].idle_since < now - self._idle_timeout:
            self._idle.popleft().abandon()

    def close(self) -> None:
        """Close all idle connections, and those in use when they come back."""
        self._max_idle = 0
        while self._idle:
            self._idle.popleft().abandon()

    def _new_connection(self) -> UpstreamConnection:
        return UpstreamConnection(self._forget)

    def _forget(self, connection: UpstreamConnection) -> None:
        self.open -= connection.made
        if connection in self._idle:
            self._idle.remove(connection)
