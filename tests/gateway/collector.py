"""A collector of traces on the wire: OTLP over HTTP in protobuf, strict about what OpenTelemetry's protocol asks."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.waiting import eventually

_KINDS = {Span.SPAN_KIND_SERVER: "server", Span.SPAN_KIND_CLIENT: "client"}


@dataclass(frozen=True)
class Taken:
    """A span as it arrived."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    trace_state: str
    failed: bool
    start: int
    end: int
    attributes: dict[str, Any]


@dataclass
class Collector:
    """`status` is what it answers, `asked` how often it was. It is strict: `wrong` has what nobody may send it."""

    status: int = 200
    holding: bool = False
    """Whether it accepts requests and does not answer them, until it is left."""
    asked: int = 0
    spans: list[Taken] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    paths: Counter[str] = field(default_factory=Counter)

    def __enter__(self) -> Collector:
        self._left = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
        assert self.wrong == []

    def take(self, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        self.asked += 1
        self.paths[path] += 1
        if self.holding:
            self._left.wait(30)
        if self.status != 200:
            return self.status, b""
        if path != "/v1/traces":
            self.wrong.append(f"spans were sent to {path}")
            return 404, b""
        if headers.get("content-type") != "application/x-protobuf":
            self.wrong.append(f"they are {headers.get('content-type')}")
            return 415, b""
        request = ExportTraceServiceRequest.FromString(body)
        taken = [one for group in request.resource_spans for one in _spans(group)]
        self.wrong += [fault for one in taken for fault in _faults(one)]
        known = {one.span_id for one in self.spans}
        self.wrong += [f"{one.name} was sent twice" for one in taken if one.span_id in known]
        self.spans += taken
        return 200, ExportTraceServiceResponse().SerializeToString()

    def wait(self, number: int) -> list[Taken]:
        """Wait until so many spans have come, and give them in the order of their beginning."""
        eventually(lambda: len(self.spans) >= number, f"{number} spans, there are {len(self.spans)}")
        return sorted(self.spans, key=lambda one: (one.start, one.kind != "server"))


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, answer = collector.take(self.path, self.headers, body)
            try:
                self.send_response(status)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
            except ConnectionError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _spans(group: Any) -> list[Taken]:
    service = {one.key: _value(one.value) for one in group.resource.attributes}["service.name"]
    return [
        Taken(
            service=service,
            name=one.name,
            kind=_KINDS[one.kind],
            trace_id=one.trace_id.hex(),
            span_id=one.span_id.hex(),
            parent_id=one.parent_span_id.hex(),
            trace_state=one.trace_state,
            failed=one.status.code == Status.STATUS_CODE_ERROR,
            start=one.start_time_unix_nano,
            end=one.end_time_unix_nano,
            attributes={pair.key: _value(pair.value) for pair in one.attributes},
        )
        for scope in group.scope_spans
        for one in scope.spans
    ]


def _value(value: AnyValue) -> Any:
    return getattr(value, value.WhichOneof("value") or "string_value")


def _faults(span: Taken) -> list[str]:
    needed = {
        "server": ("http.request.method", "url.path", "url.scheme"),
        "client": ("http.request.method", "url.full", "server.address", "server.port"),
    }[span.kind]
    found = [f"{span.name} has no {name}" for name in needed if name not in span.attributes]
    if len(span.trace_id) != 32 or not int(span.trace_id, 16) or len(span.span_id) != 16 or not int(span.span_id, 16):
        found.append(f"{span.name} has the ids {span.trace_id} and {span.span_id}")
    if not 0 < span.start <= span.end:
        found.append(f"{span.name} lasts from {span.start} to {span.end}")
    if span.failed and "error.type" not in span.attributes:
        found.append(f"{span.name} has failed, without an error.type")
    return found
