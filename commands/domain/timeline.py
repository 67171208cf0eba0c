"""The timeline: an incident's events as sentences that a person reads."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict

from commands.cards import Code, Link, Part, Rich, When, Who, rich
from commands.domain import incident as happened
from commands.domain.event import ActionLeased, EvidenceKept
from commands.domain.incident import CaptureChanged, Captured, CaptureRemoved, IncidentEvent, Noted, NoteKind


class Entry(BaseModel):
    """One event with its place in the stream. `position` grows over all incidents."""

    model_config = ConfigDict(frozen=True)

    position: int
    at: AwareDatetime
    actor: str
    event: IncidentEvent


def told(entries: Iterable[Entry]) -> list[Entry]:
    """The events as the story is told: a captured message at its own time, as it reads now, if it still stands.

    A note that was written later stands where it says that it happened.

    All other events keep their order, whatever the clocks of two processes said.
    """
    messages: dict[str, Entry] = {}
    dated: list[Entry] = []
    others: list[tuple[AwareDatetime, Entry]] = []
    for entry in entries:
        match entry.event:
            case Captured() as message:
                messages[message.source] = entry.model_copy(update={"at": message.at})
            case CaptureChanged(source=source):
                messages |= {source: _reworded(messages[source], entry.event)} if source in messages else {}
            case CaptureRemoved(source=source):
                messages.pop(source, None)
            case Noted(happened_at=datetime() as then):
                dated.append(entry.model_copy(update={"at": then}))
            case _:
                others.append((max(entry.at, others[-1][0]) if others else entry.at, entry))
    timed = [*others, *((entry.at, entry) for entry in (*messages.values(), *dated))]
    return [entry for _, entry in sorted(timed, key=lambda pair: (pair[0], pair[1].position))]


def _reworded(entry: Entry, change: CaptureChanged) -> Entry:
    assert isinstance(entry.event, Captured)
    return entry.model_copy(
        update={"event": entry.event.model_copy(update={"text": change.text, "files": change.files})}
    )


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
        case happened.ActionDecided(summary=summary, decision="expired" | "undone" as decision):
            return (f"{'Undone' if decision == 'undone' else 'Not confirmed in time'}: {summary}",)
        case happened.ActionDecided(summary=summary, decision=decision):
            return (actor, f" {decision}: {summary}")
        case happened.ActionStarted(summary=summary):
            return (f"Started: {summary}",)
        case happened.ActionFinished(summary=summary, outcome=outcome, detail=detail):
            return (f"{outcome.capitalize()}: {summary}", _after(detail))
        case happened.Measured(text=text):
            return (f"Measured: {text}",)
        case _:
            return _around(event, actor)


def _around(event: IncidentEvent, actor: Who) -> tuple[Part, ...]:
    """What belongs to a mitigation, before it and after."""
    match event:
        case EvidenceKept(plan=plan, summary=summary, missing=missing):
            lacks = f", without {', '.join(missing).lower()}" if missing else ""
            return (f"Captured what was there{lacks}, before: {summary} (", Code(text=f"/gw evidence {plan}"), ")")
        case ActionLeased():
            return _leased(event, actor)
        case _:
            return _capture(event)


def _leased(event: ActionLeased, actor: Who) -> tuple[Part, ...]:
    match event.what:
        case "begun":
            return ("Temporary until ", When(at=event.until), f": {event.summary}")
        case "renewed":
            return (actor, " renewed until ", When(at=event.until), f": {event.summary}")
        case "ended early":
            return (actor, f" ended early: {event.summary}")
        case "made to stay":
            return (actor, f" made it stay: {event.summary}")
        case "kept":
            return (f"Not taken back at its end: {event.summary}", _after(event.why))
        case _:
            return (f"No longer temporary: {event.summary}", _after(event.why))


def _capture(event: IncidentEvent) -> tuple[Part, ...]:
    match event:
        case Captured() as message:
            return _message(message)
        case CaptureChanged(text=text):
            return (f"A captured message was edited: {text}",)
        case CaptureRemoved(how=how):
            return ("A captured message was deleted" if how == "deleted" else "A captured message was taken off",)
        case _:
            return (event.type,)


def _message(message: Captured) -> tuple[Part, ...]:
    """What somebody wrote in a conversation, and where to read it there."""
    author: Part = Who(person=message.author) if message.author else message.author_name or "Somebody"
    files = f" [{', '.join(message.files)}]" if message.files else ""
    link: tuple[Part, ...] = (" ", Link(url=message.permalink, text="message")) if message.permalink else ()
    return (author, f": {message.text}{files}", *link)


def _after(text: str) -> str:
    return f" ({text})" if text else ""
