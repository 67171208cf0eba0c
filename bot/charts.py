"""Draws charts: a PNG for platforms that show pictures, an SVG for pages of our own.

The library is large, so it is loaded with the first chart, and one chart is drawn at a time: it is not made for
threads. A drawing takes some tenths of a second of a processor: ask for it in a worker's thread.
"""

from __future__ import annotations

import io
import logging
import math
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from commands.charts import Chart, Panel, Series, Threshold
from commands.presentation.words import cut

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ONE_AT_A_TIME = threading.Lock()
_DOTS_ACROSS = 1600
_MOST_ROWS = 4
#: Characters for which there is room.
_TITLE, _PANEL, _LABEL, _LINE, _THRESHOLD = 50, 24, 36, 12, 14


@dataclass(frozen=True)
class Look:
    """Sizes: inches of the drawing, points of the rest. The lines differ in dashes too, not in colour only."""

    width: float
    panel: float
    text: float
    line: float
    ground: str = "#ffffff"
    ink: str = "#181c22"
    faint: str = "#4d5664"
    grid: str = "#dfe3e8"
    alarm: str = "#b3261e"
    mark: str = "#6a4fb0"
    band: str = "#8a94a3"
    lines: tuple[str, ...] = ("#0b62a8", "#9c5700", "#00734f", "#a3457f")
    dashes: tuple[Any, ...] = ("solid", (0, (5, 1.5)), (0, (1.5, 1.5)), (0, (6, 1.5, 1.5, 1.5)))


#: A phone shows it some three inches wide, and it is to be read there.
PICTURE = Look(width=7.0, panel=1.35, text=13.5, line=2.2)
PAGE = Look(width=8.0, panel=1.3, text=11, line=1.7)


@lru_cache(maxsize=8)
def png(chart: Chart) -> bytes:
    """A picture on white, with more dots than a usual screen shows."""
    written = io.BytesIO()
    _draw(chart, PICTURE, written, format="png", dpi=_DOTS_ACROSS / PICTURE.width, facecolor=PICTURE.ground)
    return written.getvalue()


def svg(chart: Chart) -> str:
    """The same without a ground, its words as text."""
    written = io.StringIO()
    _draw(chart, PAGE, written, format="svg", facecolor="none")
    return written.getvalue()


def _draw(chart: Chart, look: Look, into: IO[Any], **how: Any) -> None:
    with _ONE_AT_A_TIME:
        figure = _figure(chart, look)
        try:
            figure.savefig(into, **how)
        finally:
            figure.clear()  # what it holds would else stay until a collector comes by


def _figure(chart: Chart, look: Look) -> Figure:
    from matplotlib import rc
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of its fonts, which concerns nobody here
    rc("font", family="DejaVu Sans", size=look.text)  # it comes with the library
    rc("text", parse_math=False)
    rc("svg", fonttype="none")
    rc("hatch", linewidth=0.6)
    labels = _Labels(chart, look)
    heights = [labels.height] * bool(labels.rows) + [look.panel] * len(chart.panels)
    layout = ConstrainedLayoutEngine(h_pad=0.03, w_pad=0.08, hspace=0.0)
    figure = Figure(figsize=(look.width, sum(heights) + 0.75), layout=layout)
    heading = _heading(chart)
    fits = min(look.text, look.width * 72 / len(heading) / 0.6)
    figure.suptitle(heading, x=0.012, ha="left", fontsize=fits, color=look.ink)
    rows: list[Axes] = list(figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0])
    panels = rows[-len(chart.panels) :]
    for top, axes, panel in zip([rows[0], *panels[1:]], panels, chart.panels, strict=True):
        _title(top, panel, look)
        _panel(axes, panel, chart, look)
    if labels.rows:
        _name(rows[0], labels, look)
    _times(panels[-1], chart)
    return figure


def _heading(chart: Chart) -> str:
    return f"{cut(chart.title, _TITLE)}, {chart.moment(chart.since)} to {chart.moment(chart.until)} {chart.zone_name}"


def _title(axes: Axes, panel: Panel, look: Look) -> None:
    axes.set_title(cut(panel.title, _PANEL), loc="left", fontsize=look.text, fontweight="bold", color=look.ink, pad=4)
    axes.set_title(_extremes(panel), loc="right", fontsize=look.text, color=look.faint, pad=4)


def _panel(axes: Axes, panel: Panel, chart: Chart, look: Look) -> None:
    axes.grid(visible=True, axis="y", color=look.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_facecolor("none")
    axes.tick_params(colors=look.faint, labelsize=look.text - 1, length=3)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(look.band)
    _happenings(axes, chart, look)
    for place, series in enumerate(panel.series):
        _line(axes, series, place, look)
    for threshold in panel.thresholds:
        _threshold(axes, panel, threshold, look)
    _scale(axes, panel)
    if len(panel.series) > 1:
        key = axes.legend(ncols=4, loc="upper left", frameon=False, fontsize=look.text - 1, labelcolor=look.ink)
        key.set_in_layout(False)


def _extremes(panel: Panel) -> str:
    """What is read first: where it stands, and where it was worst."""
    known = [point for series in panel.series for point in series.known]
    if not known:
        return "no values"
    highest = panel.written(max(value for _, value in known))
    last = panel.series[0].known[-1][1] if len(panel.series) == 1 else None
    return f"highest {highest}" if last is None else f"last {panel.written(last)}, highest {highest}"


def _line(axes: Axes, series: Series, place: int, look: Look) -> None:
    times: list[Any] = [at for at, _ in series.points]
    values = [math.nan if value is None else value for _, value in series.points]
    colour, dash = look.lines[place % len(look.lines)], look.dashes[place % len(look.dashes)]
    alone = "." if len(series.known) <= 12 else ""  # few points would not be seen as a line
    axes.plot(
        times, values, color=colour, linestyle=dash, linewidth=look.line, marker=alone, label=cut(series.name, _LINE)
    )
    if series.known:
        last: Any = series.known[-1]
        axes.plot(*last, color=colour, marker="o", markersize=look.line * 2.6, clip_on=False)


def _threshold(axes: Axes, panel: Panel, threshold: Threshold, look: Look) -> None:
    """A dashed line with its name beside the panel; what is above it is hatched."""
    axes.axhline(threshold.value, color=look.alarm, linestyle=(0, (4, 2)), linewidth=look.line * 0.7)
    axes.annotate(
        f"{cut(threshold.label, _THRESHOLD)}\n{panel.written(threshold.value)}",
        xy=(1, threshold.value),
        xycoords=("axes fraction", "data"),
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        fontsize=look.text - 1,
        color=look.alarm,
        annotation_clip=False,
    )
    for series in panel.series:
        times: list[Any] = [at for at, _ in series.points]
        values = [math.nan if value is None else value for _, value in series.points]
        axes.fill_between(
            times,
            values,
            threshold.value,
            where=[value > threshold.value for value in values],
            interpolate=True,
            facecolor="none",
            edgecolor=look.alarm,
            hatch="////",
            linewidth=0,
        )


def _happenings(axes: Axes, chart: Chart, look: Look) -> None:
    for band in chart.bands:
        edges: Any = (band.since, band.until)
        axes.axvspan(*edges, facecolor=look.band, alpha=0.35, linewidth=0)
    for mark in chart.marks:
        at: Any = mark.at
        axes.axvline(at, color=look.mark, linestyle=(0, (2, 2)), linewidth=look.line * 0.8)


def _scale(axes: Axes, panel: Panel) -> None:
    """From zero to what is highest, the thresholds included: far below them is to look like it."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    values = [value for series in panel.series for _, value in series.known]
    highest = max([*values, *(one.value for one in panel.thresholds)], default=1.0) or 1.0
    axes.set_ylim(0, highest * 1.12)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: panel.written(value)))


@dataclass(frozen=True)
class _Label:
    """A name beside its line, in a row; row 0 is the lowest. `left`: there is no room to its right."""

    at: datetime
    text: str
    colour: str
    row: int
    left: bool


class _Labels:
    """The strip above the panels with the names of marks and bands.

    The last is placed first, as low as there is room; what overhangs the line of another stands above its end.
    """

    def __init__(self, chart: Chart, look: Look) -> None:
        self._chart = chart
        self._each = (look.text - 1) * 0.62 / (look.width * 72 * 0.78) * (chart.until - chart.since)
        named = [(one.at, one.label, look.mark) for one in chart.marks]
        named += [(one.since, one.label, look.faint) for one in chart.bands]
        self.all: list[_Label] = []
        self._taken: list[list[tuple[datetime, datetime]]] = [[] for _ in range(_MOST_ROWS)]
        for at, label, colour in sorted(named, reverse=True):
            self._place(at, cut(label, _LABEL), colour)
        self.rows = max((one.row for one in self.all), default=-1) + 1
        self.height = self.rows * look.text * 1.35 / 72

    def _place(self, at: datetime, text: str, colour: str) -> None:
        """Where there is no room at all, the line stays without its name; the words of the chart have it."""
        width = (len(text) + 1) * self._each
        left = at + width > self._chart.until
        begin, end = (at - width, at) if left else (at, at + width)
        lowest = max((one.row + 1 for one in self.all if begin < one.at < end), default=0)
        for row, taken in enumerate(self._taken):
            if row >= lowest and all(end <= one[0] or begin >= one[1] for one in taken):
                taken.append((begin, end))
                self.all.append(_Label(at, text, colour, row, left))
                return


def _name(axes: Axes, labels: _Labels, look: Look) -> None:
    axes.axis("off")
    axes.set_ylim(0, labels.rows)
    for one in labels.all:
        at: Any = one.at
        axes.vlines(at, 0, one.row + 0.8, color=one.colour, linestyle=(0, (2, 2)), linewidth=look.line * 0.8)
        axes.annotate(
            one.text,
            xy=(at, one.row + 0.45),
            xytext=(-4 if one.left else 4, 0),
            textcoords="offset points",
            ha="right" if one.left else "left",
            va="center",
            fontsize=look.text - 1,
            color=one.colour,
            bbox={"facecolor": look.ground, "edgecolor": "none", "pad": 1},  # not crossed by the lines of others
        )


def _times(axes: Axes, chart: Chart) -> None:
    from matplotlib.dates import AutoDateLocator, DateFormatter

    zone = ZoneInfo(chart.zone)
    edges: Any = (chart.since, chart.until)
    axes.set_xlim(*edges)
    axes.xaxis.set_major_locator(AutoDateLocator(tz=zone, minticks=3, maxticks=7))
    long = chart.until - chart.since > timedelta(days=2)
    axes.xaxis.set_major_formatter(DateFormatter("%d %b" if long else "%H:%M", tz=zone))
