"""The postmortem draft: what really happened, from the events and the measurements (runbook 002, section 2.6).

`draft` computes and words nothing for a medium; the templates in `templates/postmortem/` render a `Report`.
What nobody noted stays empty here, and the template says so and how to fill it in: a guess in a
postmortem is worse than a gap.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from commands.cards import Link, Who, plain
from commands.domain.incident import (
    Captured,
    Incident,
    Linked,
    Noted,
    NoteKind,
    Resolved,
    Role,
    RoleAssigned,
    RoleReleased,
    SeverityChanged,
    Status,
)
from commands.domain.plan import Plan, PlanState
from commands.domain.severity import Scheme, Severity
from commands.domain.sli import Objectives, Reading
from commands.domain.timeline import Entry, sentence, told
from commands.errors import NotFound
from commands.impact import Impact, Slice, breach_before, impact_of, slices_of
from commands.people import Directory

#: A note longer than this is cut in the timeline, where it would bury the rest. Marked notes stay whole.
LONGEST_LINE = 2000


@dataclass(frozen=True)
class Moment:
    """A line of the timeline. `heading` is set where the date, or the zone's offset, changes; `link` leads to it."""

    at: datetime
    heading: str
    clock: str
    text: str
    link: str = ""


@dataclass(frozen=True)
class Remark:
    """What somebody noted."""

    text: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Lesson:
    """A lesson; `went_well` where its note began with "went well:"."""

    text: str
    went_well: bool


@dataclass(frozen=True)
class SeverityStep:
    """A severity and since when; the first is the declared one."""

    at: datetime
    level: str
    name: str
    reason: str


@dataclass(frozen=True)
class Stint:
    """Who held a role from when to when; `until` None: to the end."""

    role: str
    person: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class Mitigation:
    """One plan and what came of it. `after` is empty where the change was not made."""

    at: datetime
    summary: str
    requested_by: str
    confirmed_by: str | None
    outcome: str
    detail: str
    before: str
    after: str


@dataclass(frozen=True)
class Task:
    """An action item; `assignee` and `due` None where the note named none."""

    text: str
    assignee: str | None
    due: date | None


@dataclass(frozen=True)
class Response:
    """How fast people were. `detected_at` is the first bad reading of the breach that led to the declaration."""

    detected_at: datetime | None
    declared_at: datetime
    first_role_at: datetime | None
    resolved_at: datetime | None
    respond_within: timedelta

    @property
    def to_declare(self) -> timedelta | None:
        """From the first bad reading to the declaration."""
        return self.declared_at - self.detected_at if self.detected_at else None

    @property
    def to_first_role(self) -> timedelta | None:
        """From the declaration until somebody held a role."""
        return self.first_role_at - self.declared_at if self.first_role_at else None

    @property
    def to_resolve(self) -> timedelta | None:
        """From the declaration to the (last) resolution."""
        return self.resolved_at - self.declared_at if self.resolved_at else None


@dataclass(frozen=True)
class Report:
    """Everything that a postmortem template shows. Times are aware; `zone` is the one to show them in."""

    incident: str
    title: str
    service: str
    status: Status
    zone: str
    drafted_at: datetime
    declared_at: datetime
    declared_by: str | None
    resolved_at: datetime | None
    duration: timedelta
    severity: SeverityStep
    severities: tuple[SeverityStep, ...]
    people: tuple[Stint, ...]
    responders: tuple[str, ...]
    impact: Impact
    impacts: tuple[Remark, ...]
    objectives: Objectives
    response: Response
    timeline: tuple[Moment, ...]
    causes: tuple[Remark, ...]
    resolutions: tuple[Remark, ...]
    summary: Remark | None
    mitigations: tuple[Mitigation, ...]
    decisions: tuple[Remark, ...]
    actions: tuple[Task, ...]
    lessons: tuple[Lesson, ...]
    links: tuple[Linked, ...]

    @property
    def spans_days(self) -> bool:
        """Whether a time of day alone would leave open of which day it is."""
        return sum(1 for moment in self.timeline if moment.heading) > 1


def draft(  # noqa: PLR0913 - a postmortem draws on everything that was recorded
    *,
    incident: Incident,
    entries: Sequence[Entry],
    plans: Sequence[Plan],
    readings: Sequence[Reading],
    objectives: Objectives,
    scheme: Scheme,
    directory: Directory,
    zone: str,
    now: datetime,
) -> Report:
    """What happened, from the record (runbook 002, section 2.6).

    Pass `readings` from some time before the declaration, so that the breach that led to it counts.

    Raises:
        ZoneInfoNotFoundError: `zone` is no time zone.
    """
    story = _Story(incident, sorted(entries, key=lambda entry: entry.position), directory)
    slices = slices_of(readings, until=incident.resolved_at or now)
    breach = breach_before(slices, incident.declared_at, objectives)
    severities = story.severities(scheme)
    return Report(
        incident=incident.id,
        title=incident.title,
        service=incident.service,
        status=incident.status,
        zone=zone,
        drafted_at=now,
        declared_at=incident.declared_at,
        declared_by=None if incident.source == "watch" else story.name(incident.declared_by),
        resolved_at=incident.resolved_at,
        duration=incident.duration(now),
        severity=severities[-1],
        severities=severities,
        people=story.stints(),
        responders=tuple(story.name(person) for person in incident.responders),
        impact=_impact(slices, breach, incident, objectives, now),
        impacts=story.notes(NoteKind.IMPACT),
        objectives=objectives,
        response=_response(story, breach, incident, scheme.get(severities[0].level)),
        timeline=tuple(story.moments(ZoneInfo(zone))),
        causes=story.notes(NoteKind.CAUSE),
        resolutions=story.notes(NoteKind.RESOLUTION),
        summary=story.summary(),
        mitigations=tuple(story.mitigation(plan) for plan in plans),
        decisions=story.notes(NoteKind.DECISION),
        actions=tuple(_task(note.text, directory) for note in story.notes(NoteKind.ACTION)),
        lessons=tuple(_lesson(note.text) for note in story.notes(NoteKind.LESSON)),
        links=incident.links,
    )


def _impact(
    slices: list[Slice], breach: Slice | None, incident: Incident, objectives: Objectives, now: datetime
) -> Impact:
    """From the breach that led to the declaration to the resolution."""
    since, until = breach.begin if breach else incident.declared_at, incident.resolved_at or now
    return impact_of(slices, since=since, until=until, objectives=objectives)


def _response(story: _Story, breach: Slice | None, incident: Incident, declared: Severity) -> Response:
    return Response(
        detected_at=breach.end if breach else None,
        declared_at=incident.declared_at,
        first_role_at=story.first_role_at(),
        resolved_at=incident.resolved_at,
        respond_within=declared.respond_within,
    )


class _Story:
    """The events of one incident, read for one question at a time."""

    def __init__(self, incident: Incident, entries: Sequence[Entry], directory: Directory) -> None:
        self._incident = incident
        self._entries = entries
        self._names = directory.names()

    def name(self, person: str) -> str:
        return self._names.get(person, person)

    def notes(self, kind: NoteKind) -> tuple[Remark, ...]:
        return tuple(
            Remark(text=entry.event.text, by=self.name(entry.actor), at=entry.event.happened_at or entry.at)
            for entry in self._entries
            if isinstance(entry.event, Noted) and entry.event.marked is kind
        )

    def summary(self) -> Remark | None:
        """Only the last resolution's words: an incident that was reopened had not been fixed before."""
        for entry in reversed(self._entries):
            if isinstance(entry.event, Resolved):
                said = Remark(text=entry.event.summary, by=self.name(entry.actor), at=entry.at)
                return said if said.text else None
        return None

    def severities(self, scheme: Scheme) -> tuple[SeverityStep, ...]:
        changes = [(e.at, e.event) for e in self._entries if isinstance(e.event, SeverityChanged)]
        declared = changes[0][1].before if changes else self._incident.severity
        steps = [(self._incident.declared_at, declared, "")]
        steps += [(at, event.after, event.reason) for at, event in changes]
        return tuple(
            SeverityStep(at=at, level=level, name=scheme.get(level).name, reason=reason) for at, level, reason in steps
        )

    def first_role_at(self) -> datetime | None:
        return next((entry.at for entry in self._entries if isinstance(entry.event, RoleAssigned)), None)

    def stints(self) -> tuple[Stint, ...]:
        """Every holder of every role, role by role, in the order in which they held it."""
        return tuple(stint for role in Role for stint in self._stints_of(role))

    def _stints_of(self, role: Role) -> Iterator[Stint]:
        holder: tuple[str, datetime] | None = None
        for entry in self._entries:
            event = entry.event
            if not isinstance(event, RoleAssigned | RoleReleased) or event.role is not role:
                continue
            if holder:
                yield self._stint(role, *holder, until=entry.at)
            holder = (event.person, entry.at) if isinstance(event, RoleAssigned) else None
        if holder:
            yield self._stint(role, *holder, until=None)

    def _stint(self, role: Role, person: str, since: datetime, *, until: datetime | None) -> Stint:
        return Stint(role=role.title, person=self.name(person), since=since, until=until)

    def moments(self, zone: ZoneInfo) -> Iterator[Moment]:
        last: datetime | None = None
        for entry in told(self._entries):
            local = entry.at.astimezone(zone)
            link = entry.event.permalink if isinstance(entry.event, Captured) else ""
            clock = f"{local:%H:%M}"
            yield Moment(at=entry.at, heading=_heading(local, last), clock=clock, text=self._line(entry), link=link)
            last = local

    def _line(self, entry: Entry) -> str:
        spans = [span for span in sentence(entry) if not isinstance(span, Link)]
        words = "".join(self.name(span.person) if isinstance(span, Who) else plain((span,)) for span in spans).strip()
        if len(words) <= LONGEST_LINE:
            return words
        return f"{words[:LONGEST_LINE]}… (cut here; it has {len(words):,} characters)"

    def mitigation(self, plan: Plan) -> Mitigation:
        made = plan.in_force or plan.state is PlanState.UNDONE
        before = [_words(plan.before), plan.baseline.words() if plan.baseline else ""]
        return Mitigation(
            at=plan.created_at,
            summary=plan.summary,
            requested_by=self.name(plan.requester),
            confirmed_by=self.name(plan.approver) if plan.approver else None,
            outcome=plan.outcome,
            detail=plan.result,
            before="; ".join(part for part in before if part),
            after=_words(plan.after) if made else "",
        )


def _heading(local: datetime, last: datetime | None) -> str:
    """The date where it changes. A change of clocks is said too, or an hour would seem to come twice."""
    day = f"{local:%Y-%m-%d}"
    if last and last.utcoffset() != local.utcoffset():
        offset = f"{local:%z}"
        return f"{day} (clocks are now at UTC{offset[:3]}:{offset[3:5]})"
    return day if last is None or last.date() != local.date() else ""


def _words(state: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in state.items())


# ---------------------------------------------------------------- notes that carry more than text

_MENTION = re.compile(r"(?:^|(?<=[\s(,]))<?@(?P<name>[\w.-]*\w)>?")
_LEADING = re.compile(r"^<?@[\w.-]*\w>?[\s:,-]*")
_DUE = re.compile(r"[\s(,]*\b(?:due\s+by|due|by)\s+(?P<date>\d{4}-\d{2}-\d{2})\b\)?", re.IGNORECASE)
_WENT_WELL = re.compile(r"^\s*(?:what\s+)?(?:went\s+)?well\s*:\s*", re.IGNORECASE)


def _task(text: str, directory: Directory) -> Task:
    """`@ana add an alert by 2026-03-01`, the mention anywhere, the date optional."""
    mention, due = _MENTION.search(text), _due(text)
    without = _DUE.sub("", text, count=1) if due else text
    short = _LEADING.sub("", without.strip()).strip()
    return Task(text=short or text, assignee=_assignee(mention["name"], directory) if mention else None, due=due)


def _due(text: str) -> date | None:
    found = _DUE.search(text)
    try:
        return date.fromisoformat(found["date"]) if found else None
    except ValueError:
        return None


def _assignee(name: str, directory: Directory) -> str:
    """Somebody whom Tocsin does not know stays as they were written: the item is still theirs."""
    try:
        return directory.find(name).name
    except NotFound:
        return name


def _lesson(text: str) -> Lesson:
    short, found = _WENT_WELL.subn("", text)
    return Lesson(text=short, went_well=found > 0)
