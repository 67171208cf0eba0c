"""A client's connection: requests in, answers out in the same order, idle and slow ones closed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from gateway.proxy.exchange import Exchange
from gateway.proxy.message import Headers, Refused, RequestHead
from gateway.proxy.peers import Peer
from gateway.proxy.reader import RequestReader
from gateway.proxy.replies import error_reply
from gateway.proxy.socket_queues import unread, untaken

if TYPE_CHECKING:
    from gateway.listening.doors import Door
    from gateway.proxy.dataplane import Dataplane

_HIGH_WATER = 262_144
_LOW_WATER = 65_536
#: A part of an answer from this size on is sent at once. What is gathered until the loop's next turn is not seen by
#: the back-pressure, and one turn may read dozens of parts.
_WORTH_A_WRITE = 16_384
#: So many requests and parts of answers wait here; what else has arrived is not read: a request takes fifty times as
#: much memory as its bytes do, and an answer a hundred times.
_MOST_WAITING = 32
_LINGER_SECS = 2.0
#: An idle connection keeps the head of its last request for as long: there may be very many of them.
_REMEMBERED_SECS = 5.0
_NEVER = float("inf")


class DownstreamConnection(asyncio.Protocol):
    """One client. At most one exchange runs; requests that arrive behind it wait, and reading pauses meanwhile.

    It has come in through `door`. `client` is its address as a load balancer has told it by the PROXY protocol, ""
    where that named none, None where nothing was told.
    """

    def __init__(self, plane: Dataplane, door: Door | None = None, client: str | None = None) -> None:
        self.plane = plane
        self._door = door
        self._client = client
        self._dispatch: Callable[[Exchange], None] = plane.dispatch
        if door is not None and door.https_port is not None:
            self._dispatch = partial(plane.redirect, port=door.https_port)
        self.peer = Peer(b"", trusted=False)
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._reader = RequestReader(self, plane.limits, self._has_enough)
        self._current: Exchange | None = None
        self._last_read: Exchange | None = None
        self._waiting: deque[Exchange] = deque()
        self._refused: Refused | None = None
        self._full = False
        self._out: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self._pumping = False
        self._body_paused = False
        self._reading = True
        self._closing = self._ends_later = False
        self._tunnelling = False
        """Whether the client speaks another protocol with the upstream now."""
        self._half_closed = False
        """Whether the client has closed its side, and waits for answers all the same."""
        self._deadline = _NEVER
        self._idle_since = 0.0
        self._unsent = 0
        """Bytes of the last answer that the client had yet to take when the closing began."""

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=_HIGH_WATER, low=_LOW_WATER)
        if self._door is not None:
            self._door.open += 1
        self._know_peer()
        self._idle_since = self.plane.clock()
        self._deadline = self._idle_since + self.plane.header_timeout
        if not self.plane.admit(self):
            self._turn_away()

    def _know_peer(self) -> None:
        address = self.transport.get_extra_info("peername")
        scheme = b"http" if self.transport.get_extra_info("sslcontext") is None else b"https"
        self.peer = self.plane.proxies.peer(self._client or (address[0] if address else "127.0.0.1"), scheme)
        if self._client == "":
            # Bytes of a client whose address is not told, by way of a balancer that adds no header to them.
            self.peer = replace(self.peer, trusted=False)

    def configured(self) -> None:
        """The plane has other settings: they hold from the next request on."""
        self._know_peer()
        self._reader.limit_by(self.plane.limits)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        self.plane.forget(self)
        if self._door is not None:
            self._door.open -= 1
        self._closing = True
        self._out.clear()
        exchange, self._current = self._current, None
        self._waiting.clear()
        if exchange is not None:
            exchange.client_gone()

    def data_received(self, data: bytes) -> None:
        if self._current is None and not (self._waiting or self._closing or self._full or self._refused):
            head = self._reader.whole(data)
            if head is not None:
                # As `_pump` would begin it; what arrives behind it finds it here, and waits.
                self._deadline = _NEVER
                self._current = Exchange(self.plane, self, head, whole=True)
                self._dispatch(self._current)
                return
        self._received(data)

    def _received(self, data: bytes) -> None:
        """Whatever is not just one whole request."""
        if self._tunnelling and self._current is not None:
            self._current.request_body(data)
            return
        if self._closing or self._refused is not None:
            return  # Read and dropped, so that closing does not reset the answer on its way.
        was_in_head = self._reader.started
        try:
            self._reader.feed(data)
        except Refused as refused:
            self._refuse(refused)
        if self._reader.in_head and self._reader.started and not was_in_head:
            self._deadline = self.plane.clock() + self.plane.header_timeout
        self._pump()

    def eof_received(self) -> bool:
        # This is how a client looks that has left, too: only settings can say that it may wait for its answers.
        awaits = self._current is not None or self._waiting or self._reader.has_left
        ends = self._tunnelling or self._closing or self._last_read is not None or not self.transport.can_write_eof()
        if not self.plane.serves_half_closed or not awaits or ends:
            return False
        self._half_closed, self._reading = True, False
        return True

    def pause_writing(self) -> None:
        self._full = True
        if self._current is not None:
            self._current.client_full()

    def resume_writing(self) -> None:
        self._full = False
        if self._current is not None:
            self._current.client_ready()
        self._pump()

    # What the reader calls.

    def _has_enough(self) -> bool:
        return len(self._waiting) >= _MOST_WAITING or len(self._out) >= _MOST_WAITING

    def request_started(self, head: RequestHead) -> None:
        exchange = Exchange(self.plane, self, head)
        self._last_read = exchange
        self._waiting.append(exchange)
        self._pump()

    def request_body(self, chunk: bytes) -> None:
        if self._last_read is not None:
            self._last_read.request_body(chunk)

    def request_trailers(self, fields: Headers) -> None:
        if self._last_read is not None:
            self._last_read.trailers = fields

    def request_ended(self) -> None:
        exchange, self._last_read = self._last_read, None
        if exchange is not None:
            exchange.request_ended()

    # What the exchange calls.

    def write(self, part: bytes) -> None:
        """Send `part` to the client; small ones together with what else is written in this turn of the loop."""
        if len(part) >= _WORTH_A_WRITE:
            self._out.append(part)
            self._flush()
            return
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(part)

    def write_whole(self, answer: bytes) -> None:
        """Send a whole answer, which waits for nothing else in this turn of the loop."""
        if self._out:
            self._out.append(answer)
        else:
            self.transport.write(answer)

    def _flush(self) -> None:
        if self._out:
            parts, self._out = self._out, []
            self.transport.write(b"".join(parts))

    def pause_body(self) -> None:
        """Read no more of the request until `resume_body`."""
        self._body_paused = True
        self._adjust_reading()

    def resume_body(self) -> None:
        """Undo `pause_body`."""
        self._body_paused = False
        self._adjust_reading()

    def tunnel(self) -> bool:
        """Pass on what the client sends as it is, until the exchange is over.

        False where it has sent something before it could know that the upstream agrees: that was dropped. And where it
        has closed its side: nobody would see it leave.
        """
        if self._reader.has_dropped or self._half_closed:
            return False
        self._tunnelling = True
        self.resume_body()
        return True

    def untaken(self) -> int:
        """How many bytes of its answer the client has yet to take, as far as they are seen."""
        return untaken(self.transport)

    def exchange_over(self, *, keep_alive: bool, now: float) -> None:
        """The current exchange has written its whole answer."""
        self._current = None
        self._body_paused = False
        if not keep_alive or (self._reader.ended and not self._waiting):
            self._close_gently()
            return
        self._idle_since = now
        timeout = self.plane.header_timeout if self._reader.started else self.plane.client_timeout
        self._deadline = now + timeout
        if self._waiting or self._refused is not None or not self._reading:
            self._pump()

    def cut(self) -> None:
        """Break the connection at once."""
        self._current = None
        self._closing = True
        self._out.clear()
        self.transport.abort()

    # The queue of requests.

    def _pump(self) -> None:
        """Run the waiting requests, one after the other; a loop, because answers can end at once."""
        if self._pumping:
            return
        self._pumping = True
        self._run_waiting()
        while self._reader.has_left and not self._waiting and not self._closing and self._refused is None:
            self._flush()
            if self._full and self._current is None:
                break
            self._read_on()
            self._run_waiting()
        self._pumping = False
        if self._current is None and not self._waiting and self._refused is not None and not self._closing:
            self._answer_refusal(self._refused)
        if self._half_closed and self._current is None and not (self._waiting or self._reader.has_left):
            self._close_gently()
        self._adjust_reading()

    def _run_waiting(self) -> None:
        # A client that does not read its answers gets no further ones: they would pile up here.
        while self._current is None and self._waiting and not self._closing and not self._full:
            self._current = self._waiting.popleft()
            self._deadline = _NEVER
            self._dispatch(self._current)

    def _read_on(self) -> None:
        """Read what has arrived behind enough requests."""
        try:
            self._reader.go_on()
        except Refused as refused:
            self._refuse(refused)
        if self._current is None and self._reader.started:
            self._deadline = self.plane.clock() + self.plane.header_timeout

    def _refuse(self, refused: Refused) -> None:
        self._refused = refused
        broken, self._last_read = self._last_read, None
        if broken is None:
            return
        if broken is self._current:
            self._refused = None
            broken.refuse(refused)
        else:
            self._waiting.remove(broken)

    def _answer_refusal(self, refused: Refused) -> None:
        correlation = self.plane.refused(self.peer, refused)
        reply = error_reply(refused, correlation)
        self.write(reply.encoded(correlation=correlation, close=True, without_body=False))
        self._close_gently()

    def _turn_away(self) -> None:
        self._answer_refusal(Refused(503, "too_many_connections", "the gateway has no room for this connection"))

    def _adjust_reading(self) -> None:
        wanted = self._closing or not (self._waiting or self._body_paused or self._reader.has_left)
        if wanted == self._reading or self._half_closed or self.transport.is_closing():
            return
        self._reading = wanted
        if wanted:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    # Closing.

    def _close_gently(self) -> None:
        """Send what is written, then the end, and let the client close: a reset could destroy the answer."""
        if self._closing:
            return
        self._closing = True
        self._waiting.clear()
        if self.transport.is_closing():
            return
        self._flush()
        self._unsent = untaken(self.transport)
        patience = self.plane.client_timeout
        if self._half_closed:
            # Nothing can come any more that would reset the answer.
            self.transport.close()
        elif self.transport.can_write_eof():
            self.transport.write_eof()
            patience = patience if self._unsent else _LINGER_SECS
        elif self._unsent:
            # TLS has an end of its own, and no half of a connection. It has to be over in time, so it waits until the
            # client has read what comes before it.
            self._ends_later = True
        else:
            self.transport.close()
        self._deadline = self.plane.clock() + patience
        self._adjust_reading()

    def check_deadlines(self, now: float) -> None:
        """Act on what took too long."""
        if self._current is not None:
            self._current.check_deadlines(now)
        elif self._ends_later and not untaken(self.transport):
            self._ends_later = False
            self._deadline = now + self.plane.client_timeout
            self.transport.close()
        elif now > self._deadline:
            self._expire()
        elif self.plane.draining or (self._door is not None and self._door.gone):
            self._close_if_idle(now)
        elif now - self._idle_since > _REMEMBERED_SECS:
            self._reader.forget()

    def _expire(self) -> None:
        if self._closing:
            self._stop_lingering()
        elif self._reader.started:
            self._refused = Refused(408, "header_timeout", "the request head did not arrive in time")
            self._answer_refusal(self._refused)
        else:
            self._close_gently()

    def _stop_lingering(self) -> None:
        """Cut the connection, unless the client is still reading the end of its answer."""
        unsent = untaken(self.transport)
        if 0 < unsent < self._unsent:
            self._unsent = unsent
            self._deadline = self.plane.clock() + self.plane.client_timeout
        else:
            self.transport.abort()

    def _close_if_idle(self, now: float) -> None:
        # A client may be sending its next request right now: it gets a moment to do so, and is then answered
        # with `Connection: close`. Only a connection that stayed silent is closed from this side.
        quiet = now - self._idle_since >= self.plane.settings.server.drain_idle_secs
        busy = self._closing or self._waiting or self._reader.started
        if quiet and not busy and not unread(self.transport) and not untaken(self.transport):
            self._closing = True
            self._flush()
            self.transport.close()
