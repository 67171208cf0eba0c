"""A gateway that traces: its configuration, the contexts that clients send, and what became of its spans."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from tests.gateway.collector import Collector, Taken
from tests.gateway.one_worker import OneWorker
from tests.gateway.running import settings_for
from tests.gateway.stage import until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

SPAN = "00f067aa0ba902b7"


def parent(flags: str = "01") -> str:
    """The context that a client sends."""
    return f"00-{TRACE}-{SPAN}-{flags}"


def traced(upstream: str, collector: str, *, more: dict[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    """A configuration that traces everything, and sends at once."""
    tracing = {"enabled": True, "endpoint": collector, "sampling_rate": 1.0, "flush_interval_secs": 0.05, **keys}
    return settings_for(upstream, **{**(more or {}), "observability": {"tracing": tracing}})


async def spans_of(worker: OneWorker, outcome: str) -> int:
    """How many spans were counted as this, since the start."""
    await worker.report()
    reports = [one["counted"]["spans"] for one in worker.said if one["type"] == "report"]
    return sum((Counter(one) for one in reports), Counter[str]())[outcome]


async def counted(worker: OneWorker, outcome: str, number: int) -> None:
    """Wait until so many are."""
    while await spans_of(worker, outcome) < number:
        pass


def records_of(worker: OneWorker) -> list[dict[str, Any]]:
    """What it has logged, as far as it has told of it."""
    lines = [line for one in worker.said if one["type"] == "report" for _, _, line in one["records"]]
    return [json.loads(line) for line in lines]


async def taken(collector: Collector, number: int) -> list[Taken]:
    """The first so many spans, as soon as the collector has them."""
    await until(lambda: len(collector.spans) >= number, f"{number} spans")
    return collector.wait(number)
