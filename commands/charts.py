"""Charts as values: what is to be drawn, and the same in words for whoever does not see the picture.

A chart has one span of time and a panel for each unit, one above the other: two scales in one panel would make
lines cross that have nothing to do with each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

#: More marks than this are counted, not named.
_MOST_MARKS = 5

Point = tuple[AwareDatetime, float | None]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Series(_Frozen):
    """A named line. A value of None says that nothing is known from here to the next point."""

    name: str
    points: tuple[Point, ...]

    @property
    def known(self) -> list[tuple[datetime, float]]:
        """The points that have a value."""
        return [(at, value) for at, value in self.points if value is not None]


class Threshold(_Frozen):
    """A line that is not to be crossed upwards. `label`: what it is, as `objective`."""

    label: str
    value: float


class Panel(_Frozen):
    """Lines that share a unit."""

    title: str
    unit: str
    series: tuple[Series, ...]
    thresholds: tuple[Threshold, ...] = ()

    def written(self, value: float) -> str:
        """`31%`, `1,840 ms`, `0.04%`: two or three digits that count."""
        number = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.{2 if abs(value) < 1 else 3}g}"
        return f"{number}%" if self.unit == "%" else f"{number} {self.unit}".rstrip()


class Mark(_Frozen):
    """Something that happened: `scale 3 → 10`."""

    at: AwareDatetime
    label: str


class Band(_Frozen):
    """A time in which something was so: `no answer`."""

    since: AwareDatetime
    until: AwareDatetime
    label: str


class Chart(_Frozen):
    """Values over time. `zone` is the time zone in which its times are written."""

    title: str
    since: AwareDatetime
    until: AwareDatetime
    panels: Annotated[tuple[Panel, ...], Field(min_length=1)]
    marks: tuple[Mark, ...] = ()
    bands: tuple[Band, ...] = ()
    zone: str = "UTC"

    def words(self) -> str:
        """What a picture shows: of each line its end, its range, its peak, and what it crossed when."""
        sentences = [f"{self.title}, {self.moment(self.since)} to {self.moment(self.until)} {self.zone_name}."]
        sentences += [self._line(panel, series) for panel in self.panels for series in panel.series]
        sentences += [f"{one.label} {self.moment(one.since)} to {self.moment(one.until)}." for one in self.bands]
        sentences += [f"{self.moment(mark.at)}: {mark.label}." for mark in self.marks[:_MOST_MARKS]]
        more = len(self.marks) - _MOST_MARKS
        return " ".join(sentences + ([f"And {more} more marks."] if more > 0 else []))

    @property
    def zone_name(self) -> str:
        """`UTC`, `CET`."""
        return f"{self.until.astimezone(ZoneInfo(self.zone)):%Z}"

    @property
    def spans_days(self) -> bool:
        """Whether a time of day alone would leave open of which day it is."""
        zone = ZoneInfo(self.zone)
        return self.since.astimezone(zone).date() != self.until.astimezone(zone).date()

    def moment(self, at: datetime) -> str:
        """A time as the chart writes it."""
        return f"{at.astimezone(ZoneInfo(self.zone)):{'%Y-%m-%d %H:%M' if self.spans_days else '%H:%M'}}"

    def _line(self, panel: Panel, series: Series) -> str:
        name = panel.title if len(panel.series) == 1 else f"{panel.title}, {series.name}"
        known = series.known
        if not known:
            return f"{name}: no values."
        values = [value for _, value in known]
        low, high, last = (panel.written(value) for value in (min(values), max(values), values[-1]))
        peak = max(known, key=lambda point: point[1])[0]
        varied = f"last {last}, between {low} and {high}, highest at {self.moment(peak)}"
        crossed = "".join(f"; {self._crossed(panel, series, one)}" for one in panel.thresholds)
        return f"{name}: {varied if low != high else f'always {high}'}{crossed}."

    def _crossed(self, panel: Panel, series: Series, threshold: Threshold) -> str:
        line = f"{threshold.label} of {panel.written(threshold.value)}"
        spans = list(above(series, threshold.value))
        if not spans:
            return f"never above the {line}"
        (first, end), last = spans[0], spans[-1][1]
        if len(spans) > 1:
            times = f"{len(spans)} times, first at {self.moment(first)}"
            return f"above the {line} {times}, {f'last until {self.moment(last)}' if last else 'and at the end'}"
        return f"above the {line} from {self.moment(first)} {f'to {self.moment(end)}' if end else 'to the end'}"


def above(series: Series, limit: float) -> Iterator[tuple[datetime, datetime | None]]:
    """The spans in which a line is above a limit; None: it still is at its end."""
    begun: datetime | None = None
    for at, value in series.points:
        high = value is not None and value > limit
        if high and begun is None:
            begun = at
        elif not high and begun is not None:
            yield begun, at
            begun = None
    if begun is not None:
        yield begun, None
