"""A small HTTP server on loopback for simulators: a function answers each request."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What it is answered. A `str` is sent as it stands, everything else as JSON."""

    status: int = 200
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Wire:
    """The server; `before` may answer in the place of the simulator, `lose` answers get lost on the way back."""

    def __init__(self, answer: Callable[[Asked], Answer], tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self._answer = answer
        self._scheme = "https" if tls else "http"
        self.before: Callable[[Asked], Answer | None] = lambda _: None
        self.lose = 0
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # The body is written after the head, and would wait 40 ms for the head's acknowledgement.
            disable_nagle_algorithm = True

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (ConnectionError, TimeoutError):
                    self.close_connection = True

            def _any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                asked = Asked(self.command, self.path, dict(self.headers.items()), self.rfile.read(length))
                wire.asked.append(asked)
                instead = wire.before(asked)
                answer = instead or wire._answer(asked)
                if wire.lose and not instead:
                    wire.lose -= 1
                    self.close_connection = True
                    self.connection.close()
                    return
                body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
                kind = "text/plain" if isinstance(answer.body, str) else "application/json"
                self.send_response(answer.status)
                for name, value in ({"Content-Type": kind} | dict(answer.headers)).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815 - the names that it looks for

            def log_message(self, *_: object) -> None:
                return

        return Handler
