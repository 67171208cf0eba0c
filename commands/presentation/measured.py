"""What was measured, as a chart: error rate and p95 against the objectives, with the changes made meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from commands.charts import Band, Chart, Mark, Panel, Point, Series, Threshold
from commands.domain.plan import Plan, PlanState
from commands.domain.sli import Objectives, Reading

#: How many points a line has at most; of readings that share one, the worst counts.
_POINTS = 120
#: Readings further apart than so many times their usual distance leave a gap.
_LATE = 3
#: Besides those that are known to have changed something.
_PERHAPS = frozenset({PlanState.EXECUTING, PlanState.VERIFYING, PlanState.UNKNOWN})


@dataclass(frozen=True)
class Window:
    """A span of time of a service, and the time zone in which it is told."""

    service: str
    since: datetime
    until: datetime
    zone: str


def measured_chart(
    window: Window,
    readings: Sequence[Reading],
    plans: Iterable[Plan],
    objectives: Objectives,
    marks: Sequence[Mark] = (),
) -> Chart | None:
    """The chart of a window; None where too little was measured for a line. `marks` are what else happened."""
    inside = sorted((one for one in readings if window.since <= one.at <= window.until), key=lambda one: one.at)
    if len(inside) < 2:
        return None
    return Chart(
        title=f"Errors and p95 of {window.service}",
        since=window.since,
        until=window.until,
        zone=window.zone,
        panels=(
            _panel("Error rate", "%", inside, _errors, round(objectives.error_rate * 100, 6)),
            _panel("p95", "ms", inside, _p95, objectives.p95_ms),
        ),
        marks=(*_marks(plans, window), *marks),
        bands=tuple(_silences(inside)),
    )


def _errors(reading: Reading) -> float | None:
    return round(reading.error_rate * 100, 3) if reading.up and reading.requests else None


def _p95(reading: Reading) -> float | None:
    return None if not reading.up or reading.p95_ms is None else round(reading.p95_ms, 1)


def _panel(
    title: str, unit: str, readings: list[Reading], value: Callable[[Reading], float | None], objective: float
) -> Panel:
    series = Series(name=title, points=tuple(_points(readings, value)))
    return Panel(title=title, unit=unit, series=(series,), thresholds=(Threshold(label="objective", value=objective),))


def _points(readings: list[Reading], value: Callable[[Reading], float | None]) -> Iterable[Point]:
    """Few enough to be drawn, and no peak is lost."""
    each = -(-len(readings) // _POINTS)
    longest = _LATE * median(_distances(readings)) * each
    last: datetime | None = None
    for start in range(0, len(readings), each):
        group = readings[start : start + each]
        if last is not None and (group[0].at - last).total_seconds() > longest:
            yield last + (group[0].at - last) / 2, None
        last = group[-1].at
        known = [(one.at, found) for one in group if (found := value(one)) is not None]
        silent = next((one.at for one in group if value(one) is None), None)
        if known:
            yield max(known, key=lambda point: point[1])
        elif silent is not None:
            yield silent, None


def _distances(readings: list[Reading]) -> list[float]:
    return [(after.at - before.at).total_seconds() for before, after in pairwise(readings)]


def _silences(readings: list[Reading]) -> Iterable[Band]:
    """The spans in which nothing answered, each to the next reading that got an answer."""
    begun: datetime | None = None
    for reading in readings:
        if not reading.up and begun is None:
            begun = reading.at
        elif reading.up and begun is not None:
            yield Band(since=begun, until=reading.at, label="No answer")
            begun = None
    if begun is not None:
        end = max(readings[-1].at, begun + timedelta(seconds=median(_distances(readings))))
        yield Band(since=begun, until=end, label="No answer")


def _marks(plans: Iterable[Plan], window: Window) -> list[Mark]:
    """The changes that were made in the window, oldest first. A baseline is read just before a change."""
    made = [plan for plan in plans if plan.took_effect or plan.state in _PERHAPS]
    found = [Mark(at=plan.baseline.at, label=_deed(plan)) for plan in made if plan.baseline]
    return sorted((one for one in found if window.since <= one.at <= window.until), key=lambda one: one.at)


def _deed(plan: Plan) -> str:
    """`scale 3 → 10`, `restart`, `undo: scale 10 → 3`."""
    was, to = plan.before.get("replicas"), plan.after.get("replicas")
    deed = f"{plan.action} {was} → {to}" if was != to else plan.action
    unsure = " (outcome unknown)" if plan.unsure else ""
    return f"{'undo: ' if plan.undoes else ''}{deed}{unsure}"
