"""The impact of an incident, from measurements: how many requests failed, how bad and how long it was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from commands.domain.sli import Objectives, Reading

#: Two readings further apart than this do not belong to one breach: nobody looked in between.
GAP = timedelta(minutes=2)

#: A reading without a window (nothing answered) stands for the time since the one before, at most this.
UNSTATED_WINDOW = timedelta(minutes=1)


@dataclass(frozen=True)
class Impact:
    """What the measurements say between `since` and `until`; `covered` is the time that they speak for.

    Rates are ratios. `share` and the peaks are None where no request was measured.
    """

    since: datetime
    until: datetime
    readings: int
    covered: timedelta
    requests: int
    failed: int
    share: float | None
    peak_error_rate: float | None
    peak_p95_ms: float | None
    outside: timedelta
    unanswered: timedelta
    lost: timedelta

    @property
    def unmeasured(self) -> timedelta:
        """The time of which nothing is known."""
        return max(self.until - self.since - self.covered, timedelta())


@dataclass(frozen=True)
class Budget:
    """How long a service may fail altogether in a period, and how much of that was spent.

    A minute in which one request in ten failed spends six seconds, one in which nothing answered all of it.
    """

    availability: float
    period: timedelta
    spent: timedelta

    @property
    def whole(self) -> timedelta:
        """All of it."""
        return self.period * (1 - self.availability)

    @property
    def share(self) -> float:
        """The part that was spent; more than 1 where the promise was broken by this alone."""
        return self.spent / self.whole


def budget_of(impact: Impact, objectives: Objectives) -> Budget | None:
    """None where nothing was measured."""
    period = timedelta(days=objectives.period_days)
    return Budget(objectives.availability, period, impact.lost) if impact.readings else None


@dataclass(frozen=True)
class Slice:
    """The time that a reading alone speaks for: since the reading before it, at most its window."""

    begin: datetime
    end: datetime
    reading: Reading

    @property
    def span(self) -> timedelta:
        """How long it is."""
        return self.end - self.begin

    @property
    def weight(self) -> float:
        """The part of the reading's counts that fall into this slice, taken as evenly spread."""
        return self.span / _window(self.reading)

    def after(self, start: datetime) -> Slice:
        """What of it lies after a moment."""
        return Slice(max(self.begin, start), self.end, self.reading)


def _window(reading: Reading) -> timedelta:
    return timedelta(seconds=reading.window_seconds) if reading.window_seconds > 0 else UNSTATED_WINDOW


def slices_of(readings: Sequence[Reading], *, until: datetime) -> list[Slice]:
    """Readings cut so that none overlaps the next.

    Samples are taken every few seconds and each counts a window that may be much longer, so adding up
    their counts would count a request many times. Each one is given the time since the sample before
    it, or its window where that is shorter, and the same part of its counts.
    """
    found: list[Slice] = []
    for reading in sorted((r for r in readings if r.at <= until), key=lambda r: r.at):
        begin = reading.at - _window(reading)
        found.append(Slice(max(begin, found[-1].end) if found else begin, reading.at, reading))
    return found


def breach_before(slices: list[Slice], declared: datetime, objectives: Objectives) -> Slice | None:
    """The first of the bad readings that lead up to the declaration without a good one or a gap between."""
    first: Slice | None = None
    follows = declared
    for part in reversed([part for part in slices if part.end <= declared]):
        if follows - part.end > GAP or not objectives.breached(part.reading):
            break
        first, follows = part, part.end
    return first


def impact_of(slices: list[Slice], *, since: datetime, until: datetime, objectives: Objectives) -> Impact:
    """What users felt from `since` on, in numbers (runbook 002, section 2.6, "Impact")."""
    parts = [part.after(since) for part in slices if part.end > since]
    requests = sum(part.reading.requests * part.weight for part in parts)
    failed = sum(part.reading.errors * part.weight for part in parts)
    latencies = [part.reading.p95_ms for part in parts if part.reading.p95_ms is not None]
    return Impact(
        since=since,
        until=until,
        readings=len(parts),
        covered=_total(parts),
        requests=round(requests),
        failed=round(failed),
        share=failed / requests if requests else None,
        peak_error_rate=max((p.reading.error_rate for p in parts if p.reading.requests), default=None),
        peak_p95_ms=max(latencies, default=None),
        outside=_total(part for part in parts if objectives.breached(part.reading)),
        unanswered=_total(part for part in parts if not part.reading.up),
        lost=sum((part.span * _failing(part.reading) for part in parts), timedelta()),
    )


def _failing(reading: Reading) -> float:
    """Which part of the traffic failed."""
    if not reading.up:
        return 1.0
    return reading.error_rate if reading.requests else 0.0


def _total(parts: Iterable[Slice]) -> timedelta:
    return sum((part.span for part in parts), timedelta())
