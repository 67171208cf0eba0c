"""`/postmortem meeting`: when the review is, for everybody's calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from commands.cards import Card, Code, Document, Link, Rich, Tone, When, Who, card, fact, rich
from commands.context import Call
from commands.domain.incident import Incident
from commands.domain.work import Meeting, MeetingSet
from commands.drafting import order_draft
from commands.errors import Conflict, Malformed
from commands.grammar.arguments import Flag, Rest
from commands.handlers.common import at_hand
from commands.meeting import wanted
from commands.people import Person
from commands.ports import Transaction
from commands.presentation.calendar import ics
from commands.presentation.incident import headline
from commands.presentation.words import lasting
from commands.registry import Command, Reply, Where

_USUAL = 30
_EXAMPLE = "/postmortem meeting tomorrow 15:00 45m @ana @ben"


@dataclass(frozen=True)
class MeetingArgs:
    """Arguments of `/postmortem meeting`."""

    when: Annotated[str, Rest("a day, a time, how long, and who comes")] = ""
    cancel: Annotated[bool, Flag("--cancel", "it does not take place")] = False


def meeting(args: MeetingArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Plan it, move it, or cancel it; without arguments: when it is."""
    incident = at_hand(call, tx)
    if args.cancel:
        return _cancel(incident, call, tx)
    if not args.when.strip():
        shown = _shown(incident, _planned(incident), call)
        return Reply(shown.model_copy(update={"document": None}), private=True)
    found = wanted(
        args.when,
        now=tx.now,
        zone=call.person.timezone,
        find=lambda word: call.services.directory.find(word, call.platform),
    )
    for person in found.people:
        _check_reads(person, incident, tx)
    before = incident.work.meeting
    length = found.length or timedelta(minutes=before.minutes if before else _USUAL)
    minutes = int(length.total_seconds() // 60)
    people = tuple(one.id for one in found.people) or (before.people if before else ())
    return _set(incident, MeetingSet(at=found.at, minutes=minutes, people=people), call, tx)


def _planned(incident: Incident) -> Meeting:
    planned = incident.work.meeting
    if planned is None or planned.cancelled:
        raise Malformed("No review is planned.", example=_EXAMPLE)
    return planned


def _check_reads(person: Person, incident: Incident, tx: Transaction) -> None:
    if not tx.messages.may_read(incident.channel, person.id):
        raise Conflict(f"{person.name} does not read this channel.", hint="Invite them first, or name somebody else.")


def _cancel(incident: Incident, call: Call, tx: Transaction) -> Reply:
    planned = _planned(incident)
    event = MeetingSet(at=planned.at, minutes=planned.minutes, people=planned.people, cancelled=True)
    return _set(incident, event, call, tx)


def _set(incident: Incident, event: MeetingSet, call: Call, tx: Transaction) -> Reply:
    before = incident.work.meeting
    changed = tx.incidents.record(incident.id, event, actor=call.person.id)
    planned = changed.work.meeting
    assert planned is not None
    if changed.resolved_at:
        order_draft(changed, tx)
    if before:
        tx.messages.edit(_key(incident, before), _stale(incident, before))
    return Reply(_shown(changed, planned, call), key=_key(changed, planned))


def _key(incident: Incident, planned: Meeting) -> str:
    return f"{incident.id}:review:{planned.sequence}"


def _stale(incident: Incident, before: Meeting) -> Card:
    return card(f"Review of {headline(incident)}", rich("Not at ", When(at=before.at, style="full"), " any more."))


def _shown(incident: Incident, planned: Meeting, call: Call) -> Card:
    """With the file: where cards have none, the link gives it."""
    text = ics(incident, planned, call.services.directory, call.services.pages_at)
    file = Link(url=f"/postmortems/{incident.id}/review.ics", text="calendar file")
    name = f"review-{incident.id}-{planned.sequence}.ics"
    document = Document(incident=incident.id, name=name, title="The review, for your calendar", content=text)
    if planned.cancelled:
        said = rich("It does not take place. For your calendar: ", file)
        shown = card(f"Review cancelled: {headline(incident)}", said, tone=Tone.WARNING)
    else:
        move = rich("To move it: ", Code(text="/postmortem meeting friday 10:00"), ". To cancel it: ")
        how: Rich = (*move, Code(text="/postmortem meeting --cancel"))
        shown = card(f"Review of {headline(incident)}", rich("Put it into your calendar: ", file), how, tone=Tone.INFO)
    people = [span for one in planned.people for span in rich(Who(person=one), " ")]
    facts = (
        fact("When", When(at=planned.at, style="full")),
        fact("Lasts", lasting(planned.until - planned.at)),
        *((fact("Who", *people[:-1]),) if planned.people else ()),
    )
    return shown.model_copy(update={"facts": facts, "document": document})


COMMANDS = (
    Command(
        path=("postmortem", "meeting"),
        args=MeetingArgs,
        summary="Plan, move or cancel the review of the postmortem, with a file for calendars.",
        example=_EXAMPLE,
        decide=meeting,
        where=Where.INCIDENT,
    ),
)
