"""The thresholds of runbook 003: what `/alerts/active` judges the gateway by, with the runbook's keys and figures.

Figures may have their unit behind them, as the runbook writes them: `10ms`, `70%`, `50 RPS`, `80% of max`, `1m`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from gateway.sections import Section

_FIGURE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(.*?)\s*")
_SPANS = {"": 1.0, "s": 1.0, "m": 60.0}


def _without(*units: str) -> BeforeValidator:
    """Takes a figure with one of these units, or without any."""

    def read(value: Any) -> Any:
        found = _FIGURE.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            return value
        if found[2] not in ("", *units):
            raise ValueError(f"must be a number, or one with {' or '.join(units)} behind it")
        return float(found[1])

    return BeforeValidator(read, float | str)


def _in_seconds(value: Any) -> Any:
    found = _FIGURE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    if found[2] not in _SPANS:
        raise ValueError("must be seconds, or a number with s or m behind it")
    return float(found[1]) * _SPANS[found[2]]


Span = Annotated[float, BeforeValidator(_in_seconds, float | str), Field(ge=1, le=900, allow_inf_nan=False)]
Milliseconds = Annotated[float, _without("ms"), Field(ge=0, allow_inf_nan=False)]
Percent = Annotated[float, _without("%", "% of max"), Field(ge=0, le=100, allow_inf_nan=False)]
PerSecond = Annotated[float, _without("RPS"), Field(ge=0, allow_inf_nan=False)]


class LatencyThreshold(Section):
    """Of the 95th percentile of the request duration."""

    threshold: Milliseconds | None = 10.0
    critical_threshold: Milliseconds | None = 50.0
    monitoring_interval: Span = 30.0


class ErrorRateThreshold(Section):
    """Of the share of requests that were answered with 5xx."""

    threshold: Percent | None = 1.0
    critical_threshold: Percent | None = 5.0
    monitoring_interval: Span = 30.0


class HitRatioThreshold(Section):
    """Of the share of requests that the cache has answered, which is to be more."""

    threshold: Percent | None = 70.0
    critical_threshold: Percent | None = 50.0
    monitoring_interval: Span = 60.0


class ThroughputThreshold(Section):
    """Of the requests per second, which are to be more."""

    threshold: PerSecond | None = 50.0
    critical_threshold: PerSecond | None = 20.0
    monitoring_interval: Span = 60.0


class MemoryThreshold(Section):
    """Of the memory that the gateway may use."""

    threshold: Percent | None = 80.0
    critical_threshold: Percent | None = 95.0
    monitoring_interval: Span = 30.0


class CpuThreshold(Section):
    """Of the processor time that the gateway may use."""

    threshold: Percent | None = 70.0
    critical_threshold: Percent | None = 90.0
    monitoring_interval: Span = 30.0


class DiskThreshold(Section):
    """Of the file system that the gateway writes to."""

    threshold: Percent | None = 80.0
    critical_threshold: Percent | None = 95.0
    monitoring_interval: Span = 300.0


class ConnectionsThreshold(Section):
    """Of the client connections that all workers allow."""

    threshold: Percent | None = 80.0
    critical_threshold: Percent | None = 95.0
    monitoring_interval: Span = 60.0


class CriticalMetrics(Section):
    """What clients notice."""

    p95_latency: LatencyThreshold = Field(default_factory=LatencyThreshold)
    cache_hit_ratio: HitRatioThreshold = Field(default_factory=HitRatioThreshold)
    error_rate: ErrorRateThreshold = Field(default_factory=ErrorRateThreshold)
    throughput: ThroughputThreshold = Field(default_factory=ThroughputThreshold)


class SystemMetrics(Section):
    """What runs out."""

    memory_usage: MemoryThreshold = Field(default_factory=MemoryThreshold)
    cpu_usage: CpuThreshold = Field(default_factory=CpuThreshold)
    disk_usage: DiskThreshold = Field(default_factory=DiskThreshold)
    open_connections: ConnectionsThreshold = Field(default_factory=ConnectionsThreshold)
