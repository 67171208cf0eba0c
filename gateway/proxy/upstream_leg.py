"""The upstream's side of an exchange: a target, a connection to it, the request sent on that, and retries.

It tells the exchange what came back; the exchange tells it what the client sends. It awaits nothing but a new
connection. A request goes to another target only where that is safe: nothing of it was sent, or its method may be
repeated and its body was kept; and never after a byte of an answer was passed on.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from gateway.proxy import rewriting
from gateway.proxy.leg_state import LegState
from gateway.proxy.message import Headers, Refused, ResponseHead
from gateway.proxy.plain_heads import PlainAnswer
from gateway.proxy.refusals import circuit_open, no_target
from gateway.proxy.target_pool import Carrier, TargetPool
from gateway.proxy.trailers import forwarded

_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})
# What a client brings about by an odd method or version; it says nothing of the upstream.
_CLIENTS_OWN = frozenset({501, 505})


class UpstreamLeg(LegState):
    """One request on its way to an upstream and its answer back. `watcher` gets the answer, else the exchange does."""

    __slots__ = ()

    # Beginning.

    def begin(self) -> None:
        """Send the request, if the upstream's circuit breaker lets it."""
        breaker = self._pool.breaker
        if breaker is not None:
            ticket = breaker.enter()
            if ticket is None:
                self._exchange.plane.tally.circuit_rejected(self._pool.id)
                self._taker.refuse(circuit_open(breaker.retry_after))
                return
            self._breaker, self._ticket = breaker, ticket
        pool = self._pool
        pool.budget.asked += 1
        target = pool.only or pool.choose(self._exchange)
        if target is None:
            self._taker.refuse(no_target())
            return
        if self._exchange.head.has_body and pool.keeps_body(self._exchange.head.method in _IDEMPOTENT):
            self._kept = []
        self._go_to(target)

    def _go_to(self, target: TargetPool[Any], *, fresh: bool = False) -> None:
        self._target = target
        connection = None if fresh else target.take()
        if connection is not None:
            self._attach(connection, reused=True)
        else:
            self._task = asyncio.get_running_loop().create_task(self._connect(target))

    async def _connect(self, target: TargetPool[Any]) -> None:
        try:
            connection = await target.connect()
        except TimeoutError:
            message = "the upstream did not accept a connection in time"
            self._failed(504, "connect_timeout", message, is_safe=True, unreachable=not target.is_full)
        except ssl.SSLError as error:
            self._unreached(502, "tls_failed", f"no safe connection to the upstream: {_why(error)}")
        except OSError as error:
            self._unreached(502, "connect_failed", f"no connection to the upstream: {_why(error)}")
        else:
            if self._exchange.over:
                connection.abandon()
            else:
                self._attach(connection, reused=False)

    def _unreached(self, status: int, failure: str, message: str) -> None:
        self._failed(status, failure, message, is_safe=True, unreachable=True)

    def _attach(self, connection: Carrier, *, reused: bool) -> None:
        self._task = None
        if not reused and not connection.reusable:
            self._failed(502, "disconnected", "the upstream closed the connection at once", is_safe=True)
            return
        self._connection, self._reused = connection, reused
        exchange, head = self._exchange, self._exchange.head
        self._since = now = exchange.plane.clock()
        self.deadline = now + self._pool.timeout
        upgrade = head.upgrade and exchange.upgrade
        connection.begin(self, self._head(upgrade), to_head_request=head.method == b"HEAD", upgrade=upgrade)
        if exchange.client_is_full:
            connection.pause_reading()
        if not exchange.request_done or self._unsent or head.chunked or head.content_length:
            self._send_body(connection)

    def _send_body(self, connection: Carrier) -> None:
        """What there is of it; the client may send more."""
        exchange = self._exchange
        exchange.touch_client()
        if self._unsent:
            unsent = self._unsent.copy()
            self._unsent.clear()
            for chunk in unsent:
                self._send(connection, chunk)
        if exchange.request_done:
            self.request_ended()
        if not self.full:
            exchange.client.resume_body()

    def _head(self, upgrade: bytes) -> bytes:
        exchange, target = self._exchange, self._target
        assert exchange.route is not None
        assert target is not None
        service = target.service
        return rewriting.upstream_request(
            exchange.head,
            target=service.prefix + exchange.route.upstream_target(exchange.head.target)
            if exchange.route.strip_prefix or service.prefix
            else exchange.head.target,
            authority=service.authority,
            peer=exchange.client.peer,
            correlation=exchange.correlation,
            edits=exchange.request_headers,
            upgrade=upgrade,
        )

    # From the client.

    def request_body(self, chunk: bytes) -> None:
        """Send a part of the request's body, or keep it until there is a connection."""
        if self._connection is not None:
            self._send(self._connection, chunk)
        else:
            self._unsent.append(chunk)
            self._exchange.client.pause_body()

    def _send(self, connection: Carrier, chunk: bytes) -> None:
        self.touch()
        self._untaken, self._looked_at = None, 0.0
        if self._kept is not None:
            self._keep(self._kept, chunk)
        connection.send_body(chunk, chunked=self._exchange.head.chunked)

    def _keep(self, kept: list[bytes], chunk: bytes) -> None:
        self._kept_bytes += len(chunk)
        if self._kept_bytes > self._pool.retry.max_body_bytes:
            self._kept = None
        else:
            kept.append(chunk)

    def request_ended(self) -> None:
        """The request is complete."""
        if self._connection is not None:
            self.touch()
            head = self._exchange.head
            if head.chunked or head.content_length:
                self._connection.end_body(chunked=head.chunked, trailers=forwarded(self._exchange))

    def pause_answer(self) -> None:
        """The client does not read its answer."""
        if self._connection is not None:
            self._connection.pause_reading()

    def resume_answer(self) -> None:
        """The client reads again."""
        self.touch()
        if self._connection is not None:
            self._connection.resume_reading()

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
        self._passed_on = True
        self._taker.interim_answer(head)

    def whole_answer(self, answer: PlainAnswer, body: bytes) -> bool:
        """Take all of an answer at once, as most arrive; False where it has to come in parts, and nothing was done.

        It does what `answer_started`, `answer_body` and `answer_ended` do where there is nothing to decide.
        """
        exchange, target, connection = self._exchange, self._target, self._connection
        status = answer.head.status
        is_usual = self._watcher is None and status < 500 and exchange.compressing is None
        if not is_usual or not exchange.request_is_whole or exchange.over or target is None or connection is None:
            return False
        plane = exchange.plane
        now = plane.clock()
        plane.tally.upstream_answered(target.place, status, now - self._since)
        if target.health.failures:
            target.health.failures = 0
        breaker, self._breaker = self._breaker, None
        if breaker is not None:
            breaker.succeeded(self._ticket)
        self._connection = None
        target.give_back(connection)
        exchange.answer_whole(answer, body, now)
        return True

    def answer_started(self, head: ResponseHead) -> None:
        self.touch()
        plane, status, target = self._exchange.plane, head.status, self._target
        assert target is not None
        plane.tally.upstream_answered(target.place, status, plane.clock() - self._since)
        failed = status >= 500 and status not in _CLIENTS_OWN
        if failed:
            self._pool.failed(target)
        elif target.health.failures:
            target.health.failures = 0
        if status >= 500 and status in self._pool.retry.statuses and self._is_repeatable() and self._goes_elsewhere():
            return
        if failed:
            self._tell(success=False)
        self._passed_on = True
        self._taker.answer_started(head)

    def answer_body(self, chunk: bytes) -> None:
        self.touch()
        self._taker.answer_body(chunk)

    def upgraded(self, head: ResponseHead) -> None:
        self.touch()
        plane, target = self._exchange.plane, self._target
        assert target is not None
        plane.tally.upstream_answered(target.place, 101, plane.clock() - self._since)
        target.health.failures = 0
        self._tell(success=True)
        self._passed_on = True
        self._exchange.upgraded(head)

    def answer_trailers(self, fields: Headers) -> None:
        self._exchange.answer_trailers(fields)

    def answer_ended(self) -> None:
        self._tell(success=True)
        connection, self._connection = self._connection, None
        if connection is not None and self._target is not None:
            if self._exchange.request_is_whole:
                self._target.give_back(connection)
            else:
                connection.abandon()
        self._taker.answer_ended()

    def upstream_failed(self, failure: str) -> None:
        if self._is_used_tunnel():
            self.answer_ended()
            return
        connection, self._connection = self._connection, None
        target = self._target
        if connection is not None and target is not None and self._may_go_there_again(connection):
            self._send_again()
            self._retried = True
            self._go_to(target, fresh=True)
            return
        message = "the upstream closed the connection before its answer was complete"
        self._failed(502, failure, message, is_safe=self._is_repeatable())

    def _is_used_tunnel(self) -> bool:
        """Whether the upstream did what it was asked for: it agreed to another protocol, and did not break at once.

        How a tunnel ends after that says nothing of the target: one side closes, and what the other one still sends
        is answered by a reset.
        """
        exchange = self._exchange
        began = exchange.upgraded_at
        return began > 0 and (exchange.sent_bytes > 0 or exchange.plane.clock() - began > self._pool.timeout)

    def _may_go_there_again(self, connection: Carrier) -> bool:
        """Whether it may be sent to the same target on another connection, once.

        Either the kept-alive connection closed under the request, or the upstream said that it has not looked at it
        (HTTP/2: a stream that is refused, or behind the last one of a GOAWAY).
        """
        if self._retried or connection.answer_began or self._exchange.over:
            return False
        head = self._exchange.head
        if connection.unprocessed:
            return not head.has_body or self._kept is not None
        return self._reused and not head.has_body and head.method in _IDEMPOTENT

    def fail(self, status: int, failure: str, message: str) -> None:
        """The upstream was silent for too long: another target is asked where that is safe and in time."""
        if self._connection is not None:
            self._connection.timed_out()
        self._failed(status, failure, message, is_safe=self._exchange.has_time and self._is_repeatable())

    def _failed(self, status: int, failure: str, message: str, *, is_safe: bool, unreachable: bool = False) -> None:
        """The target did not do what it should: another one is asked, or the client gets an error."""
        exchange, target = self._exchange, self._target
        if exchange.over:
            return
        assert target is not None
        exchange.plane.tally.upstream_failed(target.place, failure)
        self._pool.failed(target, unreachable=unreachable)
        if is_safe and self._goes_elsewhere():
            return
        self._tell(success=False)
        self._taker.refuse(Refused(status, failure, message))

    # Another target.

    def _is_repeatable(self) -> bool:
        """Whether what was sent may be sent again: it has no effect twice, and is all there still."""
        head = self._exchange.head
        is_there = not head.has_body or self._kept is not None
        return head.method in _IDEMPOTENT and is_there and not self._passed_on

    def _goes_elsewhere(self) -> bool:
        """Send the request to another target, if there is one, and the time and the budget for it."""
        pool, exchange, target = self._pool, self._exchange, self._target
        if not pool.has_others or target is None or self.retries >= pool.retry.max_retries or not exchange.has_time:
            return False
        other = pool.choose(exchange, (*self._tried, target))
        if other is None:
            return False
        has_budget = pool.budget.spend(exchange.plane.clock())
        exchange.plane.tally.retried(pool.id, "retried" if has_budget else "over_budget")
        if not has_budget:
            return False
        self._tried = (*self._tried, target)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abandon()
        self._send_again()
        self._go_to(other)
        return True

    def _send_again(self) -> None:
        if self._kept:
            self._unsent[:0] = self._kept
            self._kept, self._kept_bytes = [], 0
        self._retried = self.full = False

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
        if self._breaker is not None:
            self._tell(success=None)
        self.drop()
        if self._watcher is not None:
            self._watcher.leg_over()


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
