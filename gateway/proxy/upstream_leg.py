"""The upstream's side of an exchange: a connection from the pool, the request sent on it, and one retry.

It tells the exchange what came back; the exchange tells it what the client sends. It awaits nothing but a new
connection.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from gateway.proxy import rewriting
from gateway.proxy.breaker import FREE, CircuitBreaker, Passage
from gateway.proxy.chunking import LAST_CHUNK, encoded
from gateway.proxy.message import Refused, ResponseHead
from gateway.proxy.pool import UpstreamPool
from gateway.proxy.upstream import UpstreamConnection

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange

_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})
# What a client brings about by an odd method or version; it says nothing of the upstream.
_CLIENTS_OWN = frozenset({501, 505})


class AnswerTaker(Protocol):
    """Who is told what came back: the exchange itself, or who looks at it first."""

    def interim_answer(self, head: ResponseHead) -> None: ...

    def answer_started(self, head: ResponseHead) -> None: ...

    def answer_body(self, chunk: bytes) -> None: ...

    def answer_ended(self) -> None: ...

    def refuse(self, refused: Refused) -> None: ...


class AnswerWatcher(AnswerTaker, Protocol):
    """One that looks at it first, and is also told when nothing more will come."""

    def leg_over(self) -> None: ...


class UpstreamLeg:
    """One request on its way to an upstream and its answer back. `watcher` gets the answer, else the exchange does."""

    __slots__ = (
        "_connection",
        "_exchange",
        "_passage",
        "_pool",
        "_retried",
        "_reused",
        "_since",
        "_taker",
        "_task",
        "_unsent",
        "_watcher",
        "deadline",
        "full",
    )

    def __init__(
        self, exchange: Exchange, pool: UpstreamPool, unsent: list[bytes], watcher: AnswerWatcher | None = None
    ) -> None:
        self._exchange = exchange
        self._watcher = watcher
        self._taker: AnswerTaker = watcher or exchange
        self._pool = pool
        self._unsent = unsent
        self._connection: UpstreamConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._passage = FREE
        self._reused = False
        self._retried = False
        self._since = 0.0
        self.full = False
        """Whether the upstream does not read: send no more until `upstream_ready`."""
        self.deadline = float("inf")

    @property
    def service(self) -> str:
        """The upstream's id."""
        return self._pool.id

    @property
    def connecting(self) -> bool:
        """Whether a new connection is being made; that has a timeout of its own."""
        return self._task is not None

    @property
    def connected(self) -> bool:
        """Whether the request is on a connection."""
        return self._connection is not None

    # Beginning.

    def begin(self) -> None:
        """Send the request, if the upstream's circuit breaker lets it."""
        breaker = self._pool.breaker
        if breaker is not None:
            ticket = breaker.enter()
            if ticket is None:
                self._turn_away(breaker)
                return
            self._passage = Passage(breaker, ticket)
        self._acquire(fresh=False)

    def _turn_away(self, breaker: CircuitBreaker) -> None:
        self._exchange.plane.tally.circuit_rejected(self._pool.id)
        again = ((b"retry-after", str(breaker.retry_after).encode()),)
        message = "the upstream has failed and is left alone for a while"
        self._taker.refuse(Refused(503, "circuit_open", message, again))

    def _acquire(self, *, fresh: bool) -> None:
        connection = None if fresh else self._pool.take()
        if connection is not None:
            self._attach(connection, reused=True)
        else:
            self._task = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        try:
            connection = await self._pool.connect()
        except TimeoutError:
            self.fail(504, "connect_timeout", "the upstream did not accept a connection in time")
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self.fail(502, "connect_failed", f"no connection to the upstream: {reason}")
        else:
            if self._exchange.over:
                connection.abandon()
            else:
                self._attach(connection, reused=False)

    def _attach(self, connection: UpstreamConnection, *, reused: bool) -> None:
        self._task = None
        exchange = self._exchange
        if not connection.reusable:
            self.fail(502, "disconnected", "the upstream closed the connection at once")
            return
        self._connection, self._reused = connection, reused
        self._since = exchange.plane.clock()
        self.touch()
        exchange.touch_client()
        connection.begin(self, self._head(), to_head_request=exchange.head.method == b"HEAD")
        if exchange.client_is_full:
            connection.pause_reading()
        for chunk in self._unsent:
            self._send(connection, chunk)
        self._unsent.clear()
        if exchange.request_done:
            self.request_ended()
        if not self.full:
            exchange.client.resume_body()

    def _head(self) -> bytes:
        exchange, address = self._exchange, self._pool.address
        assert exchange.route is not None
        return rewriting.upstream_request(
            exchange.head,
            target=address.prefix + exchange.route.upstream_target(exchange.head.target),
            authority=address.authority,
            peer=exchange.client.peer,
            correlation=exchange.correlation,
            edits=exchange.request_headers,
        )

    # From the client.

    def request_body(self, chunk: bytes) -> None:
        """Send a part of the request's body, or keep it until there is a connection."""
        if self._connection is not None:
            self._send(self._connection, chunk)
        else:
            self._unsent.append(chunk)
            self._exchange.client.pause_body()

    def _send(self, connection: UpstreamConnection, chunk: bytes) -> None:
        self.touch()
        if self._exchange.head.chunked:
            connection.transport.writelines(encoded(chunk))
        else:
            connection.transport.write(chunk)

    def request_ended(self) -> None:
        """The request is complete."""
        if self._connection is not None:
            self.touch()
            if self._exchange.head.chunked:
                self._connection.transport.write(LAST_CHUNK)

    def pause_answer(self) -> None:
        """The client does not read its answer."""
        if self._connection is not None:
            self._connection.pause_reading()

    def resume_answer(self) -> None:
        """The client reads again."""
        self.touch()
        if self._connection is not None:
            self._connection.resume_reading()

    def touch(self) -> None:
        """Something happened, so the upstream's time starts anew."""
        self.deadline = self._exchange.plane.clock() + self._pool.timeout

    # From the upstream.

    def upstream_full(self) -> None:
        self.full = True
        self._exchange.client.pause_body()

    def upstream_ready(self) -> None:
        self.full = False
        self.touch()
        self._exchange.touch_client()
        self._exchange.client.resume_body()

    def interim_answer(self, head: ResponseHead) -> None:
        self.touch()
        self._taker.interim_answer(head)

    def answer_started(self, head: ResponseHead) -> None:
        self.touch()
        plane, status = self._exchange.plane, head.status
        plane.tally.upstream_answered(self._pool.id, str(status), plane.clock() - self._since)
        if status >= 500 and status not in _CLIENTS_OWN:
            self._passage.tell(success=False)
        self._taker.answer_started(head)

    def answer_body(self, chunk: bytes) -> None:
        self.touch()
        self._taker.answer_body(chunk)

    def answer_ended(self) -> None:
        self._passage.tell(success=True)
        connection, self._connection = self._connection, None
        if connection is not None:
            if self._exchange.request_is_whole:
                self._pool.give_back(connection)
            else:
                connection.abandon()
        self._taker.answer_ended()

    def upstream_failed(self, failure: str) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and self._may_retry(connection):
            self._retried = True
            self._acquire(fresh=True)
            return
        self.fail(502, failure, "the upstream closed the connection before its answer was complete")

    def _may_retry(self, connection: UpstreamConnection) -> bool:
        """Only what cannot have had an effect twice: a kept-alive connection that closed under the request."""
        head = self._exchange.head
        return (
            self._reused
            and not self._retried
            and not connection.answer_began
            and head.method in _IDEMPOTENT
            and not head.has_body
            and not self._exchange.over
        )

    def fail(self, status: int, failure: str, message: str) -> None:
        """The upstream did not do what it should; the client gets an error."""
        if self._exchange.over:
            return
        self._exchange.plane.tally.upstream_failed(self._pool.id, failure)
        self._passage.tell(success=False)
        self._taker.refuse(Refused(status, failure, message))

    # The end.

    def drop(self) -> None:
        """Cut what there is of a connection; nothing more is heard of it."""
        if self._task is not None:
            if self._task is not asyncio.current_task():
                self._task.cancel()
            self._task = None
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.abandon()
        self._unsent.clear()
        self.full = False

    def conclude(self) -> None:
        """The exchange is over: what was not told of the upstream by now says nothing about it."""
        self._passage.tell(success=None)
        self.drop()
        if self._watcher is not None:
            self._watcher.leg_over()
