"""CloudWatch Logs: moto's, behind a gate that holds to the rules of PutLogEvents that it does not.

A batch has 10,000 events and 1,048,576 bytes at most, 26 for each event beside its text, and no more than 24 hours;
of what is too old or too new the answer says where it ends (exclusive) and begins (inclusive).
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from io import BytesIO
from typing import Any

from moto.server import create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

_DAY_MS = 86_400_000


class CloudWatch:
    """The service; each of `faults` is a status and a code that a request is answered with instead, in turn."""

    def __init__(self) -> None:
        self.faults: list[tuple[int, str]] = []
        self.puts: list[list[dict[str, Any]]] = []
        """The events of each PutLogEvents that was taken."""
        self.url = ""
        self._moto: Callable[..., Any] = create_backend_app("logs")

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        if not environ.get("HTTP_AUTHORIZATION", "").startswith("AWS4-HMAC-SHA256 "):
            return _answer(start, 400, {"__type": "MissingAuthenticationTokenException"})
        if self.faults:
            status, code = self.faults.pop(0)
            return _answer(start, status, {"__type": code, "message": "as the test wants it"})
        if not environ["HTTP_X_AMZ_TARGET"].endswith(".PutLogEvents"):
            return self._moto(environ, start)
        events = json.loads(body)["logEvents"]
        if fault := _fault(events):
            return _answer(start, 400, {"__type": "InvalidParameterException", "message": fault})
        return self._put(environ, start, events)

    def _put(self, environ: dict[str, Any], start: Callable[..., Any], events: list[dict[str, Any]]) -> Any:
        told: list[Any] = []
        parts = list(self._moto(environ, lambda status, headers, *_: told.append((status, headers))))
        [(status, headers)] = told
        if status.startswith("200"):
            self.puts.append(events)
            return _answer(start, 200, {"nextSequenceToken": "1", **_rejected(events)})
        start(status, headers)
        return parts


def _fault(events: list[dict[str, Any]]) -> str | None:
    times = [event["timestamp"] for event in events]
    if not events or len(events) > 10_000:
        return "Log events in a single PutLogEvents request must be between 1 and 10000."
    if sum(len(event["message"].encode()) + 26 for event in events) > 1_048_576:
        return "Upload too large"
    if times != sorted(times):
        return "Log events in a single PutLogEvents request must be in chronological order."
    if times[-1] - times[0] > _DAY_MS:
        return "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
    return None


def _rejected(events: list[dict[str, Any]]) -> dict[str, Any]:
    now = time.time() * 1000
    old = sum(event["timestamp"] < now - 14 * _DAY_MS for event in events)
    new = sum(event["timestamp"] > now + _DAY_MS / 12 for event in events)
    told = ({"tooOldLogEventEndIndex": old} if old else {}) | (
        {"tooNewLogEventStartIndex": len(events) - new} if new else {}
    )
    return {"rejectedLogEventsInfo": told} if told else {}


def _answer(start: Callable[..., Any], status: int, body: dict[str, Any]) -> list[bytes]:
    text = json.dumps(body).encode()
    headers = [("content-type", "application/x-amz-json-1.1"), ("content-length", str(len(text)))]
    start(f"{status} {HTTPStatus(status).phrase}", headers)
    return [text]


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_: Any) -> None:
        return


@contextlib.contextmanager
def cloudwatch() -> Iterator[CloudWatch]:
    """The service on a port of its own."""
    service = CloudWatch()
    server = make_server("127.0.0.1", 0, service, threaded=True, request_handler=_Quiet)
    running = threading.Thread(target=server.serve_forever, daemon=True)
    running.start()
    service.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield service
    finally:
        server.shutdown()
        running.join()
        server.server_close()
