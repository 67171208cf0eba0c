"""The timeline: an incident's events as sentences that a person reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict

from commands.cards import Part, Rich, Who, rich
from commands.domain import incident as happened
from commands.domain.incident import IncidentEvent, NoteKind


class Entry(BaseModel):
    """One event with its place in the stream. `position` grows over all incidents."""

    model_config = ConfigDict(frozen=True)

    position: int
    at: AwareDatetime
    actor: str
    event: IncidentEvent

    @property
    def told_at(self) -> datetime:
        """When it happened: for a note that was written later, what the note says."""
        noted = self.event.happened_at if isinstance(self.event, happened.Noted) else None
        return noted or self.at


def as_told(entries: Sequence[Entry]) -> list[Entry]:
    """In the order in which things happened."""
    return sorted(entries, key=lambda entry: entry.told_at)


def sentence(entry: Entry) -> Rich:
    """What happened, in one line."""
    return rich(*_parts(entry.event, Who(person=entry.actor)))


_NOTED = {
    NoteKind.CAUSE: "a cause",
    NoteKind.RESOLUTION: "a resolution",
    NoteKind.IMPACT: "the impact",
    NoteKind.DECISION: "a decision",
    NoteKind.ACTION: "an action item",
    NoteKind.LESSON: "a lesson",
}


def _parts(event: IncidentEvent, actor: Who) -> tuple[Part, ...]:  # noqa: C901 - one line an event
    match event:
        case happened.Declared(severity=severity, title=title, source="watch"):
            return (f"{severity} declared from measurements: {title}",)
        case happened.Declared(severity=severity, title=title):
            return (actor, f" declared {severity}: {title}")
        case happened.StatusChanged(before=before, after=after, note=note):
            moved = f" set the status to {after}" if before != after else f" posted an update ({after})"
            return (actor, moved, _after(note))
        case happened.SeverityChanged(before=before, after=level, reason=reason):
            return (actor, f" changed the severity from {before} to {level}", _after(reason))
        case happened.RoleAssigned(role=role, person=person, how="claimed"):
            return (Who(person=person), f" took the role of {role.title.lower()}")
        case happened.RoleAssigned(role=role, person=person, how="handover"):
            return (Who(person=person), f" took over as {role.title.lower()}")
        case happened.RoleAssigned(role=role, person=person):
            return (actor, " made ", Who(person=person), f" {role.title.lower()}")
        case happened.RoleReleased(role=role, person=person):
            return (Who(person=person), f" stepped down as {role.title.lower()}")
        case happened.Noted(text=text, marked=NoteKind.NOTE):
            return (actor, f": {text}")
        case happened.Noted(text=text, marked=marked):
            return (
                actor,
                f" noted {_NOTED[marked]}: {text}",
            )
        case happened.Linked(url=url, label=label):
            return (actor, f" added a link: {label or url}")
        case happened.Resolved(summary=summary):
            return (actor, " resolved the incident", _after(summary))
        case happened.Reopened(reason=reason):
            return (actor, " reopened the incident", _after(reason))
        case _:
            return _work(event, actor)


def _work(event: IncidentEvent, actor: Who) -> tuple[Part, ...]:
    match event:
        case happened.HandoverOffered(incoming=None):
            return (actor, " offered a handover to whoever can take it")
        case happened.HandoverOffered(incoming=str() as incoming):
            return (actor, " offered a handover to ", Who(person=incoming))
        case happened.HandoverAnswered(accepted=accepted, person=person):
            return (Who(person=person), " accepted the handover" if accepted else " declined the handover")
        case happened.ActionPlanned(summary=summary):
            return (actor, f" planned: {summary}")
        case happened.ActionDecided(summary=summary, decision="expired"):
            return (f"Not confirmed in time: {summary}",)
        case happened.ActionDecided(summary=summary, decision=decision):
            return (actor, f" {decision}: {summary}")
        case happened.ActionStarted(summary=summary):
            return (f"Started: {summary}",)
        case happened.ActionFinished(summary=summary, outcome=outcome, detail=detail):
            return (f"{outcome.capitalize()}: {summary}", _after(detail))
        case happened.Measured(text=text):
            return (f"Measured: {text}",)
        case _:
            return (event.type,)


def _after(text: str) -> str:
    return f" ({text})" if text else ""
