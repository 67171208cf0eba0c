"""The postmortem draft: what really happened, from the events and the measurements (runbook 002, section 2.6).

`draft` computes and words nothing for a medium; the templates in `templates/postmortem/` render a `Report`.
What nobody noted stays empty here, and the template says so and how to fill it in: a guess in a
postmortem is worse than a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from commands.domain.alert import Heard
from commands.domain.drill import Drill, DrillReviewed
from commands.domain.incident import Incident, Linked, NoteKind, Status
from commands.domain.moments import KeyMoment
from commands.domain.plan import Plan
from commands.domain.severity import Scheme, Severity
from commands.domain.sli import Objectives, Reading
from commands.domain.timeline import Entry
from commands.domain.work import Outcome
from commands.impact import Budget, Impact, Slice, breach_before, budget_of, impact_of, slices_of
from commands.marked import Lesson, Task, lesson_of
from commands.moments import Evidence, KeyMoments, Span, key_moments
from commands.people import Directory
from commands.retelling import KeyLine, Mitigation, Moment, Remark, SeverityStep, Stint, Story


@dataclass(frozen=True)
class Response:
    """How fast people were. `detected_at` is the first bad reading of the breach that led to the declaration."""

    detected_at: datetime | None
    declared_at: datetime
    first_role_at: datetime | None
    resolved_at: datetime | None
    respond_within: timedelta

    @property
    def to_first_role(self) -> timedelta | None:
        """From the declaration until somebody held a role."""
        return self.first_role_at - self.declared_at if self.first_role_at else None


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
    budget: Budget | None
    response: Response
    moments: tuple[KeyLine, ...]
    spans: tuple[Span, ...]
    disorder: str
    charted: bool
    timeline: tuple[Moment, ...]
    causes: tuple[Remark, ...]
    ruled_out: tuple[Remark, ...]
    resolutions: tuple[Remark, ...]
    summary: Remark | None
    mitigations: tuple[Mitigation, ...]
    decisions: tuple[Remark, ...]
    actions: tuple[Task, ...]
    lessons: tuple[Lesson, ...]
    links: tuple[Linked, ...]
    drill: Drill | None = None
    review: DrillReviewed | None = None

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
    heard: Heard | None = None,
) -> Report:
    """What happened, from the record (runbook 002, section 2.6).

    Pass `readings` from some time before the declaration, so that the breach that led to it counts.

    Raises:
        ZoneInfoNotFoundError: `zone` is no time zone.
    """
    story = Story(incident, sorted(entries, key=lambda entry: entry.position), directory)
    measured = _measured(story, readings, objectives, now, heard)
    severities = story.severities(scheme)
    return Report(
        incident=incident.id,
        title=incident.title,
        service=incident.service,
        status=incident.status,
        zone=zone,
        drafted_at=now,
        declared_at=incident.declared_at,
        declared_by=_declared_by(story),
        resolved_at=incident.resolved_at,
        duration=incident.duration(now),
        severity=severities[-1],
        severities=severities,
        people=story.stints(),
        responders=tuple(story.name(person) for person in incident.responders),
        impact=measured.impact,
        impacts=story.notes(NoteKind.IMPACT),
        objectives=objectives,
        budget=None if incident.drill else budget_of(measured.impact, objectives),
        moments=story.key_lines(measured.moments),
        spans=measured.moments.spans,
        disorder=measured.moments.disorder,
        charted=measured.impact.readings > 1,
        response=_response(story, measured.breach, scheme.get(severities[0].level)),
        timeline=tuple(story.moments(ZoneInfo(zone))),
        causes=(*story.notes(NoteKind.CAUSE), *story.settled(Outcome.CONFIRMED)),
        ruled_out=story.settled(Outcome.RULED_OUT),
        resolutions=story.notes(NoteKind.RESOLUTION),
        summary=story.summary(),
        mitigations=tuple(story.mitigation(plan) for plan in plans),
        decisions=story.notes(NoteKind.DECISION),
        actions=story.action_items(directory),
        lessons=tuple(lesson_of(note.text) for note in story.notes(NoteKind.LESSON)),
        links=incident.links,
        drill=incident.drill,
        review=story.review(),
    )


def _declared_by(story: Story) -> str | None:
    incident = story.incident
    by_alerts = "Tocsin, because of alerts" if incident.source == "alerts" else None
    return story.name(incident.declared_by) if incident.source == "person" else by_alerts


@dataclass(frozen=True)
class _Measured:
    """What the readings tell."""

    breach: Slice | None
    moments: KeyMoments
    impact: Impact


def _measured(
    story: Story, readings: Sequence[Reading], objectives: Objectives, now: datetime, heard: Heard | None
) -> _Measured:
    incident = story.incident
    slices = slices_of(readings, until=incident.resolved_at or now)
    breach = breach_before(slices, incident.declared_at, objectives)
    moments = key_moments(Evidence(incident, story.entries, slices, breach, heard, objectives))
    since = moments.at(KeyMoment.BEGAN) or incident.declared_at
    until = moments.at(KeyMoment.RESOLVED) or now
    lasted = [one for one in slices if one.end <= until]
    return _Measured(breach, moments, impact_of(lasted, since=since, until=until, objectives=objectives))


def _response(story: Story, breach: Slice | None, declared: Severity) -> Response:
    return Response(
        detected_at=breach.end if breach else None,
        declared_at=story.incident.declared_at,
        first_role_at=story.first_role_at(),
        resolved_at=story.incident.resolved_at,
        respond_within=declared.respond_within,
    )
