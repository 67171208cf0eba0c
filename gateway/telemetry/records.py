"""Log records: their fields are the catalogue's. Secrets never get into one: no query, cookies or credentials."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

SERVICE = "tocsin-gateway"
_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}


def iso(epoch: float) -> str:
    """ISO 8601 in UTC, with milliseconds and Z."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def record(at: float, level: str, component: str, event_type: str, message: str, **fields: Any) -> dict[str, Any]:
    """A record with the fields that every record has, and `fields` that are not None."""
    common: dict[str, Any] = {
        "timestamp": iso(at),
        "level": level,
        "service": SERVICE,
        "component": component,
        "event_type": event_type,
        "message": message,
    }
    common.update((name, value) for name, value in fields.items() if value is not None)
    return common


def as_json(entry: dict[str, Any]) -> str:
    """One line of JSON, in which text stands as it is read: it is searched."""
    return _JSON.encode(entry)


def as_text(entry: dict[str, Any]) -> str:
    """One line of text: a request in the combined format, anything else with its event type as fifth word."""
    if entry["event_type"] == "request":
        return _combined(entry)
    return _event(entry, entry["event_type"])


def text_lines(entry: dict[str, Any]) -> list[str]:
    """A record as text: a request that failed or was slow has a second line, with the reason as fifth word.

    Runbook 004 counts those words: `grep ERROR | awk '{print $5}'`; runbook 001 looks for `latency`.
    """
    lines = [as_text(entry)]
    if entry["event_type"] == "request":
        if entry["level"] == "ERROR":
            lines.append(_event(entry, entry.get("error_type", "upstream_status")))
        elif entry.get("slow"):
            lines.append(_event(entry, "high_latency"))
    return lines


def _event(entry: dict[str, Any], fifth: str) -> str:
    words = (entry["timestamp"], entry["level"], entry["service"], entry["component"], fifth)
    return " ".join((*words, _one_line(entry["message"])))


def _combined(entry: dict[str, Any]) -> str:
    moment = datetime.fromisoformat(entry["timestamp"]).strftime("%d/%b/%Y:%H:%M:%S %z")
    request = f"{entry['method']} {_quoted(entry['path'])} HTTP/{entry['http_version']}"
    agent = _quoted(entry.get("user_agent", "-"))
    size = entry.get("response_size", 0)
    return f'{entry["client_ip"]} - - [{moment}] "{request}" {entry["status"]} {size} "-" "{agent}"'


def _quoted(text: str) -> str:
    return _one_line(text).replace("\\", "\\\\").replace('"', '\\"').replace(" ", "%20")


def _one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")
