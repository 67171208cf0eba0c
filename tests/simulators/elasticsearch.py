"""`_bulk` of Elasticsearch, with its rules: media type, a line end behind the last line, size, and an answer an item.

As there: who asks wrongly as a whole gets one error and nothing is taken; otherwise each item has a status of its own
in an answer of 200. A document whose id is there already is a conflict, and a field keeps the kind of its first value.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.simulators.wire import Answer, Asked, Wire

_MEDIA_TYPES = ("application/x-ndjson", "application/json", "application/vnd.elasticsearch+x-ndjson")
_BUSY = {"type": "es_rejected_execution_exception", "reason": "rejected execution of coordinating operation"}


class Elasticsearch:
    """A cluster; `indices` has its documents by id, `busy` items are rejected once, as when its queue is full."""

    def __init__(
        self, *, user: str = "", password: str = "", max_content_length: int = 100_000_000,
        tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self.indices: dict[str, dict[str, dict[str, Any]]] = {}
        self.busy = 0
        self.sizes: list[int] = []
        """How many documents each request had."""
        self._login = f"{user}:{password}" if user else ""
        self._max_content_length = max_content_length
        self._kinds: dict[tuple[str, str], str] = {}
        self.wire = Wire(self._answer, tls)

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [one for index in self.indices.values() for one in index.values()]

    def _answer(self, asked: Asked) -> Answer:
        url = urlsplit(asked.path)
        headers = {name.lower(): value for name, value in asked.headers.items()}
        if self._login and headers.get("authorization") != f"Basic {_base64(self._login)}":
            return _error(401, "security_exception", "unable to authenticate user for REST request [/_bulk]")
        if len(asked.body) > self._max_content_length:
            return Answer(413)
        if url.path != "/_bulk" or asked.method not in ("POST", "PUT"):
            return _error(405, "illegal_argument_exception", f"Incorrect HTTP method for uri [{url.path}]")
        media_type = headers.get("content-type", "")
        if media_type.partition(";")[0] not in _MEDIA_TYPES:
            return _error(406, "media_type_header_exception", f"Content-Type header [{media_type}] is not supported")
        if not asked.body.endswith(b"\n"):
            return _error(400, "illegal_argument_exception", "The bulk request must be terminated by a newline [\\n]")
        return self._bulk(asked.body.split(b"\n")[:-1], parse_qs(url.query).get("filter_path"))

    def _bulk(self, lines: list[bytes], filter_path: list[str] | None) -> Answer:
        pairs = list(zip(lines[::2], lines[1::2], strict=False))
        if not lines or len(lines) % 2:
            return _error(400, "action_request_validation_exception", "no requests added")
        for number, (action, _) in enumerate(pairs):
            if not _is_action(action):
                words = f"Malformed action/metadata line [{2 * number + 1}], expected START_OBJECT or END_OBJECT"
                return _error(400, "illegal_argument_exception", words)
        self.sizes.append(len(pairs))
        items = [self._item(json.loads(action), source) for action, source in pairs]
        whole = {"took": 1, "errors": any("error" in one for item in items for one in item.values()), "items": items}
        if filter_path:
            del whole["took"]
        return Answer(body=whole)

    def _item(self, action: dict[str, Any], source: bytes) -> dict[str, Any]:
        [(operation, about)] = action.items()
        index, identity = about["_index"], about["_id"]
        if self.busy:
            self.busy -= 1
            return {operation: {"status": 429, "error": _BUSY}}
        if not re.fullmatch(r"(?![-_+])[^A-Z\\/*?\"<>| ,#:]{1,255}", index):
            return {operation: {"status": 400, "error": {"type": "invalid_index_name_exception", "reason": index}}}
        known = self.indices.setdefault(index, {})
        if operation == "create" and identity in known:
            return {operation: {"status": 409, "error": {"type": "version_conflict_engine_exception", "reason": "!"}}}
        try:
            document = json.loads(source)
            self._map(index, document)
        except ValueError as error:
            return {operation: {"status": 400, "error": {"type": "document_parsing_exception", "reason": str(error)}}}
        known[identity] = document
        return {operation: {"status": 201}}

    def _map(self, index: str, document: dict[str, Any]) -> None:
        for name, value in document.items():
            kind = self._kinds.setdefault((index, name), _kind(value))
            if kind != _kind(value) and not (kind == "text" and _kind(value) in ("number", "boolean")):
                raise ValueError(f"failed to parse field [{name}] of type [{kind}]")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "object"


def _is_action(line: bytes) -> bool:
    try:
        action = json.loads(line)
    except ValueError:
        return False
    return isinstance(action, dict) and len(action) == 1 and set(action) <= {"create", "index"}


def _error(status: int, kind: str, reason: str) -> Answer:
    error = {"type": kind, "reason": reason}
    return Answer(status, {"error": {"root_cause": [error], **error}, "status": status})


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
