"""One connection to an upstream: it sends one request at a time and reads the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from gateway.proxy import framing
from gateway.proxy.chunking import LAST_CHUNK, encoded, last_chunk
from gateway.proxy.counted import Counted
from gateway.proxy.message import Headers, Refused, ResponseHead
from gateway.proxy.plain_heads import REASON_BYTES, PlainAnswer, plain_answer
from gateway.proxy.socket_queues import untaken

_HIGH_WATER = 262_144
_LOW_WATER = 65_536
_MAX_HEAD_BYTES = 262_144
#: For so long a tunnel's upstream may read what its client has sent before it left.
_LAST_WORDS_SECS = 10.0
BODILESS = frozenset({204, 304})


class AnswerSink(Protocol):
    """The exchange that waits for an upstream's answer."""

    def interim_answer(self, head: ResponseHead) -> None: ...

    def whole_answer(self, answer: PlainAnswer, body: bytes) -> bool: ...

    def answer_started(self, head: ResponseHead) -> None: ...

    def answer_body(self, chunk: bytes) -> None: ...

    def upgraded(self, head: ResponseHead) -> None: ...

    def answer_trailers(self, fields: Headers) -> None: ...

    def answer_ended(self) -> None: ...

    def upstream_failed(self, failure: str) -> None: ...

    def upstream_full(self) -> None: ...

    def upstream_ready(self) -> None: ...


class UpstreamConnection(Counted):
    """A kept-alive connection to one upstream address."""

    def __init__(self, on_closed: Callable[[UpstreamConnection], None], on_made: Callable[[], None]) -> None:
        super().__init__(on_closed, on_made)
        self._parser = httptools.HttpResponseParser(self)
        self._sink: AnswerSink | None = None
        self._headers: Headers = []
        self._trailers: Headers = []
        self._head_bytes = 0
        self._reason = b""
        self._to_head_request = False
        self._wanted = b""
        self._tunnels = False
        """Whether its bytes are those of another protocol now."""
        self._in_body = False
        self._until_eof = False
        self._was_ended = False
        self._ended = False
        self._renew = False
        self._last: PlainAnswer | None = None
        """The head of the last answer: until the second is over, the next one is often the same."""
        self._remaining = 0
        """Bytes of the body that are still to come, of an answer that the parser does not see."""
        self._switching: ResponseHead | None = None
        self._keep = True
        self._spoiled = False
        self._paused = self._blocked = False
        """Whether the answer is not to be read, and whether the upstream does not read what it is sent."""
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.idle_since = 0.0
        self.answer_began = False
        """Whether any byte of the current answer has arrived."""
        self.unprocessed = False
        """Nobody can say of HTTP/1 that a request was not looked at."""

    # The exchange's side.

    def begin(self, sink: AnswerSink, head: bytes, *, to_head_request: bool, upgrade: bytes = b"") -> None:
        """Send a request's head; its answer goes to `sink`. With `upgrade`, it may be a 101 to that protocol."""
        self._sink = sink
        self._wanted = upgrade
        self._to_head_request = to_head_request
        self._until_eof = self._in_body = self._ended = self._renew = self.answer_began = False
        self._head_bytes = self._remaining = 0
        self.transport.write(head)

    @property
    def reusable(self) -> bool:
        """Whether another request may follow the answer that has just ended."""
        return not self._spoiled and not self.closed and not self.transport.is_closing()

    def release(self) -> bool:
        """The exchange is over and the connection goes back to the pool; whether it can be used again."""
        self._sink = None
        if self._paused:
            self.resume_reading()
        # It has answered before it has read all of the request. Nothing would hold up the body of the next one.
        return not self._blocked and not self._spoiled and not self.closed and not self.transport.is_closing()

    def abandon(self) -> None:
        """Cut the connection; the exchange hears nothing of it any more."""
        self._sink = None
        if self._tunnels and not self.transport.is_closing():
            # What was sent of the other protocol before its end is no less meant than the rest.
            self.transport.close()
            asyncio.get_running_loop().call_later(_LAST_WORDS_SECS, self.transport.abort)
        elif self.transport is not None:
            self.transport.abort()

    def send_body(self, chunk: bytes, *, chunked: bool) -> None:
        """Send a part of the request's body."""
        if chunked:
            self.transport.writelines(encoded(chunk))
        else:
            self.transport.write(chunk)

    def end_body(self, *, chunked: bool, trailers: Headers) -> None:
        """The request is complete."""
        if chunked:
            self.transport.write(last_chunk(trailers) if trailers else LAST_CHUNK)

    def pause_reading(self) -> None:
        """Read no more of the answer until `resume_reading`: the client is slow."""
        if not self._paused and not self.closed:
            self._paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Undo `pause_reading`."""
        if self._paused and not self.closed:
            self._paused = False
            self.transport.resume_reading()

    def untaken(self) -> int:
        """How many bytes the upstream has yet to take of what it was sent, as far as they are seen."""
        return untaken(self.transport)

    def timed_out(self) -> None:
        """The answer did not come in time: the connection is about to be cut with it."""

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.count_in()
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=_HIGH_WATER, low=_LOW_WATER)

    def data_received(self, data: bytes) -> None:
        if self._sink is None:
            # An answer that nobody asked for would be taken for the next request's answer.
            self._spoiled = True
            self.transport.abort()
            return
        if self._remaining:
            self._plain_body(data)
        elif self._tunnels:
            self._sink.answer_body(data)
        elif self.answer_began or self._to_head_request or not self._plain(data):
            self.answer_began = True
            self._parse(data)

    def eof_received(self) -> bool:
        # With TLS, that is its own end: a bare end of the connection below, which anybody could make, is not told here.
        self._was_ended = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.count_out()
        sink, self._sink = self._sink, None
        if sink is None:
            return
        if self._until_eof and exc is None and self._was_ended:
            self._spoiled = True
            sink.answer_ended()
        else:
            sink.upstream_failed(self._kind_of_loss())

    def pause_writing(self) -> None:
        self._blocked = True
        if self._sink is not None:
            self._sink.upstream_full()

    def resume_writing(self) -> None:
        self._blocked = False
        if self._sink is not None:
            self._sink.upstream_ready()

    # What the parser calls. An answer's end is acted on after the parser has returned (see `_parse`).

    def on_message_begin(self) -> None:
        if self._ended:
            raise Refused(502, "unexpected_answer", "more than one answer")
        self._headers = []
        self._reason = b""

    def on_status(self, reason: bytes) -> None:
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        headers = self._trailers if self._in_body else self._headers
        headers.append((name.lower(), value.strip(b" \t")))
        if self._in_body:
            self._head_bytes += len(name) + len(value)

    def on_headers_complete(self) -> None:
        if self._sink is None:
            return
        head = self._head(self._parser.get_status_code())
        if head.status == 101:
            self._switching = head
            return
        if head.status < 200:
            self._sink.interim_answer(head)
            return
        self._in_body = True
        bodiless = self._to_head_request or head.status in BODILESS
        self._until_eof = not (bodiless or head.chunked or head.content_length is not None)
        self._keep = self._parser.should_keep_alive()
        self._ended = self._renew = bodiless
        self._sink.answer_started(head)

    def on_body(self, chunk: bytes) -> None:
        if self._ended:
            self._spoiled = True
        elif self._sink is not None:
            self._sink.answer_body(chunk)

    def on_message_complete(self) -> None:
        self._ended = self._in_body
        if self._trailers:
            trailers, self._trailers = self._trailers, []
            if self._sink is not None:
                self._sink.answer_trailers(trailers)

    def _head(self, status: int) -> ResponseHead:
        special = framing.gather(self._headers)
        agreed = self._wanted and [value.lower() for value in special.upgrade] == [self._wanted]
        if status < 100 or (status == 101 and not agreed):
            raise Refused(502, "bad_answer", f"status {status} was not asked for")
        if self._reason.translate(None, REASON_BYTES):
            raise Refused(502, "bad_answer", "the reason has characters that do not belong there")
        chunked = bool(special.codings)
        if chunked and [coding.lower() for coding in special.codings] != [b"chunked"]:
            raise Refused(502, "bad_answer", "a transfer coding that is not understood")
        if chunked and special.lengths:
            raise Refused(502, "bad_answer", "both Content-Length and Transfer-Encoding")
        length = framing.content_length(special.lengths) if special.lengths else None
        options = framing.options(special.connection)
        return ResponseHead(status, self._reason, self._headers, length, chunked, options)

    def _plain(self, data: bytes) -> bool:
        """Read an answer of the plainest kind without the parser; says whether it was one."""
        answer, sink = self._last, self._sink
        if answer is None or not data.startswith(answer.raw):
            answer = plain_answer(data)
            self._last = answer if answer is not None and answer.is_kept else None
        if answer is None or sink is None:
            return False
        self.answer_began = self._in_body = self._keep = True
        body = data[answer.size :]
        if len(body) == answer.length and sink.whole_answer(answer, body):
            return True
        self._remaining = answer.length
        sink.answer_started(answer.own_head())
        self._plain_body(body)
        return True

    def _plain_body(self, data: bytes) -> None:
        if len(data) > self._remaining:
            # More than was announced: that is nobody's.
            self._spoiled = True
            data = data[: self._remaining]
        self._remaining -= len(data)
        if data and self._sink is not None:
            self._sink.answer_body(data)
        if not self._remaining:
            self._finish()

    def _parse(self, data: bytes) -> None:
        """Feed the parser, then act on what it found.

        The next request may be sent as soon as the exchange hears of the end, and must not meet bytes that are
        left over from this answer; so the end is told only when the parser has seen all of `data`.
        """
        failed = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as found:
            if self._switching is not None:
                self._switch(self._switching, data[found.args[0] :])
                return
            failed = self._spoiled = True
        except httptools.HttpParserError as error:
            self._report_bug(error)
            failed = self._spoiled = True
        if self._ended:
            self._finish()
        elif failed or self._head_too_long(len(data)):
            self._fail("bad_answer")

    def _switch(self, head: ResponseHead, behind: bytes) -> None:
        """From now on there are only bytes both ways, until one side closes."""
        self._tunnels = self._spoiled = self._until_eof = True
        if self._sink is not None:
            self._sink.upgraded(head)
        if behind and self._sink is not None:
            self._sink.answer_body(behind)

    def _finish(self) -> None:
        self._spoiled = self._spoiled or not self._keep
        if self._renew:
            # The parser waits for a body that an answer to HEAD announces and does not have.
            self._parser = httptools.HttpResponseParser(self)
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.answer_ended()

    def _fail(self, failure: str) -> None:
        sink, self._sink = self._sink, None
        self.transport.abort()
        if sink is not None:
            sink.upstream_failed(failure)

    def _head_too_long(self, size: int) -> bool:
        if not self._in_body:
            self._head_bytes += size
        return self._head_bytes > _MAX_HEAD_BYTES

    def _report_bug(self, error: BaseException) -> None:
        cause = error.__context__
        if isinstance(cause, Exception) and not isinstance(cause, Refused):
            context = {"message": "an answer could not be handled", "exception": cause}
            asyncio.get_running_loop().call_exception_handler(context)

    def _kind_of_loss(self) -> str:
        return "truncated" if self.answer_began else "disconnected"
