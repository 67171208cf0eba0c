"""What happened in a span of time, from the record: incidents, response times, objectives, what came back, toil.

Private incidents, and those of other workspaces, are counted and not named: a report is read by everybody.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median, quantiles

from commands.context import HOME, Services
from commands.domain.incident import Incident
from commands.domain.period import ReportKind
from commands.drafting import findings
from commands.impact import impact_of, slices_of
from commands.moments import Span
from commands.ports import Transaction

WORKFLOW = "make-report"
#: What is known of every incident that is over, whether or not anything was measured.
OPEN, _OPEN_NAME = "Open", "from declared to resolved"
#: More incidents than this in one span are counted, and only the newest looked into.
MOST = 200
#: So many readings of a span are looked at, evenly spread.
_READINGS = 3000
_TENTHS = 10


@dataclass(frozen=True)
class Past:
    """An incident, how fast it was answered, and its causes."""

    incident: Incident
    spans: tuple[Span, ...]
    causes: tuple[str, ...]

    def took(self, short: str) -> timedelta | None:
        """`TTD` and so on, or `Open`; None where that is not known."""
        if short == OPEN:
            ended = self.incident.resolved_at
            return ended - self.incident.declared_at if ended else None
        return next((one.took for one in self.spans if one.short == short), None)


@dataclass(frozen=True)
class Times:
    """How long a step took over some incidents: the median, what nine of ten stayed within, and the longest."""

    short: str
    name: str
    count: int
    median: timedelta
    within: timedelta
    longest: timedelta


@dataclass(frozen=True)
class Reached:
    """The objective of a service, and what was measured: ratios. `spent`: of the error budget of that span.

    `looked_at` of `readings` were added up, evenly spread over the span.
    """

    objective: float
    availability: float
    spent: float
    looked_at: int
    readings: int


@dataclass(frozen=True)
class PeriodReport:
    """All of it. `levels`: the scheme's, with how many incidents each; `hidden`: private ones."""

    kind: ReportKind
    service: str
    since: datetime
    until: datetime
    zone: str
    past: tuple[Past, ...]
    hidden: int
    unseen: int
    levels: tuple[tuple[str, int], ...]
    times: tuple[Times, ...]
    by_level: tuple[tuple[str, Times], ...]
    reached: Reached | None
    causes: tuple[tuple[str, int], ...]
    services: tuple[tuple[str, int], ...]
    changes: tuple[tuple[str, int], ...]
    tasks: int

    @property
    def still_open(self) -> int:
        """How many of them are not over."""
        return sum(one.incident.status.is_open for one in self.past)


#: Which incidents are named; others are counted.
Sees = Callable[[Incident], bool]


def of_channel(channel: str) -> Sees:
    """What everybody may know who reads a channel: of a workspace its own incidents and those at home, at home all."""
    platform = channel.partition("@")[2] or HOME
    return lambda incident: not incident.private and (platform == HOME or incident.platform in {platform, HOME})


def of_reader(person: str, tx: Transaction) -> Sees:
    """What one person may read and everybody may hear."""
    return lambda incident: not incident.private and tx.messages.may_read(incident.channel, person)


def period_report(
    kind: ReportKind, since: datetime, until: datetime, services: Services, tx: Transaction, sees: Sees
) -> PeriodReport:
    """The same from the same record. Drills count for nothing."""
    declared = tx.incidents.declared_between(since, until)
    found = [one for one in declared if one.drill is None]
    named = [one for one in found if sees(one)]
    past = tuple(_past(one, services, tx) for one in named[:MOST])
    return PeriodReport(
        kind=kind,
        service=services.default_service,
        since=since,
        until=until,
        zone=services.zone,
        past=past,
        hidden=len(found) - len(named),
        unseen=len(named) - len(past),
        levels=_levels(found, services),
        times=tuple(_all_times(past)),
        by_level=tuple(_by_level(past, services)),
        reached=_reached(since, until, services, tx),
        causes=_again(cause for one in past for cause in one.causes),
        services=tuple(Counter(one.incident.service for one in past).most_common(5)),
        changes=_changes(since, until, {one.id for one in declared if one.drill}, tx),
        tasks=sum(task.done_at is None for one in named for task in one.work.tasks),
    )


def _past(incident: Incident, services: Services, tx: Transaction) -> Past:
    report = findings(incident, services, tx).report
    return Past(incident, report.spans, tuple(_plain(note.text) for note in report.causes))


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip(" .").casefold()


def _levels(found: Sequence[Incident], services: Services) -> tuple[tuple[str, int], ...]:
    counted = Counter(one.severity for one in found)
    known = [level.id for level in services.scheme.levels]
    return tuple((level, counted[level]) for level in (*known, *sorted(set(counted) - set(known))) if counted[level])


def _all_times(past: Sequence[Past]) -> Iterable[Times]:
    names = {span.short: span.name for one in past[:1] for span in one.spans} | {OPEN: _OPEN_NAME}
    for short, name in names.items():
        times = _times(short, name, past)
        if times:
            yield times


def _by_level(past: Sequence[Past], services: Services) -> Iterable[tuple[str, Times]]:
    """How long those of each severity were open."""
    for level in services.scheme.levels:
        times = _times(OPEN, _OPEN_NAME, [one for one in past if one.incident.severity == level.id])
        if times:
            yield level.id, times


def _times(short: str, name: str, past: Sequence[Past]) -> Times | None:
    known = [took for one in past if (took := one.took(short)) is not None]
    if not known:
        return None
    seconds = [took.total_seconds() for took in known]
    within = quantiles(seconds, n=_TENTHS, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]
    middle, most = timedelta(seconds=median(seconds)), timedelta(seconds=within)
    return Times(short, name, len(known), middle, most, max(known))


def _reached(since: datetime, until: datetime, services: Services, tx: Transaction) -> Reached | None:
    readings, all_of_them = tx.samples.spread(services.default_service, since, until, most=_READINGS)
    slices = slices_of([one for one in readings if not one.drill], until=until)
    impact = impact_of(slices, since=since, until=until, objectives=services.objectives)
    if not impact.covered:
        return None
    failing = impact.lost / impact.covered
    objective = services.objectives.availability
    return Reached(objective, 1 - failing, failing / (1 - objective), len(readings), all_of_them)


def _again(causes: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """What was the cause more than once."""
    return tuple((cause, times) for cause, times in Counter(causes).most_common(5) if times > 1)


def _changes(since: datetime, until: datetime, drills: set[str], tx: Transaction) -> tuple[tuple[str, int], ...]:
    """What was done by hand, by its name: what comes back often could be done by itself (toil)."""
    plans = tx.plans.recent(target=None, limit=1000)
    real = [one for one in plans if one.incident not in drills]
    made = [one.action for one in real if since <= one.created_at < until and one.took_effect]
    return tuple(Counter(made).most_common(5))
