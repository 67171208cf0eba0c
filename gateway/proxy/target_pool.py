"""The connections to one target. Of HTTP/1: the most recently used first, the rest closed when idle for too long."""

from __future__ import annotations

import asyncio
import errno
import ssl
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from gateway.proxy.counted import Counted
from gateway.proxy.message import Headers
from gateway.proxy.upstream import AnswerSink, UpstreamConnection
from gateway.upstreams.health import TargetHealth
from gateway.upstreams.settings import TargetSettings, UpstreamSettings


@dataclass(frozen=True, slots=True)
class Service:
    """What all targets of an upstream have in common: how requests name it, and how it is spoken to."""

    authority: bytes
    prefix: bytes
    tls: ssl.SSLContext | None
    server_name: str | None


@dataclass(frozen=True, slots=True)
class Destination:
    """One target: what holds for it, what holds for all of its upstream, and the clock (seconds) to measure it by."""

    service: Service
    target: TargetSettings
    settings: UpstreamSettings
    clock: Callable[[], float]
    health: TargetHealth


class Carrier(Protocol):
    """What carries one request at a time: a connection of HTTP/1, or a stream of HTTP/2."""

    answer_began: bool
    unprocessed: bool

    @property
    def reusable(self) -> bool: ...

    def begin(self, sink: AnswerSink, head: bytes, *, to_head_request: bool, upgrade: bytes = b"") -> None: ...

    def send_body(self, chunk: bytes, *, chunked: bool) -> None: ...

    def end_body(self, *, chunked: bool, trailers: Headers) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def untaken(self) -> int: ...

    def timed_out(self) -> None: ...

    def abandon(self) -> None: ...


C = TypeVar("C", bound=Carrier)
P = TypeVar("P", bound=Counted)


class TargetPool(ABC, Generic[C]):
    """The connections of one worker to one target, and what holds for it."""

    def __init__(self, destination: Destination) -> None:
        target, settings = destination.target, destination.settings
        self.service = destination.service
        self.health = destination.health
        self.name = target.name
        self.place = f"{settings.id}/{target.name}"
        """Its upstream's id and its own name, as counters tell them apart."""
        self.zone = target.zone
        self.configured_weight = self.weight = target.weight
        self.drained = False
        """Whether an operator wants it empty, so that nobody chooses it."""
        self.keeps_none = False
        """Whether no connection is kept: it is drained, or another configuration holds by now."""
        self.open = 0
        self._host, _, port = target.address.rpartition(":")
        self._port = int(port)
        self._connect_timeout = settings.connect_timeout_secs
        self._max_idle = settings.pool_max_idle_per_host
        self._idle_timeout = settings.pool_idle_timeout_secs
        self._clock = destination.clock
        self._connecting = 0
        self._made = 0
        self._reused = 0
        self._multiplexed = 0

    @property
    def address(self) -> tuple[str, int]:
        """Its host and port."""
        return self._host, self._port

    @property
    @abstractmethod
    def idle(self) -> int:
        """How many connections carry no request."""

    @property
    @abstractmethod
    def in_flight(self) -> int:
        """How many requests are being answered, or wait for a connection."""

    @property
    def is_full(self) -> bool:
        """Whether requests wait for others to end, and no further connection may be made."""
        return False

    @abstractmethod
    def take(self) -> C | None:
        """What is there for a request, or None when a connection has to be made."""

    @abstractmethod
    async def connect(self) -> C:
        """The same on a new connection.

        Raises:
            TimeoutError: it was not made within the upstream's connect timeout.
            OSError: it was refused, the name is not known, or its certificate is not good.
        """

    @abstractmethod
    def give_back(self, connection: C) -> None:
        """The answer is complete: keep the connection for the next request, or close it when that is not possible."""

    @abstractmethod
    def close_idle(self, now: float) -> None:
        """Close what has been idle for too long."""

    @abstractmethod
    def close(self) -> None:
        """Close all idle connections."""

    def take_uses(self) -> tuple[int, int, int]:
        """How many connections were made, how often one was used again, and requests of HTTP/2, since the last call."""
        taken = self._made, self._reused, self._multiplexed
        self._made = self._reused = self._multiplexed = 0
        return taken

    async def _opened(self, factory: Callable[[], P]) -> tuple[asyncio.BaseTransport, P]:
        made: list[P] = []

        def new() -> P:
            made.append(factory())
            return made[-1]

        try:
            return await asyncio.get_running_loop().create_connection(
                new,
                self._host.strip("[]"),
                self._port,
                ssl=self.service.tls,
                server_hostname=self.service.server_name,
            )
        except UnicodeError:
            # So the resolver says that a name has a part that is empty or too long.
            raise OSError(errno.EINVAL, f"{self._host} is no name of a host") from None
        except BaseException:
            for one in made:
                one.count_out()
            raise

    def _count(self) -> None:
        # Counted by the connection itself: who waits for it may have left by the time that it is there.
        self.open += 1


class Http1Pool(TargetPool[UpstreamConnection]):
    """Each connection carries one request at a time."""

    def __init__(self, destination: Destination) -> None:
        super().__init__(destination)
        self._idle: deque[UpstreamConnection] = deque()

    @property
    def idle(self) -> int:
        """How many connections wait for a request."""
        return len(self._idle)

    @property
    def in_flight(self) -> int:
        """How many requests are being answered, or wait for a connection."""
        return self.open - len(self._idle) + self._connecting

    def take(self) -> UpstreamConnection | None:
        """An idle connection, or None when one has to be made."""
        oldest_allowed = self._clock() - self._idle_timeout
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_since >= oldest_allowed and connection.reusable:
                self._reused += 1
                return connection
            connection.abandon()
        return None

    async def connect(self) -> UpstreamConnection:
        """A new connection.

        Raises:
            TimeoutError: it was not made within the upstream's connect timeout.
            OSError: it was refused, the name is not known, or its certificate is not good.
        """
        self._connecting += 1
        try:
            async with asyncio.timeout(self._connect_timeout):
                _, connection = await self._opened(self._new_connection)
        finally:
            self._connecting -= 1
        self._made += 1
        return connection

    def give_back(self, connection: UpstreamConnection) -> None:
        """Keep a connection for the next request, or close it when that is not possible."""
        if not connection.release() or len(self._idle) >= self._max_idle or self.keeps_none:
            connection.abandon()
            return
        connection.idle_since = self._clock()
        self._idle.append(connection)

    def close_idle(self, now: float) -> None:
        """Close what has been idle for too long; the oldest are on the left."""
        while self._idle and self._idle[0].idle_since < now - self._idle_timeout:
            self._idle.popleft().abandon()

    def close(self) -> None:
        """Close all idle connections."""
        while self._idle:
            self._idle.popleft().abandon()

    def _new_connection(self) -> UpstreamConnection:
        return UpstreamConnection(self._forget, self._count)

    def _forget(self, connection: UpstreamConnection) -> None:
        self.open -= connection.made
        if connection in self._idle:
            self._idle.remove(connection)
