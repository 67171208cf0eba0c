"""One request and its answer: from the routed head to the last byte, with back-pressure both ways.

An exchange belongs to one client connection and at most one upstream connection at a time. It is told what
happens on both sides by method calls; it awaits nothing but a new upstream connection.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from gateway.proxy import rewriting
from gateway.proxy.chunking import LAST_CHUNK, Framing, chosen_framing, encoded
from gateway.proxy.message import Refused, RequestHead, ResponseHead
from gateway.proxy.pool import UpstreamPool
from gateway.proxy.replies import Reply, error_reply
from gateway.proxy.routing import Route
from gateway.proxy.upstream import UpstreamConnection

if TYPE_CHECKING:
    from gateway.proxy.dataplane import Dataplane

_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})
# A body has no meaning for these, so an upstream may leave it unread and take it for the next request.
_BODY_UNDEFINED = frozenset({b"GET", b"HEAD"})
_DISCARDABLE_BODY = 65_536


class ClientSide(Protocol):
    """What an exchange needs of its client's connection."""

    peer: rewriting.Peer

    def write(self, part: bytes) -> None: ...

    def pause_body(self) -> None: ...

    def resume_body(self) -> None: ...

    def exchange_over(self, *, keep_alive: bool) -> None: ...

    def cut(self) -> None: ...


class Exchange:
    """A request on its way; `route` is None until one was found."""

    def __init__(self, plane: Dataplane, client: ClientSide, head: RequestHead) -> None:
        self.plane = plane
        self.client = client
        self.head = head
        self.correlation = rewriting.correlation_id(head)
        self.route: Route | None = None
        self.label = "_unmatched"
        self.status = 0
        self.error_type: str | None = None
        self.detail: str | None = None
        self.received_bytes = 0
        self.sent_bytes = 0
        self.started_at = plane.clock()
        self.request_done = False
        self.over = False
        self._pool: UpstreamPool | None = None
        self._upstream: UpstreamConnection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._reused = False
        self._retried = False
        self._unsent: list[bytes] = []
        self._upstream_full = False
        self._client_full = False
        self._framing = Framing.NONE
        self._isolated = head.has_body and head.method in _BODY_UNDEFINED
        self._close = not head.keep_alive or self._isolated
        self._answer_done = False
        self._upstream_since = 0.0
        self._client_deadline = self.started_at + plane.client_timeout
        self._upstream_deadline = float("inf")
        self._total_deadline = float("inf")

    # From the client.

    def request_body(self, chunk: bytes) -> None:
        """A part of the request's body arrived."""
        self.received_bytes += len(chunk)
        self._touch_client()
        if self._answer_done or self.over:
            self._unsent.clear()
        elif self._upstream is not None:
            self._send_body(self._upstream, chunk)
        else:
            self._unsent.append(chunk)
            self.client.pause_body()

    def request_ended(self) -> None:
        """The request is complete."""
        self.request_done = True
        now = self.plane.clock()
        self._total_deadline = now + self.plane.request_timeout
        if self._answer_done:
            self._end()
        elif self._upstream is not None:
            self._send_end(self._upstream)

    def client_gone(self) -> None:
        """The client closed its connection: nobody waits for the answer."""
        if not self.over:
            self._conclude(self.status or 499, "client_disconnected")

    def client_full(self) -> None:
        """The client does not read; stop reading its answer."""
        self._client_full = True
        self._touch_client()
        if self._upstream is not None:
            self._upstream.pause_reading()

    def client_ready(self) -> None:
        """The client reads again."""
        self._client_full = False
        self._touch_upstream()
        if self._upstream is not None:
            self._upstream.resume_reading()

    def refuse(self, refused: Refused, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """Answer with an error, or cut the connection when an answer has begun."""
        self.error_type = self.error_type or refused.error
        self.detail = refused.message
        self._drop_upstream()
        if self.status:
            self._cut(refused.error)
        else:
            self.reply(error_reply(refused, self.correlation, headers))

    def reply(self, reply: Reply) -> None:
        """Answer with what the gateway wrote itself."""
        self.status = reply.status
        self._answer_done = True
        self._close = self._close or not self._may_keep_alive()
        without_body = self.head.method == b"HEAD"
        self.sent_bytes = 0 if without_body else len(reply.body)
        self.client.write(reply.encoded(correlation=self.correlation, close=self._close, without_body=without_body))
        if self.request_done or self._close:
            self._end()
        else:
            self._touch_client()
            self.client.resume_body()

    def _may_keep_alive(self) -> bool:
        if self.plane.draining:
            return False
        # A short body is read and dropped; for a long one it is cheaper to close.
        length = self.head.content_length
        small = length is not None and length <= _DISCARDABLE_BODY and not self.head.expects_continue
        return self.request_done or small or not self.head.has_body

    # Towards the upstream.

    def forward(self, route: Route, pool: UpstreamPool) -> None:
        """Pass the request on to the route's upstream."""
        self.route = route
        self._pool = pool
        self._acquire(pool, fresh=False)

    def _acquire(self, pool: UpstreamPool, *, fresh: bool) -> None:
        connection = None if fresh else pool.take()
        if connection is not None:
            self._attach(connection, reused=True)
        else:
            self._connecting = asyncio.get_running_loop().create_task(self._connect(pool))

    async def _connect(self, pool: UpstreamPool) -> None:
        try:
            connection = await pool.connect()
        except TimeoutError:
            self._upstream_error(504, "connect_timeout", "the upstream did not accept a connection in time")
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self._upstream_error(502, "connect_failed", f"no connection to the upstream: {reason}")
        else:
            if self.over:
                connection.abandon()
            else:
                self._attach(connection, reused=False)

    def _attach(self, connection: UpstreamConnection, *, reused: bool) -> None:
        self._connecting = None
        if not connection.reusable:
            self._upstream_error(502, "disconnected", "the upstream closed the connection at once")
            return
        self._upstream, self._reused = connection, reused
        self._upstream_since = self.plane.clock()
        self._touch_upstream()
        self._touch_client()
        connection.begin(self, self._upstream_head(), to_head_request=self.head.method == b"HEAD")
        if self._client_full:
            connection.pause_reading()
        for chunk in self._unsent:
            self._send_body(connection, chunk)
        self._unsent.clear()
        if self.request_done:
            self._send_end(connection)
        if not self._upstream_full:
            self.client.resume_body()

    def _upstream_head(self) -> bytes:
        assert self.route is not None
        assert self._pool is not None
        address = self._pool.address
        return rewriting.upstream_request(
            self.head,
            target=address.prefix + self.route.upstream_target(self.head.target),
            authority=address.authority,
            peer=self.client.peer,
            correlation=self.correlation,
        )

    def _send_body(self, connection: UpstreamConnection, chunk: bytes) -> None:
        self._touch_upstream()
        if self.head.chunked:
            connection.transport.writelines(encoded(chunk))
        else:
            connection.transport.write(chunk)

    def _send_end(self, connection: UpstreamConnection) -> None:
        self._touch_upstream()
        if self.head.chunked:
            connection.transport.write(LAST_CHUNK)

    def _touch_client(self) -> None:
        self._client_deadline = self.plane.clock() + self.plane.client_timeout

    def _touch_upstream(self) -> None:
        if self._pool is not None:
            self._upstream_deadline = self.plane.clock() + self._pool.timeout

    # From the upstream.

    def upstream_full(self) -> None:
        self._upstream_full = True
        self.client.pause_body()

    def upstream_ready(self) -> None:
        self._upstream_full = False
        self._touch_upstream()
        self._touch_client()
        self.client.resume_body()

    def interim_answer(self, head: ResponseHead) -> None:
        self._touch_upstream()
        if self.head.version == "1.1" and (head.status != 100 or self.head.expects_continue):
            self.client.write(rewriting.interim_response(head))

    def answer_started(self, head: ResponseHead) -> None:
        self.status = head.status
        self._touch_upstream()
        self._count_upstream(str(head.status))
        self._framing = chosen_framing(self.head, head)
        self._close = self._close or self._framing is Framing.CLOSE or self.plane.draining
        bodiless = head.status == 204
        self.client.write(
            rewriting.client_response(
                head,
                correlation=self.correlation,
                chunked=self._framing is Framing.CHUNKED,
                length=None if bodiless or head.chunked else head.content_length,
                close=self._close,
            )
        )

    def answer_body(self, chunk: bytes) -> None:
        self._touch_upstream()
        self.sent_bytes += len(chunk)
        if self._framing is Framing.CHUNKED:
            for part in encoded(chunk):
                self.client.write(part)
        else:
            self.client.write(chunk)

    def answer_ended(self) -> None:
        if self._framing is Framing.CHUNKED:
            self.client.write(LAST_CHUNK)
        self._answer_done = True
        self._return_upstream()
        # A request that is still arriving cannot be told from the next one: `_end` closes.
        self._end()

    def upstream_failed(self, failure: str) -> None:
        connection, self._upstream = self._upstream, None
        if connection is not None and self._may_retry(connection):
            assert self._pool is not None
            self._retried = True
            self._acquire(self._pool, fresh=True)
            return
        self._upstream_error(502, failure, "the upstream closed the connection before its answer was complete")

    def _may_retry(self, connection: UpstreamConnection) -> bool:
        """Only what cannot have had an effect twice: a kept-alive connection that closed under the request."""
        return (
            self._reused
            and not self._retried
            and not connection.answer_began
            and self.head.method in _IDEMPOTENT
            and not self.head.has_body
            and not self.over
        )

    def _upstream_error(self, status: int, failure: str, message: str) -> None:
        if self.over:
            return
        self._count_failure(failure)
        self.refuse(Refused(status, failure, message))

    # Time.

    def check_deadlines(self, now: float) -> None:
        """Act on what took too long; called several times a second."""
        if self.over or self._connecting is not None:
            return
        if self._client_full or self._client_owes_body():
            if now > self._client_deadline:
                self._client_too_slow()
        elif now > self._upstream_deadline or (now > self._total_deadline and not self.status):
            self._upstream_error(504, "timeout", "the upstream did not answer in time")

    def _client_owes_body(self) -> bool:
        waiting = self._upstream is not None or self._answer_done
        return waiting and not self.request_done and not self._upstream_full

    def _client_too_slow(self) -> None:
        self.refuse(Refused(408, "client_timeout", "the request or its answer stalled on the client's side"))

    # The end.

    def _return_upstream(self) -> None:
        connection, self._upstream = self._upstream, None
        if connection is None or self._pool is None:
            return
        if self.request_done and not self._isolated:
            self._pool.give_back(connection)
        else:
            connection.abandon()

    def _drop_upstream(self) -> None:
        if self._connecting is not None:
            if self._connecting is not asyncio.current_task():
                self._connecting.cancel()
            self._connecting = None
        if self._upstream is not None:
            connection, self._upstream = self._upstream, None
            connection.abandon()
        self._unsent.clear()

    def _count_upstream(self, status: str) -> None:
        if self._pool is not None:
            elapsed = self.plane.clock() - self._upstream_since
            self.plane.tally.upstream_answered(self._pool.id, status, elapsed)

    def _count_failure(self, failure: str) -> None:
        if self._pool is not None:
            self.plane.tally.upstream_failed(self._pool.id, failure)

    def _end(self) -> None:
        # While draining, a client that was not told `Connection: close` may be sending its next request.
        keep_alive = self.request_done and not self._close
        self._conclude(self.status, self.error_type)
        self.client.exchange_over(keep_alive=keep_alive)

    def _cut(self, error_type: str) -> None:
        # The head is out, so the only honest sign of a broken answer is a broken connection.
        self._conclude(self.status, error_type)
        self.client.cut()

    def _conclude(self, status: int, error_type: str | None) -> None:
        if self.over:
            return
        self.over = True
        self.status = status
        self.error_type = error_type
        self._drop_upstream()
        self.plane.concluded(self)
