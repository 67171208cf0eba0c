"""Elasticsearch and OpenSearch as a destination of records: `_bulk`, with an answer for each of them.

Each document has an id of its own and is created, so that a batch that is sent twice is there once.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any

from gateway.sinks.lines import Line, Outcome, UnavailableError
from gateway.sinks.posting import Poster
from gateway.sinks.settings import ElasticsearchSettings

_ONLY = {"filter_path": "errors,items.*.status,items.*.error.type,items.*.error.reason"}
_THERE_ALREADY = 409
#: A record that cannot be stored as it is. Whatever else is said may pass by itself, or when an operator has mended a
#: right, a full disk or a missing index.
_OF_THE_RECORD = frozenset({400, 413, 422})
_SHOWN = 200


class Elasticsearch:
    """One cluster. `structured` sends a record's fields, otherwise its text as `message`."""

    def __init__(self, settings: ElasticsearchSettings, *, structured: bool) -> None:
        self._index = settings.index
        self._structured = structured
        password = settings.password.get_secret_value() if settings.password else None
        self._poster = Poster(
            tuple(f"{url.rstrip('/')}/_bulk" for url in settings.urls),
            timeout=settings.timeout_secs,
            ca_path=settings.ca_path,
            headers={"content-type": "application/x-ndjson", "accept": "application/json"},
            secret=password,
            auth=(settings.username, password) if settings.username and password else None,
        )
        self._run = secrets.token_urlsafe(9)

    def deliver(self, batch: Sequence[Line]) -> Outcome:
        """Create their documents."""
        answer = self._poster.post(b"".join(self._pair(line) for line in batch), _ONLY)
        if not answer.is_success:
            return Outcome(refused=len(batch), why=f"{answer.status_code} {self._poster.said(answer)}")
        try:
            found = answer.json()
            items = found["items"] if found["errors"] else None
        except (ValueError, KeyError, TypeError):
            raise UnavailableError("the answer is not that of _bulk") from None
        return Outcome(delivered=len(batch)) if items is None else _outcome(batch, items)

    def close(self) -> None:
        """Close the connection."""
        self._poster.close()

    def _pair(self, line: Line) -> bytes:
        action = {"create": {"_index": line.at.strftime(self._index), "_id": f"{self._run}-{line.number}"}}
        stamp = b'{"@timestamp":"%s",' % line.stamp.encode()
        if self._structured:
            source = stamp + line.json[1:]
        else:
            source = stamp + json.dumps({"message": line.text.decode()})[1:].encode()
        return json.dumps(action).encode() + b"\n" + source + b"\n"


def _outcome(batch: Sequence[Line], items: list[dict[str, Any]]) -> Outcome:
    if len(items) != len(batch):
        raise UnavailableError("the answer of _bulk is not about each record")
    outcome, again = Outcome(), list[Line]()
    for line, item in zip(batch, items, strict=True):
        told = next(iter(item.values()))
        if told["status"] < 300 or told["status"] == _THERE_ALREADY:
            outcome.delivered += 1
            continue
        error = told.get("error", {})
        outcome.why = f"{told['status']} {error.get('type', '')}: {str(error.get('reason', ''))[:_SHOWN]}"
        if told["status"] in _OF_THE_RECORD:
            outcome.refused += 1
        else:
            again.append(line)
    outcome.again = again
    return outcome
