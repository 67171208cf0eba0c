"""Splunk's HTTP Event Collector as a destination of records: events, one after the other, in one request."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Sequence

from gateway.sinks.lines import Line, Outcome, UnavailableError
from gateway.sinks.posting import Poster
from gateway.sinks.settings import SplunkSettings

_INVALID = 6
#: No data, incorrect index, ...: mended by who runs the collector, and until then of no use to send anything.
_OF_THE_SETTINGS = frozenset({7, 10, 11, 14})


class Splunk:
    """One collector. `structured` sends a record's fields, otherwise its text."""

    def __init__(self, settings: SplunkSettings, *, structured: bool) -> None:
        self._structured = structured
        about = {"host": socket.gethostname(), "source": "tocsin-gateway", "sourcetype": settings.sourcetype}
        if settings.index is not None:
            about["index"] = settings.index
        self._about = json.dumps(about)[1:-1].encode()
        self._poster = Poster(
            (settings.endpoint,),
            secret=settings.token.get_secret_value(),
            timeout=settings.timeout_secs,
            ca_path=settings.ca_path,
            headers={
                "authorization": f"Splunk {settings.token.get_secret_value()}",
                "content-type": "application/json",
                # A token that asks for acknowledgements asks for a channel; elsewhere it says nothing.
                "x-splunk-request-channel": str(uuid.uuid4()),
            },
        )

    def deliver(self, batch: Sequence[Line]) -> Outcome:
        """Send them as events."""
        answer = self._poster.post(b"\n".join(self._event(line) for line in batch))
        try:
            told = answer.json()
            code, text = int(told["code"]), self._poster.without_secret(str(told.get("text", "")))
        except (ValueError, KeyError, TypeError):
            raise UnavailableError(f"the answer {answer.status_code} is not that of an event collector") from None
        if answer.is_success:
            return Outcome(delivered=len(batch))
        why = f"{answer.status_code} {text} (code {code})"
        if code in _OF_THE_SETTINGS:
            raise UnavailableError(why)
        number = told.get("invalid-event-number")
        if code == _INVALID and isinstance(number, int) and 0 <= number < len(batch) > 1:
            # Only this one is refused. The others are sent again, since nothing says which of them were taken.
            again = [line for place, line in enumerate(batch) if place != number]
            return Outcome(refused=1, again=again, why=why)
        return Outcome(refused=len(batch), why=why)

    def close(self) -> None:
        """Close the connection."""
        self._poster.close()

    def _event(self, line: Line) -> bytes:
        event = line.json if self._structured else json.dumps(line.text.decode()).encode()
        return b'{"time":%.3f,%s,"event":%s}' % (line.at.timestamp(), self._about, event)
