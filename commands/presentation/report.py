"""A report as people read it: a card with the figures, a chart, and the same as Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime, timedelta

from commands.cards import Card, Channel, Document, Fact, Link, Rich, Table, Tone, When, card, fact, rich
from commands.charts import Chart, Panel, Series, Threshold
from commands.domain.period import ReportKind
from commands.domain.sli import Objectives
from commands.ports import Transaction
from commands.presentation.words import counted, cut, lasting
from commands.reporting import OPEN, Past, PeriodReport, Reached, Times

_NAMED = 5
#: From here on a share is told as so many times.
_MANY = 2
_COLUMNS = ("incident", "title", "service", "severity", "status", "declared", "resolved", "causes")
#: So many points are drawn of the error rate.
_POINTS = 400


def report_card(report: PeriodReport, chart: Chart | None) -> Card:
    """Short: the figures, the response times, what came back; the rest is in the files."""
    number = len(report.past) + report.unseen + report.hidden
    title = f"{report.kind.heading}: {counted(number, 'incident')}"
    shown = card(title, *_news(report), tone=Tone.WARNING if report.still_open else Tone.NEUTRAL)
    files = rich("Files: ", *_files(report))
    name = f"{report.kind.value}-{report.until:%Y-%m-%d}.csv"
    document = Document(incident="", name=name, title=report.kind.heading, content=as_csv(report))
    values = {"facts": _facts(report), "table": _table(report), "chart": chart, "footer": files, "document": document}
    return shown.model_copy(update=values)


def _files(report: PeriodReport) -> Rich:
    path = f"/reports/{report.kind.value}/{report.since:%Y%m%dT%H%M%SZ}/{report.until:%Y%m%dT%H%M%SZ}"
    return rich(Link(url=f"{path}.html", text="HTML"), " · ", Link(url=f"{path}.csv", text="CSV"))


def _news(report: PeriodReport) -> list[Rich]:
    lines = []
    if report.causes:
        told = "; ".join(f"{cut(cause, 80)} ({times} times)" for cause, times in report.causes)
        lines.append(rich(f"Came back: {told}."))
    newest = [part for one in report.past[:_NAMED] for part in _named(one)][:-1]
    if newest:
        more = len(report.past) - _NAMED
        lines.append(rich(*newest, f" and {counted(more, 'more', 'more')}" if more > 0 else ""))
    if report.hidden:
        lines.append(rich(f"{counted(report.hidden, 'private incident is', 'private incidents are')} counted only."))
    return lines


def _named(past: Past) -> Rich:
    incident = past.incident
    return rich(Channel(name=incident.channel), f" {incident.severity} {cut(incident.title, 80)}", "; ")


def _facts(report: PeriodReport) -> tuple[Fact, ...]:
    found = [
        fact("From", When(at=report.since, style="full")),
        fact("Until", When(at=report.until, style="full")),
        fact("Incidents", counts(report.levels) or "none", f", {report.still_open} open" if report.still_open else ""),
        fact(f"Availability of {report.service}", reached_words(report.reached)),
    ]
    if len(report.services) > 1:
        found.append(fact("By service", counts(report.services)))
    if report.changes:
        found.append(fact("Changed by hand", counts(report.changes)))
    if report.tasks:
        found.append(fact("Open action items", f"{report.tasks}: /actions"))
    return tuple(found)


def counts(counted_by: Iterable[tuple[str, int]]) -> str:
    """`SEV1 2, SEV2 1`."""
    return ", ".join(f"{name} {number:,}" for name, number in counted_by)


def reached_words(reached: Reached | None) -> str:
    """`99.952%, objective 99.9%; 48% of the error budget of this span spent`."""
    if reached is None:
        return "not measured"
    all_of_them = reached.looked_at == reached.readings
    part = "" if all_of_them else f"; from {reached.looked_at:,} of {reached.readings:,} readings"
    spent = f"{reached.spent:.0%} of" if reached.spent < _MANY else f"{reached.spent:.1f} times"
    budget = f"{spent} the error budget of this span spent"
    return f"{reached.availability:.3%}, objective {reached.objective * 100:.6g}%; {budget}{part}"


def _table(report: PeriodReport) -> Table | None:
    """How fast people were; by severity where the report is about nothing else."""
    rows = [(one.short, one.name, one) for one in report.times]
    if report.kind is ReportKind.MTTR:
        rows += [(level, one.name, one) for level, one in report.by_level]
    if not rows:
        return None
    columns = ("", "What", "Median", "9 of 10 within", "Longest", "Of")
    return Table(columns=columns, rows=tuple(_row(short, name, one) for short, name, one in rows))


def _row(short: str, name: str, times: Times) -> tuple[Rich, ...]:
    spans = (lasting(times.median), lasting(times.within), lasting(times.longest))
    return (rich(short), rich(name), *(rich(span) for span in spans), rich(f"{times.count:,}"))


def report_chart(report: PeriodReport, objectives: Objectives, tx: Transaction) -> Chart | None:
    """Incidents a day (an hour, of one day) above the share of requests that failed."""
    readings, _ = tx.samples.spread(report.service, report.since, report.until, most=_POINTS)
    step = timedelta(hours=1) if report.kind is ReportKind.DAILY else timedelta(days=1)
    panels = [Panel(title="Incidents", unit="", series=(Series(name="Incidents", points=_beginnings(report, step)),))]
    failed = tuple(
        (one.at, round(one.error_rate * 100, 3)) for one in readings if one.up and one.requests and not one.drill
    )
    if len(failed) > 1:
        line = Threshold(label="objective", value=round(objectives.error_rate * 100, 6))
        panels.append(
            Panel(title="Error rate", unit="%", series=(Series(name="Error rate", points=failed),), thresholds=(line,))
        )
    if len(failed) < 2 and not report.past:
        return None
    return Chart(
        title=f"{report.kind.heading} of {report.service}",
        since=report.since,
        until=report.until,
        zone=report.zone,
        panels=tuple(panels),
    )


def _beginnings(report: PeriodReport, step: timedelta) -> tuple[tuple[datetime, float], ...]:
    """How many began in each step; each point stands at the end of its step."""
    points, begin = [], report.since
    while begin < report.until:
        end = min(begin + step, report.until)
        points.append((end, float(sum(begin <= one.incident.declared_at < end for one in report.past))))
        begin = end
    return tuple(points)


def as_csv(report: PeriodReport) -> str:
    """A line for each incident; times are ISO 8601 in UTC, spans are seconds."""
    written = io.StringIO()
    sheet = csv.writer(written, lineterminator="\n")
    shorts = [*(span.short for one in report.past[:1] for span in one.spans), OPEN]
    sheet.writerow([*_COLUMNS, *(f"{short.lower()}_seconds" for short in shorts)])
    for one in report.past:
        incident = one.incident
        spans = [f"{took.total_seconds():.0f}" if (took := one.took(short)) is not None else "" for short in shorts]
        ended = incident.resolved_at.isoformat() if incident.resolved_at else ""
        told = (incident.id, incident.title, incident.service, incident.severity, incident.status.value)
        row = [*told, incident.declared_at.isoformat(), ended, "; ".join(one.causes), *spans]
        sheet.writerow([_inert(value) for value in row])
    return written.getvalue()


def _inert(value: str) -> str:
    """What a spreadsheet would run as a formula is text."""
    return f"'{value}" if value[:1] in {"=", "+", "-", "@"} else value
