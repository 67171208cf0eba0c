"""`/handover shift`: whoever is on duty next gets all open incidents, and what to look at (runbook 000)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated

from commands.cards import Button, Card, Code, Rich, Tone, When, Who, card, rich, strong
from commands.context import Call
from commands.domain.incident import Incident
from commands.errors import Conflict, NotAllowed
from commands.grammar.arguments import Word
from commands.handlers.common import check_may_hold
from commands.handlers.incident_read import incident_line
from commands.people import Person
from commands.ports import Transaction
from commands.presentation.words import counted
from commands.registry import Click, Command, Reply

#: How many incidents are looked at, and how many are named.
_LOOKED_AT, _SHOWN = 1000, 20
#: In no private channel.
_ANYBODY = ""
#: Runbook 000, "Evening Checklist", with the command that answers where there is one.
CHECKLIST = (
    ("The services are healthy", "/gw status"),
    ("Processor and memory are within their limits", "/gw top"),
    ("No temporary change is forgotten", "/leases"),
    ("No plan waits for somebody who goes home", "/plans"),
    ("All urgent tickets are resolved, or escalated", ""),
    ("The build pipelines are green, and scheduled jobs have completed", ""),
    ("The next on-call engineer has the access that they need", ""),
)


@dataclass(frozen=True)
class ShiftArgs:
    """Arguments of `/handover shift`."""

    incoming: Annotated[Person | None, Word("who is on duty next; without it, whoever accepts first")] = None


def shift(args: ShiftArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """One card for everybody in the channel; what they may not see is told to the asker alone."""
    if args.incoming:
        check_may_hold(args.incoming)
        if args.incoming.id == call.person.id:
            raise Conflict("You cannot hand over to yourself.", example="/handover shift @ben")
        if not tx.messages.may_read(call.channel, args.incoming.id):
            raise Conflict(f"{args.incoming.name} does not read this channel.", hint="Ask where they do.")
    key = f"shift-{hashlib.sha256(call.delivery.encode()).hexdigest()[:12]}"
    to = args.incoming.id if args.incoming else ""
    _tell_private(call, tx, key)
    whom = rich(Who(person=to)) if to else rich("whoever accepts")
    said = rich(Who(person=call.person.id), " hands the shift over to ", *whom, ".")
    subject = f"{key} {call.person.id} {to}".strip()
    accept = Button(label="Accept the shift", action="shift.accept", subject=subject, style="primary")
    shown = _card("Shift handover", said, call, tx)
    return Reply(shown.model_copy(update={"buttons": (accept,)}), key=key)


def _card(title: str, said: Rich, call: Call, tx: Transaction, tone: Tone = Tone.INFO) -> Card:
    seen = [one for one in _open(tx) if _in_sight(one, call, tx) and _may_be_told(one, call, tx)]
    head = rich(strong(f"{counted(len(seen), 'open incident')}" if seen else "No incident is open"))
    left = len(seen) - _SHOWN
    more = (rich(f"{left} more, all: ", Code(text="/incident list")),) if left > 0 else ()
    lines = [_line(one, call) for one in seen[:_SHOWN]]
    return card(title, said, head, *lines, *more, rich(strong("Before you go")), *map(_item, CHECKLIST), tone=tone)


def _in_sight(incident: Incident, call: Call, tx: Transaction) -> bool:
    return tx.messages.may_read(incident.channel, call.person.id)


def _may_be_told(incident: Incident, call: Call, tx: Transaction) -> bool:
    """Everybody in the channel reads the card."""
    return incident.channel == call.channel or tx.messages.may_read(incident.channel, _ANYBODY)


def _open(tx: Transaction) -> list[Incident]:
    return tx.incidents.recent(open_only=True, limit=_LOOKED_AT)


def _line(incident: Incident, call: Call) -> Rich:
    due, tasks = incident.next_update_due(call.services.scheme), len(incident.work.open_tasks)
    update = rich(" · next update ", When(at=due)) if due else ()
    return (*incident_line(incident, call.now), *update, *rich(f" · {counted(tasks, 'open task')}" if tasks else ""))


def _item(item: tuple[str, str]) -> Rich:
    text, command = item
    return (*rich(f"☐ {text}"), *(rich(": ", Code(text=command)) if command else ()))


def _tell_private(call: Call, tx: Transaction, key: str) -> None:
    """Everybody in the channel reads the card, so private incidents are not on it."""
    hidden = [one for one in _open(tx) if _in_sight(one, call, tx) and not _may_be_told(one, call, tx)]
    if hidden:
        how = rich("Hand each over in its own channel: ", Code(text="/handover @who"))
        lines = (incident_line(one, call.now) for one in hidden[:_SHOWN])
        shown = card(f"Not on the card: {counted(len(hidden), 'private incident')}", how, *lines)
        tx.messages.post(call.channel, shown, key=f"{key}:private", only_for=call.person.id)


def accept(subject: str, call: Call, tx: Transaction) -> Reply:
    """Somebody has the shift. Roles in incidents move in their own channels."""
    key, outgoing, *to = subject.split()
    if call.person.id == outgoing:
        raise NotAllowed("You cannot accept your own handover.")
    if to and call.person.id != to[0]:
        name = call.services.directory.names().get(to[0], "somebody else")
        raise NotAllowed(f"This shift is for {name}.", hint="Offer it anew: `/handover shift @who`.")
    said = rich(Who(person=call.person.id), " has the shift. Thank you, ", Who(person=outgoing), ".")
    tx.messages.edit(key, _card("Shift handed over", said, call, tx, Tone.GOOD))
    roles = rich("Roles in an incident move in its channel: ", Code(text="/handover @who"))
    return Reply(card("Shift handed over", said, roles, tone=Tone.GOOD))


COMMANDS = (
    Command(
        path=("handover", "shift"),
        args=ShiftArgs,
        summary="Hand the shift over: all open incidents, and what to look at before you go.",
        example="/handover shift @ben",
        decide=shift,
    ),
)

CLICKS = (Click(action="shift.accept", decide=accept),)
