"""`/reminders`, `/remind` and the buttons of reminders: what is due, and who is asked for it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from commands.cards import Code, Rich, Table, When, Who, card, rich
from commands.context import Call
from commands.domain.incident import Incident, Status, StatusChanged
from commands.domain.reminder import Ask, AskState
from commands.errors import Conflict, Malformed, NotAllowed, NotFound
from commands.grammar.arguments import Rest, Word
from commands.handlers.common import Nothing, over
from commands.people import Person
from commands.ports import Transaction
from commands.presentation.public import offer_public_text
from commands.presentation.reminder import title_of
from commands.presentation.words import cut, lasting
from commands.redaction import redact
from commands.registry import READERS, RESPONDERS, ActionClass, Click, Command, Reply
from commands.reminding import ASK_SNOOZE, called, end_ask, snooze, snooze_ask, standing

_LONGEST, _MOST_TEXT = timedelta(days=30), 500


@dataclass(frozen=True)
class RemindArgs:
    """Arguments of `/remind`."""

    person: Annotated[Person, Word("who is reminded, e.g. @ana")]
    wait: Annotated[timedelta, Word("in how long, e.g. 10m", lead="in")]
    text: Annotated[str, Rest("of what")]


@dataclass(frozen=True)
class AskArgs:
    """Arguments of `/remind cancel`."""

    reminder: Annotated[str, Word("a reminder's id")]


def remind(args: RemindArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """They are reminded in this channel."""
    if not timedelta() < args.wait <= _LONGEST:
        raise Malformed(
            f"A reminder waits for at most {lasting(_LONGEST)}.", example="/remind @ana 10m back with the logs"
        )
    if len(args.text) > _MOST_TEXT:
        raise Malformed(f"That has {len(args.text)} characters; at most {_MOST_TEXT} fit.")
    if not tx.messages.may_read(call.channel, args.person.id):
        raise Conflict(f"{args.person.name} does not read this channel.", hint="Ask where they do.")
    ask = Ask(
        id=f"ask-{hashlib.sha256(call.delivery.encode()).hexdigest()[:12]}",
        channel=call.channel,
        person=args.person.id,
        asked_by=call.person.id,
        text=redact(args.text),
        due_at=tx.now + args.wait,
    )
    tx.reminders.ask(ask)
    words = rich(Who(person=ask.person), " is reminded at ", When(at=ask.due_at), f", in {lasting(args.wait)}.")
    shown = card(f"Reminder: {cut(ask.text, 200)}", words)
    return Reply(shown.model_copy(update={"footer": rich("To drop it: ", Code(text=f"/remind cancel {ask.id}"))}))


def cancel(args: AskArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Nobody is reminded."""
    ask = end_ask(_ask(args.reminder, call, tx), AskState.CANCELLED, call, tx)
    return Reply(card(f"Reminder: {cut(ask.text, 200)}", "Cancelled."), private=call.channel != ask.channel)


def reminders(_args: Nothing, call: Call, tx: Transaction, _facts: None) -> Reply:
    """What is due next in this channel, and what was asked for."""
    rows = [*_clocks(call.incident, call, tx), *(_asked(one) for one in tx.reminders.asks(channel=call.channel))]
    if not rows:
        how = rich("Ask for one: ", Code(text="/remind @ana 10m back with the logs"))
        return Reply(card("Nothing is due here", how), private=True)
    ordered = [row for _, row in sorted(rows, key=lambda one: one[0])]
    shown = card("What is due here")
    table = Table(columns=("When", "What", "Of"), rows=tuple(ordered))
    return Reply(shown.model_copy(update={"table": table}), private=True)


def _clocks(incident: Incident | None, call: Call, tx: Transaction) -> list[tuple[float, tuple[Rich, ...]]]:
    if incident is None:
        return []
    told = tx.reminders.of(incident.id)
    rows: list[tuple[float, tuple[Rich, ...]]] = []
    for one in standing(incident, call.services, tx.now).values():
        known = told.get(one.key)
        if known and known.due_at and not known.message and not one.again:
            continue
        snoozed = known.snoozed_until if known else None
        at = max(one.due_at, snoozed) if snoozed else one.due_at
        note = " (snoozed)" if snoozed and snoozed > tx.now else " (overdue)" if at <= tx.now else ""
        rows.append((at.timestamp(), (rich(When(at=at), note), rich(title_of(incident, one.key)), rich("the clock"))))
    return rows


def _asked(ask: Ask) -> tuple[float, tuple[Rich, ...]]:
    note = " (told)" if ask.state is AskState.TOLD else ""
    who = rich(Who(person=ask.person), " · ", Code(text=ask.id))
    return ask.due_at.timestamp(), (rich(When(at=ask.due_at), note), rich(cut(ask.text, 120)), who)


def _ask(ask_id: str, call: Call, tx: Transaction) -> Ask:
    """What somebody cannot read does not exist for them. Raises NotFound, NotAllowed."""
    ask = tx.reminders.get(ask_id)
    if not tx.messages.may_read(ask.channel, call.person.id):
        raise NotFound(f"There is no reminder {ask_id[:60]}.", example="/reminders")
    if call.person.id not in {ask.person, ask.asked_by} and not RESPONDERS.allows(call.person, call.incident):
        raise NotAllowed("That reminder is for somebody else.", hint=RESPONDERS.hint(call.person))
    return ask


def click_snooze(subject: str, call: Call, tx: Transaction) -> None:
    """Quiet for a while; the reminder says until when, and by whom."""
    incident, key = _of(subject, tx)
    snooze(incident, key, call, tx)


def click_called(subject: str, call: Call, tx: Transaction) -> None:
    """The next level knows of it."""
    incident, key = _of(subject, tx)
    called(incident, key, call, tx)


def click_same(subject: str, call: Call, tx: Transaction) -> Reply:
    """Nothing is new: that is an update too, and its clock begins again."""
    incident, status = _of(subject, tx)
    if not incident.status.is_open:
        raise Conflict(over(incident), example="/incident reopen errors are back")
    if incident.status.value != status:
        raise Conflict(f"The incident is {incident.status.value} by now.", example="/reminders")
    same = StatusChanged(before=incident.status, after=incident.status, note="Nothing new yet.")
    changed = tx.incidents.record(incident.id, same, actor=call.person.id)
    offer_public_text(changed, call.services, tx)
    due = changed.next_update_due(call.services.scheme)
    next_one = rich(" Next update: ", When(at=due)) if due else ()
    words = rich(Who(person=call.person.id), ": nothing new yet.", *next_one)
    return Reply(card(f"Update: still {changed.status.value}", words))


def click_after(subject: str, call: Call, tx: Transaction) -> Reply:
    """A step after the end: the postmortem was held, or published."""
    incident, status = _of(subject, tx)
    if incident.status not in {Status.RESOLVED, Status.POSTMORTEM} or incident.status.value == status:
        raise Conflict(f"The incident is {incident.status.value} by now.", example="/reminders")
    change = StatusChanged(before=incident.status, after=Status(status))
    tx.incidents.record(incident.id, change, actor=call.person.id)
    return Reply(card(f"Status: {status}", rich("by ", Who(person=call.person.id))))


def _of(subject: str, tx: Transaction) -> tuple[Incident, str]:
    incident_id, _, rest = subject.partition(" ")
    return tx.incidents.get(incident_id), rest


def click_ask_done(ask_id: str, call: Call, tx: Transaction) -> None:
    """It was done."""
    end_ask(_ask(ask_id, call, tx), AskState.DONE, call, tx)


def click_ask_snooze(ask_id: str, call: Call, tx: Transaction) -> Reply:
    """Later once more."""
    until = snooze_ask(_ask(ask_id, call, tx), tx)
    return Reply(card("Snoozed", rich("Until ", When(at=until), f", {lasting(ASK_SNOOZE)} from now.")), private=True)


COMMANDS = (
    Command(
        path=("reminders",),
        args=Nothing,
        summary="Show what is due next in this channel, and who was asked for what.",
        example="/reminders",
        decide=reminders,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
    Command(
        path=("remind",),
        args=RemindArgs,
        summary="Remind somebody of something in this channel.",
        example="/remind @ana 10m back with the logs",
        decide=remind,
    ),
    Command(
        path=("remind", "cancel"),
        args=AskArgs,
        summary="Drop a reminder that somebody asked for.",
        example="/remind cancel ask-1a2b3c4d5e6f",
        decide=cancel,
    ),
)

CLICKS = (
    Click(action="reminder.snooze", decide=click_snooze),
    Click(action="reminder.called", decide=click_called),
    Click(action="reminder.after", decide=click_after),
    Click(action="update.same", decide=click_same),
    Click(action="ask.done", decide=click_ask_done, access=READERS),
    Click(action="ask.snooze", decide=click_ask_snooze, access=READERS),
)
