"""An incident's events, retold: the records that a postmortem is made of.

`Story` answers one question at a time, and words nothing for a medium.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from commands.cards import Link, Who, plain
from commands.domain import work
from commands.domain.drill import DrillReviewed
from commands.domain.event import Captured
from commands.domain.incident import (
    Incident,
    Noted,
    NoteKind,
    Resolved,
    Role,
    RoleAssigned,
    RoleReleased,
    SeverityChanged,
)
from commands.domain.moments import KeyMoment
from commands.domain.plan import Plan, PlanState
from commands.domain.severity import Scheme
from commands.domain.timeline import Entry, sentence, told
from commands.domain.work import Outcome
from commands.marked import Task, task_of
from commands.moments import KeyMoments, Stood
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
class KeyLine:
    """A key moment as a report tells it; `at` None: not known."""

    name: str
    means: str
    at: datetime | None
    how: str


class Story:
    """The events of one incident, read for one question at a time."""

    def __init__(self, incident: Incident, entries: Sequence[Entry], directory: Directory) -> None:
        self.incident = incident
        self.entries = entries
        self._names = directory.names()

    def name(self, person: str) -> str:
        return self._names.get(person, person)

    def notes(self, kind: NoteKind) -> tuple[Remark, ...]:
        return tuple(
            Remark(text=entry.event.text, by=self.name(entry.actor), at=entry.event.happened_at or entry.at)
            for entry in self.entries
            if isinstance(entry.event, Noted) and entry.event.marked is kind
        )

    def settled(self, outcome: Outcome) -> tuple[Remark, ...]:
        """The hypotheses that were confirmed, or ruled out, and by whom."""
        return tuple(
            Remark(
                text=f"{one.text} ({one.why})" if one.why else one.text, by=self.name(one.settled_by), at=one.settled_at
            )
            for one in self.incident.work.of(outcome)
            if one.settled_by and one.settled_at
        )

    def action_items(self, directory: Directory) -> tuple[Task, ...]:
        """What was noted to be done and is no task yet; then the tasks, save those that were done while it lasted."""
        tasks, end = self.incident.work.tasks, self.incident.resolved_at
        noted = (task_of(note.text, directory) for note in self.notes(NoteKind.ACTION))
        taken = {task.text.casefold() for task in tasks}
        left = (task for task in tasks if task.done_at is None or (end and task.done_at > end))
        return (*(one for one in noted if one.text.casefold() not in taken), *map(self._action_item, left))

    def _action_item(self, task: work.Task) -> Task:
        return Task(
            text=task.text,
            assignee=self.name(task.person) if task.person else None,
            due=task.due_at.date() if task.due_at else None,
            done=task.done_at is not None,
        )

    def key_lines(self, moments: KeyMoments) -> tuple[KeyLine, ...]:
        """All five, in their order."""
        return tuple(self._key_line(moment, moments.known.get(moment)) for moment in KeyMoment)

    def _key_line(self, moment: KeyMoment, stood: Stood | None) -> KeyLine:
        how = stood.how + (f" by {self.name(stood.by)}" if stood.by else "") if stood else ""
        return KeyLine(moment.value.capitalize(), moment.means, stood.at if stood else None, how)

    def summary(self) -> Remark | None:
        """Only the last resolution's words: an incident that was reopened had not been fixed before."""
        for entry in reversed(self.entries):
            if isinstance(entry.event, Resolved):
                said = Remark(text=entry.event.summary, by=self.name(entry.actor), at=entry.at)
                return said if said.text else None
        return None

    def review(self) -> DrillReviewed | None:
        """The newest, of a drill."""
        return next((one.event for one in reversed(self.entries) if isinstance(one.event, DrillReviewed)), None)

    def severities(self, scheme: Scheme) -> tuple[SeverityStep, ...]:
        changes = [(e.at, e.event) for e in self.entries if isinstance(e.event, SeverityChanged)]
        declared = changes[0][1].before if changes else self.incident.severity
        steps = [(self.incident.declared_at, declared, "")]
        steps += [(at, event.after, event.reason) for at, event in changes]
        return tuple(
            SeverityStep(at=at, level=level, name=scheme.get(level).name, reason=reason) for at, level, reason in steps
        )

    def first_role_at(self) -> datetime | None:
        return next((entry.at for entry in self.entries if isinstance(entry.event, RoleAssigned)), None)

    def stints(self) -> tuple[Stint, ...]:
        """Every holder of every role, role by role, in the order in which they held it."""
        return tuple(stint for role in Role for stint in self._stints_of(role))

    def _stints_of(self, role: Role) -> Iterator[Stint]:
        holder: tuple[str, datetime] | None = None
        for entry in self.entries:
            event = entry.event
            if not isinstance(event, RoleAssigned | RoleReleased) or event.role is not role:
                continue
            if holder:
                yield self._stint(role, *holder, until=entry.at)
            holder = (event.person, entry.at) if isinstance(event, RoleAssigned) else None
        if holder:
            yield self._stint(role, *holder, until=None)

    def _stint(self, role: Role, person: str, since: datetime, *, until: datetime | None) -> Stint:
        return Stint(role=role.full_name, person=self.name(person), since=since, until=until)

    def moments(self, zone: ZoneInfo) -> Iterator[Moment]:
        last: datetime | None = None
        for entry in told(self.entries):
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
