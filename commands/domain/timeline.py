"""The timeline: an incident's events as sentences that a person reads."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict

from commands.cards import Channel, Code, Link, Part, Rich, When, Who, rich
from commands.domain import incident as happened
from commands.domain import work
from commands.domain.drill import DrillReviewed, DrillStopped, FaultChanged
from commands.domain.event import (
    ActionDecided,
    ActionFinished,
    ActionLeased,
    ActionPlanned,
    ActionStarted,
    Alerted,
    CaptureChanged,
    Captured,
    CaptureRemoved,
    EvidenceKept,
    Paged,
    PublicTold,
    StakeholdersTold,
    TicketChanged,
)
from commands.domain.incident import IncidentEvent, Noted, NoteKind
from commands.domain.moments import MomentSet


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
        case happened.Declared(severity=severity, title=title, source="alerts"):
            return (f"{severity} declared from alerts: {title}",)
        case happened.Declared(severity=severity, title=title):
            return (actor, f" declared {severity}: {title}")
        case happened.StatusChanged(before=before, after=after, note=note):
            moved = f" set the status to {after}" if before != after else f" posted an update ({after})"
            return (actor, moved, _after(note))
        case happened.SeverityChanged(before=before, after=level, reason=reason):
            return (actor, f" changed the severity from {before} to {level}", _after(reason))
        case happened.RoleAssigned(role=role, person=person, how="claimed"):
            return (Who(person=person), f" took the role of {role.full_name.lower()}")
        case happened.RoleAssigned(role=role, person=person, how="handover"):
            return (Who(person=person), f" took over as {role.full_name.lower()}")
        case happened.RoleAssigned(role=role, person=person):
            return (actor, " made ", Who(person=person), f" {role.full_name.lower()}")
        case happened.RoleReleased(role=role, person=person):
            return (Who(person=person), f" stepped down as {role.full_name.lower()}")
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
        case happened.HandoverOffered(incoming=None, words=words):
            return (actor, " offered a handover to whoever can take it", _after(words))
        case happened.HandoverOffered(incoming=str() as incoming, words=words):
            return (actor, " offered a handover to ", Who(person=incoming), _after(words))
        case happened.HandoverAnswered(accepted=accepted, person=person):
            return (Who(person=person), " accepted the handover" if accepted else " declined the handover")
        case ActionPlanned(summary=summary):
            return (actor, f" planned: {summary}")
        case ActionDecided(summary=summary, decision="expired" | "undone" as decision):
            return (f"{'Undone' if decision == 'undone' else 'Not confirmed in time'}: {summary}",)
        case ActionDecided(summary=summary, decision=decision):
            return (actor, f" {decision}: {summary}")
        case ActionStarted(summary=summary):
            return (f"Started: {summary}",)
        case ActionFinished(summary=summary, outcome=outcome, detail=detail):
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
        case Alerted():
            return (_alerted(event),)
        case PublicTold(what="published", status=status, text=text, drill=drill):
            return (actor, f" {'would have told' if drill else 'told'} the public ({status}): {' '.join(text.split())}")
        case PublicTold(what="corrected", text=text):
            return (actor, f" corrected what the public reads: {' '.join(text.split())}")
        case PublicTold(why=why):
            return (actor, " took back an update from the public", _after(why))
        case Paged():
            return _paged(event, actor)
        case StakeholdersTold(places=places, text=text, drill=drill):
            would = "would have told" if drill else "told"
            return (actor, f" {would} {', '.join(places)}", f": {' '.join(text.split())}" if text else " how it stands")
        case TicketChanged(system=system, ticket=ticket, what=what, by=by):
            return (f"{system} {ticket}: {what}", f" (by {by})" if by else "")
        case _:
            return _worked(event, actor)


def _paged(event: Paged, actor: Who) -> tuple[Part, ...]:
    people = tuple(part for person in event.people for part in (", ", Who(person=person)))[1:]
    whom = (*people, f" ({event.title})") if people else (event.title,)
    match event.what:
        case "called":
            return (actor, " would have paged " if event.drill else " paged ", *whom, f": {event.why}")
        case "called next":
            return ("No answer: next would be " if event.drill else "No answer: paged ", *whom)
        case "answered":
            return (event.name or actor, " answered the page", _after(event.why))
        case "unanswered":
            return ("Nobody answered the page", _after(event.why))


def _alerted(event: Alerted) -> str:
    many = event.alerts > 1
    if not event.firing:
        return f"All {event.alerts:,} alerts are resolved" if many else f"The alert is resolved: {event.what}"
    some = f"{event.alerts:,} alerts, {event.firing:,} of them firing"
    counted = (some if event.firing < event.alerts else f"{event.alerts:,} alerts firing") if many else "Alert"
    return f"{counted}: {event.what}" if event.what else counted


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


def _worked(event: IncidentEvent, actor: Who) -> tuple[Part, ...]:
    match event:
        case FaultChanged() | DrillStopped() | DrillReviewed():
            return (event.words,)
        case work.TaskAdded(task=number, text=text, person=str() as person):
            return (actor, f" added {number} for ", Who(person=person), f": {text}")
        case work.TaskAdded(task=number, text=text):
            return (actor, f" added {number}: {text}")
        case work.TaskAssigned(task=number, text=text, person=person) if person == actor.person:
            return (actor, f" took {number}: {text}")
        case work.TaskAssigned(task=number, text=text, person=person):
            return (actor, f" gave {number} to ", Who(person=person), f": {text}")
        case work.TaskDone(task=number, text=text):
            return (actor, f" did {number}: {text}")
        case work.HypothesisPut(hypothesis=number, text=text):
            return (actor, f" suspects, {number}: {text}")
        case work.HypothesisSettled(hypothesis=number, text=text, outcome=work.Outcome.OPEN, why=why):
            return (actor, f" opened {number} again: {text}", _after(why))
        case work.HypothesisSettled(hypothesis=number, text=text, outcome=outcome, why=why):
            said = "ruled out" if outcome is work.Outcome.RULED_OUT else "confirmed"
            return (actor, f" {said} {number}: {text}", _after(why))
        case _:
            return _beside(event, actor)


def _beside(event: IncidentEvent, actor: Who) -> tuple[Part, ...]:
    """What it has to do with other incidents, and its checklist."""
    match event:
        case work.Related(channel=channel, merged=True):
            return (actor, " merged a duplicate into this: ", Channel(name=channel))
        case work.Related(channel=channel):
            return (actor, " related this to ", Channel(name=channel))
        case work.MeetingSet(cancelled=True):
            return (actor, " cancelled the review of the postmortem")
        case work.MeetingSet(at=at):
            return (actor, " planned the review of the postmortem for ", When(at=at, style="full"))
        case work.ItemTicked(text=text):
            return (actor, f" ticked off: {text}")
        case MomentSet(moment=moment, at=datetime() as at):
            return (actor, f" set when {moment.words}: ", When(at=at, style="full"))
        case MomentSet(moment=moment):
            return (actor, f" left it to the record when {moment.words}")
        case happened.Merged(channel=channel):
            return (actor, " closed this as a duplicate of ", Channel(name=channel))
        case _:
            return _capture(event)


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
