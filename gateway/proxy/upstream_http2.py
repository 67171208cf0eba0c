"""A connection to an upstream that speaks HTTP/2: many requests at a time, each a stream with its own flow control.

The protocol is `h2`'s; here is what goes in and out. Streams look like connections of HTTP/1 to those who use them.
What a client does not take holds up its own stream, never the others: the window of the connection is opened at once,
that of the stream when its bytes have gone on.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    InformationalResponseReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from h2.stream import H2Stream

from gateway.proxy.counted import Counted
from gateway.proxy.http2_frames import FrameSplitter, LiteralEncoder, answer_of, checked
from gateway.proxy.message import Headers, Refused, ResponseHead
from gateway.proxy.socket_queues import untaken

if TYPE_CHECKING:
    from gateway.proxy.http2_stream import Http2Stream
    from gateway.upstreams.settings import Http2Profile

STREAM_WINDOW = 262_144
_CONNECTION_WINDOW = 16 * 1024 * 1024
_MOST_STREAMS = 100
_WIDEST = 2**31  # No window is as wide.
#: Bytes of an answer's head, as with HTTP/1. A longer one is the end of its connection, and of all that is on it.
_LONGEST_HEAD = 262_144
_HIGH_WATER = 262_144
_LOW_WATER = 65_536
# Numbers of streams end somewhere; long before that another connection is made.
_LAST_STREAM = 2**30
_ARE_YOU_THERE = b"\0\0\0\0ping"


class _Wire(H2Connection):
    """The protocol. Of streams that are over it would remember 65,536, megabytes for each connection."""

    MAX_CLOSED_STREAMS = 1024


class _FreeStream(H2Stream):
    """A stream that counts no body against its `content-length`: `Http2Stream` does, for itself.

    The library would end the whole connection where one answer is not as long as it says, and all others with it.
    """

    def _initialize_content_length(self, headers: Iterable[Any]) -> None:
        """It is read with the other fields."""

    def _track_content_length(self, length: int, end_stream: bool) -> None:
        """See above."""


class Http2Connection(Counted):
    """One connection. `ready` is over when the upstream has said how it speaks, or fails with an OSError."""

    def __init__(
        self,
        profile: Http2Profile,
        *,
        on_closed: Callable[[Http2Connection], None],
        on_made: Callable[[], None],
        on_room: Callable[[int], None],
    ) -> None:
        """`on_room` is told of how many requests may be sent more than before."""
        super().__init__(on_closed, on_made)
        self._profile = profile
        self._on_room = on_room
        self._wire = _Wire(
            # Fields were checked when they were read, and are written by the gateway itself. Those of answers are
            # checked by `answer_of`.
            H2Configuration(
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
                validate_inbound_headers=False,
            )
        )
        if not profile.compression:
            self._wire.encoder = LiteralEncoder()
        self._frames = FrameSplitter()
        self._flushing = False
        self._gathered = 0
        """Bytes of bodies that are yet to be written."""
        self._read_of_connection = 0
        self._leaving = False
        self.streams: dict[int, Http2Stream] = {}
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.heard = 0
        """How often anything has arrived."""
        self.doubted = False
        """Whether it was asked if anybody is there still, and has said nothing since."""
        self.doubted_since: float | None = None
        """When the pool saw that first."""
        self.blocked = False
        """Whether the upstream does not read, so that nothing more is written."""
        self.idle_since = 0.0

    @property
    def has_room(self) -> bool:
        """Whether one more request may be sent."""
        return self.usable and self._free > 0

    @property
    def _free(self) -> int:
        """How many more streams there may be; below zero where the upstream allows fewer than before."""
        return min(_MOST_STREAMS, self._wire.remote_settings.max_concurrent_streams) - len(self.streams)

    @property
    def usable(self) -> bool:
        """Whether requests may be sent at all, as soon as there is room."""
        return not self.doubted and not self.leaving

    @property
    def leaving(self) -> bool:
        """Whether no further request may be sent: it is closed, or the upstream said that it is about to be."""
        if self._wire.highest_outbound_stream_id > _LAST_STREAM:
            self._leaving = True
        return self._leaving or self.closed or self.transport.is_closing()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.count_in()
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=_HIGH_WATER, low=_LOW_WATER)
        if (sock := transport.get_extra_info("socket")) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(self._profile.tcp_no_delay))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(self._profile.keep_alive))
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() != "h2":
            self._give_up("the upstream does not speak HTTP/2")
            return
        codes = {
            SettingCodes.ENABLE_PUSH: 0,
            SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
            SettingCodes.MAX_HEADER_LIST_SIZE: _LONGEST_HEAD,
        }
        self._wire.local_settings = Settings(client=True, initial_values=codes)
        self._wire.decoder.max_header_list_size = _LONGEST_HEAD
        self._wire.initiate_connection()
        self._wire.increment_flow_control_window(_CONNECTION_WINDOW - 65_535)
        self.flush()

    def data_received(self, data: bytes) -> None:
        self.heard += 1
        if self.doubted:
            self.doubted = False
            self._on_room(self._free)
        try:
            for whole, last_answered in self._frames.split(data):
                for event in self._wire.receive_data(whole):
                    self._heard(event)
                if last_answered is not None:
                    self._leave(last_answered)
        except (ProtocolError, Refused):
            self._break_off()
        self.flush()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        self.count_out()
        if not self.ready.done():
            self._give_up("the upstream closed the connection at once")
        for stream in tuple(self.streams.values()):
            stream.lost()

    def pause_writing(self) -> None:
        self.blocked = True

    def resume_writing(self) -> None:
        self.blocked = False
        self._send_more()

    # What streams ask for.

    def open(self, stream: Http2Stream, fields: Headers, *, ends: bool) -> int:
        """Begin a stream; its number."""
        number = self._wire.get_next_available_stream_id()
        self.streams[number] = stream
        self._wire.send_headers(number, fields, end_stream=ends)
        self._wire.streams[number].__class__ = _FreeStream
        self.flush_soon()
        return number

    def room(self, number: int) -> int:
        """How many bytes of a body may be sent now, as one frame."""
        if self.blocked:
            return 0
        try:
            return min(self._wire.local_flow_control_window(number), self._wire.max_outbound_frame_size)
        except ProtocolError:
            return 0  # It was reset, which is about to be told.

    def untaken(self, number: int) -> int:
        """A number that falls as the upstream opens a stream's window, and takes what waits for all of them."""
        waiting = untaken(self.transport) if self.blocked else 0
        stream = self._wire.streams.get(number)
        return waiting + (_WIDEST - stream.outbound_flow_control_window if stream is not None else 0)

    def send(self, number: int, part: bytes | memoryview, *, ends: bool) -> None:
        """Send a part of a body, for which there is room."""
        with contextlib.suppress(ProtocolError):  # It was reset, which is about to be told.
            self._wire.send_data(number, bytes(part), end_stream=ends)
        self._gathered += len(part)
        if self._gathered > _LOW_WATER:
            # What is gathered until the loop's next turn is not seen by the back-pressure.
            self.flush()
        else:
            self.flush_soon()

    def end_with(self, number: int, trailers: Headers) -> None:
        """End a body with fields behind it."""
        with contextlib.suppress(ProtocolError):  # It was reset, which is about to be told.
            self._wire.send_headers(number, trailers, end_stream=True)
        self.flush_soon()

    def opened(self, number: int, size: int) -> None:
        """So many bytes of an answer have gone on; as many may follow."""
        if size > 0 and number in self.streams and not self.closed:
            with contextlib.suppress(ProtocolError):  # It was reset, which is about to be told.
                self._wire.increment_flow_control_window(size, number)
            self.flush_soon()

    def forget(self, number: int, *, reset: bool) -> None:
        """A stream is over; with `reset`, the upstream is told not to go on with it."""
        if self.streams.pop(number, None) is None:
            return
        self._on_room(1)
        if reset and not self.closed:
            with contextlib.suppress(ProtocolError):  # It has ended in this very moment.
                self._wire.reset_stream(number, ErrorCodes.CANCEL)
            self.flush_soon()

    def doubt(self) -> None:
        """A request was not answered in time, and nothing has come since it was sent.

        No other goes the same way until the upstream shows that it is there: what lies between may have forgotten the
        connection without a word, and it would take the kernel many minutes to find out.
        """
        if not self.doubted and not self.leaving:
            self.doubted, self.doubted_since = True, None
            self._wire.ping(_ARE_YOU_THERE)
            self.flush_soon()

    def flush_soon(self) -> None:
        """Write what there is, with what else is sent in this turn of the loop."""
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Write what there is now."""
        self._flushing = False
        self._gathered = 0
        if (out := self._wire.data_to_send()) and not self.closed:
            self.transport.write(out)

    def close(self) -> None:
        """Close it at once; its streams fail."""
        self._leaving = True
        if self.transport is not None:
            self.transport.abort()

    # What the upstream says.

    def _heard(self, event: Event) -> None:
        if isinstance(event, RemoteSettingsChanged):
            self._agreed()
            if SettingCodes.MAX_CONCURRENT_STREAMS in event.changed_settings:
                self._on_room(self._free)
        elif isinstance(event, WindowUpdated):
            self._send_more(event.stream_id)
        elif isinstance(event, DataReceived):
            self._read(event)
        else:
            self._tell(event)

    def _tell(self, event: Event) -> None:
        number = getattr(event, "stream_id", None)
        stream = None if number is None else self.streams.get(number)
        if stream is None:
            return
        if isinstance(event, ResponseReceived):
            self._answered(stream, event.headers, stream.started)
        elif isinstance(event, InformationalResponseReceived):
            self._answered(stream, event.headers, stream.interim)
        elif isinstance(event, TrailersReceived):
            self._trailed(stream, event.headers or [])
        elif isinstance(event, StreamEnded):
            stream.ended()
        elif isinstance(event, StreamReset):
            stream.reset(unprocessed=event.error_code == ErrorCodes.REFUSED_STREAM)

    def _answered(self, stream: Http2Stream, fields: Any, tell: Callable[[ResponseHead], None]) -> None:
        try:
            head = answer_of(fields)
        except Refused:
            # This answer is wrong; the others on the connection have nothing to do with it.
            stream.failed("bad_answer")
        else:
            tell(head)

    def _trailed(self, stream: Http2Stream, fields: Any) -> None:
        try:
            trailers = checked(fields)
        except Refused:
            stream.failed("bad_answer")
        else:
            stream.trailers(trailers)

    def _read(self, event: DataReceived) -> None:
        size = event.flow_controlled_length or 0
        self._read_of_connection += size
        if self._read_of_connection > _CONNECTION_WINDOW // 2:
            self._wire.increment_flow_control_window(self._read_of_connection)
            self._read_of_connection = 0
        stream = self.streams.get(event.stream_id or 0)
        if stream is not None:
            stream.body(event.data or b"", size)

    def _agreed(self) -> None:
        if not self.ready.done():
            self.ready.set_result(None)
        self._send_more()

    def _send_more(self, number: int | None = 0) -> None:
        """Windows were opened: of one stream, or of all."""
        chosen = [self.streams[number]] if number and number in self.streams else []
        for stream in chosen if number else tuple(self.streams.values()):
            stream.send_more()

    def _leave(self, last_answered: int) -> None:
        """The upstream takes no further streams, and has not looked at those behind the last one it answers."""
        self._leaving = True
        for number, stream in tuple(self.streams.items()):
            if number > last_answered:
                stream.reset(unprocessed=True)
        if self.streams:
            self._on_room(_MOST_STREAMS)  # Who waits for some may have another connection made.
        else:
            self.transport.close()

    def _break_off(self) -> None:
        """What it sent is no HTTP/2."""
        self._leaving = True
        self.flush()
        for stream in tuple(self.streams.values()):
            stream.failed("bad_answer")
        self._give_up("the upstream does not speak HTTP/2")

    def _give_up(self, why: str) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(why))
        self.transport.abort()
