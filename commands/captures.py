"""Messages of a conversation on an incident's timeline: put there, followed when they change, taken off.

A platform says what happened to a message; what becomes of it is decided here, for all platforms. What a message said
before stays in the events.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from commands.cards import card
from commands.context import Call
from commands.domain.event import CaptureChanged, Captured, CaptureRemoved
from commands.domain.incident import Incident, IncidentEvent
from commands.drafting import order_draft
from commands.errors import WrongPlace
from commands.people import SYSTEM
from commands.ports import Transaction
from commands.presentation.incident import headline
from commands.presentation.words import cut
from commands.registry import RESPONDERS, Reply

#: Who may put messages on a timeline, and take them off.
ACCESS = RESPONDERS
LONGEST, MOST_FILES, LONGEST_NAME = 4000, 20, 200
#: What a person asks for; anything else happened to the message itself, and is followed whoever did it.
WISHES = frozenset({"added", "taken_off"})
What = Literal["added", "taken_off", "edited", "deleted"]
#: How many incidents back a message is looked for whose channel is not the incident's own.
_RECENT = 50


@dataclass(frozen=True)
class Message:
    """A message as its platform has it. `source` is its id there, `author` a person's id where it is somebody."""

    source: str
    at: datetime
    text: str
    author: str | None = None
    author_name: str = ""
    permalink: str = ""
    files: tuple[str, ...] = ()


def decide(what: What, message: Message, call: Call, tx: Transaction) -> Reply | None:
    """What becomes of a message; None where nobody waits for a word about it."""
    match what:
        case "added":
            return add(message, call, tx)
        case "taken_off":
            return take_off(message.source, call, tx)
        case "edited":
            follow_edit(message, call, tx)
        case "deleted":
            follow_deletion(message.source, call, tx)
    return None


def add(message: Message, call: Call, tx: Transaction) -> Reply:
    """Put it on the timeline of the channel's incident, with its own time."""
    incident = tx.incidents.in_channel(call.channel)
    if incident is None:
        raise WrongPlace(
            "This is no incident's channel, so there is no timeline for the message.",
            hint="Find yours with /incident list, or declare an incident from the message.",
            example=f"/incident declare sev2 {cut(' '.join(message.text.split()) or 'what is wrong', 60)}",
        )
    if message.source in incident.captured:
        return Reply(card("On the timeline already", headline(incident)), private=True)
    _record(incident, _captured(message), call.person.id, tx)
    return Reply(card("Added to the timeline", headline(incident)), private=True)


def _captured(message: Message) -> Captured:
    return Captured(
        source=message.source,
        at=message.at,
        text=_shortened(message.text),
        author=message.author,
        author_name=cut(message.author_name, LONGEST_NAME),
        permalink=message.permalink if message.permalink.startswith(("https://", "http://")) else "",
        files=_named(message.files),
    )


def _shortened(text: str) -> str:
    """Long output stays where it was written; the link leads there."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… (cut here; it has {len(text):,} characters)"


def _named(files: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(cut(name, LONGEST_NAME) for name in files[:MOST_FILES])


def take_off(source: str, call: Call, tx: Transaction) -> Reply | None:
    """Take a message off the timeline of the channel's incident. One that is not there is nobody's concern."""
    incident = tx.incidents.in_channel(call.channel)
    if incident is None or source not in incident.captured:
        return None
    _record(incident, CaptureRemoved(source=source), call.person.id, tx)
    return Reply(card("Taken off the timeline", headline(incident)), private=True)


def follow_edit(message: Message, call: Call, tx: Transaction) -> None:
    """A message was edited: it reads so wherever it stands."""
    change = CaptureChanged(source=message.source, text=_shortened(message.text), files=_named(message.files))
    for incident in holding(message.source, call.channel, tx):
        if change.model_dump(exclude={"type"}) != _now(message.source, incident, tx):
            _record(incident, change, SYSTEM.id, tx)


def follow_deletion(source: str, call: Call, tx: Transaction) -> None:
    """A message was deleted by whoever may do that there: it stands nowhere any more."""
    for incident in holding(source, call.channel, tx):
        _record(incident, CaptureRemoved(source=source, how="deleted"), SYSTEM.id, tx)


def holding(source: str, channel: str, tx: Transaction) -> list[Incident]:
    """The incidents on whose timelines a message stands: the channel's own, and recent ones declared from it."""
    own = tx.incidents.in_channel(channel)
    known = {one.id: one for one in ([own] if own else []) + tx.incidents.recent(open_only=False, limit=_RECENT)}
    return [tx.incidents.get(one.id) for one in known.values() if source in one.captured]


def _now(source: str, incident: Incident, tx: Transaction) -> dict[str, object]:
    """What a message on the timeline says now; an unfurled link is an edit that changes no word."""
    said: Captured | CaptureChanged | None = None
    for entry in tx.incidents.timeline(incident.id):
        if isinstance(entry.event, Captured | CaptureChanged) and entry.event.source == source:
            said = entry.event
    return said.model_dump(include={"source", "text", "files"}) if said else {}


def _record(incident: Incident, event: IncidentEvent, actor: str, tx: Transaction) -> None:
    """A postmortem that is written already is written anew."""
    changed = tx.incidents.record(incident.id, event, actor=actor)
    if changed.resolved_at:
        order_draft(changed, tx)
