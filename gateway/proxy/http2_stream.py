"""One request on a connection of HTTP/2, with the same face as a connection of HTTP/1."""

from __future__ import annotations

from collections import deque

from gateway.proxy.http2_frames import fields_of
from gateway.proxy.message import Headers, ResponseHead
from gateway.proxy.upstream import BODILESS, AnswerSink
from gateway.proxy.upstream_http2 import STREAM_WINDOW, Http2Connection

_HIGH_WATER = 65_536


class Http2Stream:
    """Sends one request and reads its answer."""

    __slots__ = (
        "_ended",
        "_full",
        "_heard",
        "_left",
        "_number",
        "_owed",
        "_paused",
        "_scheme",
        "_sink",
        "_to_be_ended",
        "_to_head_request",
        "_trailers",
        "_unsent",
        "_unsent_bytes",
        "answer_began",
        "connection",
        "unprocessed",
    )

    def __init__(self, connection: Http2Connection, scheme: bytes) -> None:
        self.connection = connection
        self._scheme = scheme
        self._number = 0
        self._sink: AnswerSink | None = None
        self._unsent: deque[memoryview] = deque()
        self._unsent_bytes = 0
        self._to_be_ended = False
        self._trailers: Headers = []
        self._ended = False
        self._full = self._paused = False
        self._owed = 0
        self._to_head_request = False
        self._heard = 0
        """How often the connection had been heard of when the request was sent."""
        self._left: int | None = None
        """Bytes of the answer's body that are still to come, where its head says how long it is."""
        self.answer_began = False
        """Whether anything of the answer has arrived."""
        self.unprocessed = False
        """Whether the upstream has surely not looked at the request."""

    # The exchange's side.

    @property
    def reusable(self) -> bool:
        """Whether the request may be sent: the connection is there still."""
        return not self.connection.leaving

    def begin(  # no upgrade is ever asked of HTTP/2
        self,
        sink: AnswerSink,
        head: bytes,
        *,
        to_head_request: bool,
        upgrade: bytes = b"",  # noqa: ARG002
    ) -> None:
        """Send a request's head, as it is for HTTP/1.1; its answer goes to `sink`."""
        self._sink = sink
        self._to_head_request = to_head_request
        self._heard = self.connection.heard
        fields, has_body = fields_of(head, self._scheme)
        self._number = self.connection.open(self, fields, ends=not has_body)
        self._ended = not has_body

    def send_body(self, chunk: bytes, *, chunked: bool) -> None:  # noqa: ARG002 - HTTP/2 has frames
        """Send a part of the request's body, as far as the upstream takes it; the rest waits."""
        self._unsent.append(memoryview(chunk))
        self._unsent_bytes += len(chunk)
        self.send_more()
        if self._unsent_bytes > _HIGH_WATER and not self._full and self._sink is not None:
            self._full = True
            self._sink.upstream_full()

    def end_body(self, *, chunked: bool, trailers: Headers) -> None:  # noqa: ARG002 - HTTP/2 has frames
        """The request is complete."""
        self._to_be_ended, self._trailers = True, trailers
        self.send_more()

    def pause_reading(self) -> None:
        """Take no more of the answer than the window allows until `resume_reading`: the client is slow."""
        self._paused = True

    def resume_reading(self) -> None:
        """Undo `pause_reading`."""
        if self._paused:
            self._paused = False
            self._open_window()

    def untaken(self) -> int:
        """A number that falls when the upstream takes some of the request, and only then; 0 where there is nothing."""
        return 0 if self._sink is None else self.connection.untaken(self._number) + self._unsent_bytes

    def timed_out(self) -> None:
        """The answer did not come in time. Perhaps nothing at all has come since the request was sent."""
        if self.connection.heard == self._heard:
            self.connection.doubt()

    def abandon(self) -> None:
        """Have the upstream stop; the connection goes on without it."""
        self._sink = None
        self._unsent.clear()
        self.connection.forget(self._number, reset=True)

    # The connection's side.

    def send_more(self) -> None:
        """Send what waits, as far as the windows allow."""
        if self._ended:
            return
        while self._unsent and (room := self.connection.room(self._number)) > 0:
            part = self._unsent.popleft()
            if len(part) > room:
                self._unsent.appendleft(part[room:])
                part = part[:room]
            self._unsent_bytes -= len(part)
            self._ended = self._to_be_ended and not self._unsent and not self._trailers
            self.connection.send(self._number, part, ends=self._ended)
        if self._to_be_ended and not self._unsent and not self._ended:
            self._ended = True
            if self._trailers:
                self.connection.end_with(self._number, self._trailers)
            else:
                self.connection.send(self._number, b"", ends=True)
        if self._full and self._unsent_bytes <= _HIGH_WATER // 2 and self._sink is not None:
            self._full = False
            self._sink.upstream_ready()

    def interim(self, head: ResponseHead) -> None:
        """A 1xx of the upstream."""
        self.answer_began = True
        if self._sink is not None:
            self._sink.interim_answer(head)

    def started(self, head: ResponseHead) -> None:
        """The answer begins. Its body has to be what its head says: HTTP/1 would take more for the next answer."""
        self.answer_began = True
        self._left = 0 if self._to_head_request or head.status in BODILESS else head.content_length
        if self._sink is not None:
            self._sink.answer_started(head)

    def body(self, part: bytes, size: int) -> None:
        """A part of its body, which took `size` bytes of the window."""
        self._owed += size
        if part and self._left is not None:
            if len(part) > self._left:
                self.failed("bad_answer")
                return
            self._left -= len(part)
        if part and self._sink is not None:
            self._sink.answer_body(part)
        if not self._paused and self._owed >= STREAM_WINDOW // 2:
            self._open_window()

    def trailers(self, fields: Headers) -> None:
        """Fields behind the body."""
        if self._sink is not None:
            self._sink.answer_trailers(fields)

    def ended(self) -> None:
        """It is complete."""
        if self._left:
            self.failed("truncated")
            return
        sink, self._sink = self._sink, None
        # A request that is not complete by now is not wanted any more.
        self.connection.forget(self._number, reset=not self._ended)
        if sink is not None:
            sink.answer_ended()

    def reset(self, *, unprocessed: bool) -> None:
        """The upstream stops; `unprocessed` where it has not looked at the request."""
        self.unprocessed = unprocessed
        self.failed("refused" if unprocessed else "reset")

    def lost(self) -> None:
        """The connection is gone."""
        self.failed("truncated" if self.answer_began else "disconnected")

    def failed(self, failure: str) -> None:
        """There will be no answer, or not all of it."""
        sink, self._sink = self._sink, None
        self._unsent.clear()
        self.connection.forget(self._number, reset=True)
        if sink is not None:
            sink.upstream_failed(failure)

    def _open_window(self) -> None:
        owed, self._owed = self._owed, 0
        self.connection.opened(self._number, owed)
