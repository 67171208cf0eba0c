"""`/checklist`: what is not to be forgotten at this severity, to be ticked off by whoever does it."""

from __future__ import annotations

import hashlib

from commands.cards import Button, Card, Rich, Tone, When, Who, card, rich
from commands.context import Call
from commands.domain.checklist import checklist_of
from commands.domain.incident import Incident
from commands.domain.work import ItemTicked
from commands.errors import Conflict
from commands.handlers.common import Nothing, at_hand
from commands.ports import Transaction
from commands.registry import Click, Command, Reply, Where


def checklist(_args: Nothing, call: Call, tx: Transaction, _facts: None) -> Reply:
    """One card, with a button for each item that is not done."""
    incident = at_hand(call, tx)
    if not _items(incident, call):
        return Reply(card(f"There is no checklist for {incident.severity}"), private=True)
    key = f"{incident.id}:checklist:{hashlib.sha256(call.delivery.encode()).hexdigest()[:8]}"
    return Reply(_card(incident, key, call), key=key)


def _items(incident: Incident, call: Call) -> tuple[str, ...]:
    return checklist_of(call.services.scheme.get(incident.severity), call.services.checklists)


def _card(incident: Incident, key: str, call: Call) -> Card:
    items, done = _items(incident, call), {tick.text for tick in incident.work.ticks}
    left = [(number, item) for number, item in enumerate(items, start=1) if item not in done]
    buttons = tuple(
        Button(label=f"Tick {number}", action="checklist.tick", subject=f"{key} {item}") for number, item in left
    )
    title = f"Checklist for {incident.severity}: {len(items) - len(left)} of {len(items)} done"
    lines = (_line(number, item, incident) for number, item in enumerate(items, start=1))
    shown = card(title, *lines, tone=Tone.INFO if left else Tone.GOOD)
    return shown.model_copy(update={"buttons": buttons})


def _line(number: int, item: str, incident: Incident) -> Rich:
    tick = next((one for one in incident.work.ticks if one.text == item), None)
    if tick is None:
        return rich(f"☐ {number}. {item}")
    return rich(f"☑ {number}. {item} · ", Who(person=tick.by), " ", When(at=tick.at))


def tick(subject: str, call: Call, tx: Transaction) -> None:
    """It is done; the card says by whom and when."""
    key, _, item = subject.partition(" ")
    incident = at_hand(call, tx)
    if any(one.text == item for one in incident.work.ticks):
        raise Conflict("That is ticked off already.", example="/checklist")
    changed = tx.incidents.record(incident.id, ItemTicked(text=item), actor=call.person.id)
    tx.messages.edit(key, _card(changed, key, call))


COMMANDS = (
    Command(
        path=("checklist",),
        args=Nothing,
        summary="Show what is not to be forgotten at this severity, with a button to tick off each item.",
        example="/checklist",
        decide=checklist,
        where=Where.INCIDENT,
    ),
)

CLICKS = (Click(action="checklist.tick", decide=tick),)
