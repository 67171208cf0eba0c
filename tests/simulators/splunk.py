"""Splunk's HTTP Event Collector, with its rules: the token's header, the form of events, size, and indexes of a token.

Its answers are a text and a code; `invalid-event-number` names the event that is at fault, counted from 0.
"""

from __future__ import annotations

import json
from typing import Any

from tests.simulators.wire import Answer, Asked, Wire

_PATHS = ("/services/collector", "/services/collector/event")


class Splunk:
    """A collector with one token; `events` are those that it took."""

    def __init__(
        self, token: str, *, indexes: tuple[str, ...] = ("main",), max_content_length: int = 1_000_000,
        acknowledges: bool = False,
    ) -> None:  # fmt: skip
        self.events: list[dict[str, Any]] = []
        self.token = token
        self.enabled = True
        self._indexes = indexes
        self._max_content_length = max_content_length
        self._acknowledges = acknowledges
        self.wire = Wire(self._answer)

    def _answer(self, asked: Asked) -> Answer:
        headers = {name.lower(): value for name, value in asked.headers.items()}
        if asked.path not in _PATHS:
            return Answer(404, {"text": "The requested URL was not found on this server.", "code": 404})
        if refusal := self._refusal(headers):
            return refusal
        if len(asked.body) > self._max_content_length:
            return Answer(413, "<!doctype html><html><head><title>Request Entity Too Large</title></head></html>")
        if not asked.body.strip():
            return _said(400, 5, "No data")
        return self._taken(asked.body.decode())

    def _refusal(self, headers: dict[str, str]) -> Answer | None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if not scheme:
            return _said(401, 2, "Token is required")
        if scheme != "Splunk" or not token:
            return _said(401, 3, "Invalid authorization")
        if token != self.token:
            return _said(403, 4, "Invalid token")
        if not self.enabled:
            return _said(403, 1, "Token disabled")
        if self._acknowledges and "x-splunk-request-channel" not in headers:
            return _said(400, 10, "Data channel is missing")
        return None

    def _taken(self, body: str) -> Answer:
        found: list[dict[str, Any]] = []
        decoder, place = json.JSONDecoder(), 0
        while body[place:].strip():
            place += len(body[place:]) - len(body[place:].lstrip())
            try:
                event, place = decoder.raw_decode(body, place)
                code, text = self._fault(event)
            except ValueError:
                code, text = 6, "Invalid data format"
            if code:
                return _said(400, code, text, **{"invalid-event-number": len(found)})
            found.append(event)
        self.events += found
        return _said(200, 0, "Success")

    def _fault(self, event: Any) -> tuple[int, str]:
        if not isinstance(event, dict) or not isinstance(event.get("time", 0), int | float):
            return 6, "Invalid data format"
        if "event" not in event:
            return 12, "Event field is required"
        if event["event"] in ("", None, {}):
            return 13, "Event field cannot be blank"
        if event.get("index", "main") not in self._indexes:
            return 7, "Incorrect index"
        return 0, ""


def _said(status: int, code: int, text: str, **more: Any) -> Answer:
    return Answer(status, {"text": text, "code": code, **more})
