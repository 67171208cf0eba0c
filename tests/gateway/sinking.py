"""Records for sinks, and sinks to send them to."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from gateway.settings import LoggingSettings
from gateway.sinks.fan_out import Sinks
from gateway.sinks.sink import Count
from gateway.telemetry.records import as_json, record
from tests.simulators.elasticsearch import Elasticsearch
from tests.simulators.splunk import Splunk
from tests.waiting import eventually

NOON = 1_772_366_400.0
"""2026-03-01 12:00:00 UTC."""
NOBODY = "http://127.0.0.1:1"
HEC_TOKEN = "11111111-2222-3333-4444-555555555555"


def line(number: int, *, level: str = "INFO", at: float | None = None, **fields: Any) -> bytes:
    """A record of an event, as workers send it."""
    moment = time.time() if at is None else at
    return as_json(record(moment, level, "proxy", "event", f"event {number}", number=number, **fields)).encode()


def sink(kind: str, section: dict[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    """A sink's settings, that tries again at once."""
    if kind not in ("stdout", "file"):
        section = {"flush_interval_secs": 0.02, **(section or {})}
    return {"type": kind, "retry_secs": 0.01, "max_retry_secs": 0.05, **({kind: section} if section else {}), **keys}


class Sending:
    """Sinks that run; `told` is each time that one went down (with its reason) or came up."""

    def __init__(self, *sinks: dict[str, Any], **logging: Any) -> None:
        self.told: list[tuple[str, str | None]] = []
        settings = LoggingSettings.model_validate({"sinks": sinks, **logging})
        self.sinks = Sinks(lambda name, why: self.told.append((name, why)))
        self.sinks.configure(settings)

    def send(self, *lines: bytes) -> None:
        for one in lines:
            self.sinks.write(one)

    def count(self, name: str) -> Count:
        return self.sinks.counts()[name]

    def wait(self, name: str, reached: Callable[[Count], bool], what: str) -> Count:
        return eventually(lambda: found if reached(found := self.count(name)) else None, what)

    def delivered(self, name: str, number: int) -> Count:
        """Wait until so many are, and the sink is known to be up."""
        return self.wait(name, lambda one: one.delivered == number and one.up, f"{number} records delivered to {name}")

    def told_of(self, number: int) -> list[tuple[str, str | None]]:
        """Wait until it was told so many times of sinks that turned."""
        return eventually(lambda: self.told if len(self.told) == number else None, f"{number} turns of sinks")


@contextlib.contextmanager
def sending(*sinks: dict[str, Any], **logging: Any) -> Iterator[Sending]:
    there = Sending(*sinks, **logging)
    try:
        yield there
    finally:
        there.sinks.close()


def to_elasticsearch(cluster: Elasticsearch | str, *more: str, **keys: Any) -> dict[str, Any]:
    section = {name: keys.pop(name) for name in ("username", "password", "batch_size", "timeout_secs") if name in keys}
    url = cluster if isinstance(cluster, str) else cluster.wire.url
    return sink("elasticsearch", {"urls": [url, *more], **section}, **keys)


def to_splunk(collector: Splunk | str, **keys: Any) -> dict[str, Any]:
    section = {name: keys.pop(name) for name in ("token", "index", "batch_size", "sourcetype") if name in keys}
    url = collector if isinstance(collector, str) else collector.wire.url
    return sink("splunk", {"endpoint": f"{url}/services/collector", "token": HEC_TOKEN, **section}, **keys)


def numbers(records: list[dict[str, Any]]) -> list[int]:
    """Which of the numbered `line`s have arrived."""
    return sorted(one["number"] for one in records)
