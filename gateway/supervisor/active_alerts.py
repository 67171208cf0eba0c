"""What `/alerts/active` tells: which figures are beyond the thresholds of runbook 003, judged from what was measured.

A figure that is not there, as the latency where nobody asked for anything, is not judged.
"""

from __future__ import annotations

from typing import Any, Protocol


class Threshold(Protocol):
    """As the settings have it."""

    @property
    def threshold(self) -> float | None: ...

    @property
    def critical_threshold(self) -> float | None: ...


Alert = dict[str, Any]


def above(name: str, value: float | None, limits: Threshold) -> list[Alert]:
    """One alert where the figure is too high, or none."""
    return _judged(name, value, limits, 1)


def below(name: str, value: float | None, limits: Threshold) -> list[Alert]:
    """One alert where the figure is too low, or none."""
    return _judged(name, value, limits, -1)


def _judged(name: str, value: float | None, limits: Threshold, sign: int) -> list[Alert]:
    if value is None:
        return []
    for severity, limit in (("critical", limits.critical_threshold), ("warning", limits.threshold)):
        if limit is not None and sign * value > sign * limit:
            return [{"name": name, "severity": severity, "value": round(value, 3), "threshold": limit}]
    return []
