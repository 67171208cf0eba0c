"""An upstream that speaks HTTP/2 (in clear or by TLS) and does what a test asks of it by path; it runs in a thread."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from tests.gateway.running import settings_for
from tests.gateway.threaded import Threaded

Fields = list[tuple[str, str]]


@dataclass
class Asked:
    """A request as it arrived; `connection` counts from 1."""

    fields: Fields
    connection: int
    body: bytearray = field(default_factory=bytearray)
    trailers: Fields = field(default_factory=list)

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name]

    @property
    def path(self) -> str:
        return self.header(":path")[0]


class Http2Upstream(Threaded):
    """Use it as a context manager. `seen` counts what happened; `always` stands above the path."""

    def __init__(self, context: ssl.SSLContext | None = None, *, max_streams: int = 100, window: int = 65_535) -> None:
        self.scheme = "https" if context else "http"
        self.context, self.max_streams, self.window = context, max_streams, window
        self.requests: list[Asked] = []
        self.seen: Counter[str] = Counter()
        self.always: str | None = None
        self.release = threading.Event()
        self.connections: set[_Connection] = set()

    async def _start(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, ssl=self.context)

    async def _stop(self) -> None:
        await super()._stop()
        for one in tuple(self.connections):
            one.transport.abort()
        await asyncio.sleep(0)

    def do(self, what: str) -> None:
        """Have every connection `goaway` (gracefully), `cut` itself, `vanish` (say and hear nothing any more),
        `come_back` from that, `allow` as many streams as `max_streams` is by now, or `sip` ten bytes of each body."""

        async def each() -> None:
            for one in tuple(self.connections):
                getattr(one, what)()

        asyncio.run_coroutine_threadsafe(each(), self._loop).result(5)


class _Connection(asyncio.Protocol):
    def __init__(self, upstream: Http2Upstream) -> None:
        self.upstream = upstream
        self.transport = cast(asyncio.Transport, None)
        # It may say what nobody should.
        free = {"validate_outbound_headers": False, "normalize_outbound_headers": False}
        self._wire = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8", **free))
        self._asked: dict[int, Asked] = {}
        self._unsent: dict[int, bytearray] = {}
        self._trailers: dict[int, Fields] = {}
        self._held: dict[int, int] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.upstream.connections.add(self)
        self.upstream.seen["connections"] += 1
        self.number = self.upstream.seen["connections"]
        codes = {
            SettingCodes.MAX_CONCURRENT_STREAMS: self.upstream.max_streams,
            SettingCodes.INITIAL_WINDOW_SIZE: self.upstream.window,
        }
        self._wire.local_settings = Settings(client=False, initial_values=codes)
        self._wire.initiate_connection()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.upstream.connections.discard(self)
        self.upstream.seen["closed"] += 1

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._wire.receive_data(data):
                self._heard(event)
        except ProtocolError:
            self.upstream.seen["protocol_errors"] += 1
            self.transport.abort()
            return
        self._flush()

    def _heard(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            asked = Asked(cast(Fields, event.headers), self.number)
            self._asked[event.stream_id] = asked
            self.upstream.requests.append(asked)
            self._begun(event.stream_id, asked)
        elif isinstance(event, DataReceived):
            self._read(event)
        elif isinstance(event, TrailersReceived):
            self._asked[event.stream_id].trailers = cast(Fields, event.headers)
        elif isinstance(event, StreamEnded):
            name = self._name(event.stream_id)
            if name.startswith("odd-"):
                self._odd(event.stream_id, name.removeprefix("odd-"))
            else:
                self._answer(event.stream_id)
        elif isinstance(event, StreamReset):
            self.upstream.seen["reset"] += 1
            self._unsent.pop(event.stream_id, None)
        elif isinstance(event, (WindowUpdated, RemoteSettingsChanged)):
            for stream in tuple(self._unsent):
                self._send_more(stream)

    def _name(self, stream: int) -> str:
        path = self.upstream.always or self._asked[stream].path
        return path.partition("?")[0].rpartition("/")[2]

    def _begun(self, stream: int, asked: Asked) -> None:
        name = self._name(stream)
        if name == "early":
            self._respond(stream, "413", b"no")
        elif name == "refused" or (name == "seldom" and len(self.upstream.requests) % 2):
            self._wire.reset_stream(stream, error_code=0x7)
        elif name == "reset":
            self._wire.reset_stream(stream, error_code=0x2)

    def _read(self, event: DataReceived) -> None:
        self._asked[event.stream_id].body += event.data
        self.upstream.seen["body_bytes"] += len(event.data)
        if self._name(event.stream_id) == "deaf" and not self.upstream.release.is_set():
            # The window stays shut, so nobody may send more.
            self._held[event.stream_id] = self._held.get(event.stream_id, 0) + event.flow_controlled_length
            asyncio.get_running_loop().call_later(0.02, self._reopen, event.stream_id)
        else:
            self._wire.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def _reopen(self, stream: int) -> None:
        if not self.upstream.release.is_set():
            asyncio.get_running_loop().call_later(0.02, self._reopen, stream)
        elif held := self._held.pop(stream, 0):
            self._wire.acknowledge_received_data(held, stream)
            self._flush()

    def _answer(self, stream: int) -> None:
        name, asked = self._name(stream), self._asked[stream]
        kind, _, number = name.partition("-")
        if kind == "silent":
            self.upstream.seen["waiting"] += 1
        elif kind == "cut":
            self.transport.abort()
        elif kind == "status":
            self._respond(stream, number, b"" if number == "204" else b"ok", length=number != "204")
        elif kind == "big":
            self._respond(stream, "200", b"x" * int(number))
        elif kind == "torn":
            self._respond(stream, "200", b"x" * 10, end=False)
            self._wire.reset_stream(stream, error_code=0x2)
        elif kind == "trailers":
            self._trailers[stream] = [("grpc-status", "0")]
            self._respond(stream, "200", b"hello", length=False)
        elif kind == "hints":
            self._wire.send_headers(stream, [(":status", "103"), ("link", "</a.css>")])
            self._respond(stream, "200", b"hinted")
        elif kind == "goaway":
            self._respond(stream, "200", b"last")
            self.goaway()
        elif kind not in ("refused", "reset", "early"):
            self._respond(stream, "200", bytes(asked.body) or asked.path.encode())

    def _odd(self, stream: int, what: str) -> None:
        """Answers whose body is not what their head says, or whose status is none."""
        fields = [("content-length", "5")]
        if what == "headonly":
            self._wire.send_headers(stream, [(":status", "200"), *fields], end_stream=True)
        elif what == "trailed":
            self._wire.send_headers(stream, [(":status", "200"), *fields])
            self._wire.send_data(stream, b"ab")
            self._wire.send_headers(stream, [("x-end", "1")], end_stream=True)
        elif what in ("longer", "shorter"):
            self._wire.send_headers(stream, [(":status", "200"), *fields])
            self._wire.send_data(stream, b"ab" if what == "shorter" else b"abcdefghij", end_stream=True)
        elif what in ("lengths", "length"):
            fields.append(("content-length", "6" if what == "lengths" else "x"))
            self._wire.send_headers(stream, [(":status", "200"), *fields[what == "length" :]])
            self._wire.send_data(stream, b"abcde", end_stream=True)
        elif what.startswith("heads-"):  # of so many kilobytes
            many = [("x-a", "v" * 1000)] * int(what.removeprefix("heads-"))
            self._wire.send_headers(stream, [(":status", "200"), *many], end_stream=True)
        elif what == "unmodified":
            self._wire.send_headers(stream, [(":status", "304"), *fields], end_stream=True)
        elif what.endswith("full"):  # A body where there can be none.
            self._wire.send_headers(stream, [(":status", what[:3])])
            self._wire.send_data(stream, b"HTTP/1.1 200 OK\r\n\r\n", end_stream=True)
        else:
            self._wire.send_headers(stream, [(":status", what)], end_stream=True)

    def _respond(self, stream: int, status: str, body: bytes, *, length: bool = True, end: bool = True) -> None:
        fields = [(":status", status), ("content-type", "text/plain"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]
        if self._name(stream) == "evil":
            fields.append(("x-a", "1\r\nset-cookie: stolen=1"))
        if length:
            fields.append(("content-length", str(len(body))))
        bodiless = self._asked[stream].header(":method") == ["HEAD"]
        self._wire.send_headers(stream, fields, end_stream=bodiless)
        if not bodiless:
            self._unsent[stream] = bytearray(body)
            self._send_more(stream, end=end)

    def _send_more(self, stream: int, *, end: bool = True) -> None:
        unsent = self._unsent[stream]
        while unsent:
            room = min(self._wire.local_flow_control_window(stream), self._wire.max_outbound_frame_size, len(unsent))
            if room <= 0:
                return
            self._wire.send_data(stream, bytes(unsent[:room]))
            self.upstream.seen["sent_bytes"] += room
            del unsent[:room]
        del self._unsent[stream]
        if stream in self._trailers:
            self._wire.send_headers(stream, self._trailers.pop(stream), end_stream=True)
        elif end:
            self._wire.end_stream(stream)

    def goaway(self) -> None:
        """Take no further stream; those that are under way are answered."""
        # The library takes a connection for closed then; what it is to say is this frame: last stream, no error.
        last = max(self._asked, default=0)
        self._flush()
        self.transport.write(bytes([0, 0, 8, 7, 0, 0, 0, 0, 0]) + last.to_bytes(4, "big") + bytes(4))

    def vanish(self) -> None:
        self.transport.pause_reading()

    def come_back(self) -> None:
        self.transport.resume_reading()

    def sip(self) -> None:
        for stream in self._asked:
            self._wire.increment_flow_control_window(10, stream)
        self._wire.increment_flow_control_window(10)
        self._flush()

    def allow(self) -> None:
        self._wire.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: self.upstream.max_streams})
        self._flush()

    def cut(self) -> None:
        self.transport.abort()

    def _flush(self) -> None:
        if out := self._wire.data_to_send():
            self.transport.write(out)


def document_for(upstream: Http2Upstream | str, **more: Any) -> dict[str, Any]:
    """A configuration that speaks HTTP/2 with this upstream."""
    url = upstream if isinstance(upstream, str) else upstream.url
    return settings_for(url, upstream={"protocol": "http2", **more})
