"""`/incident list`, `show` and `timeline`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from commands.cards import Card, Channel, Code, Rich, Who, card, rich, strong
from commands.context import Call
from commands.domain.incident import Incident, Role
from commands.domain.timeline import sentence, told
from commands.grammar.arguments import Flag
from commands.handlers.common import Which, named_or_at_hand
from commands.ports import Transaction
from commands.presentation.incident import headline, incident_card
from commands.presentation.words import counted, cut, dated, lasting
from commands.registry import READERS, ActionClass, Command, Reply


@dataclass(frozen=True)
class ListArgs:
    """Arguments of `/incident list`."""

    all: Annotated[bool, Flag("--all", "closed ones too")] = False


@dataclass(frozen=True)
class TimelineArgs(Which):
    """Arguments of `/incident timeline`."""

    all: Annotated[bool, Flag("--all", "from the beginning, not only the newest")] = False


#: How many incidents a list looks at, and how many it shows.
_LOOKED_AT, _SHOWN = 1000, 50
#: How many entries of a timeline fit on some screens of a phone.
_NEWEST = 20


def list_incidents(args: ListArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Open incidents that the asker may see, newest first."""
    found = tx.incidents.recent(open_only=not args.all, limit=_LOOKED_AT)
    seen = [one for one in found if tx.messages.may_read(one.channel, call.person.id)]
    if not seen:
        nothing = "No incident is open." if not args.all else "There has been no incident yet."
        return Reply(Card(title=nothing), private=True)
    title = counted(len(seen), "incident" if args.all else "open incident") + _left_out(found, seen)
    return Reply(card(title, *(incident_line(one, call.now) for one in seen[:_SHOWN])), private=True)


def _left_out(found: list[Incident], seen: list[Incident]) -> str:
    """What a list says of those that it does not show."""
    shown = f"; the newest {_SHOWN} are shown" if len(seen) > _SHOWN else ""
    return f", or more{shown}" if len(found) == _LOOKED_AT else shown


def incident_line(incident: Incident, now: datetime) -> Rich:
    """First what people know it by, then how it stands, then where to go. A line, since phones show no wide tables."""
    commander = incident.holder(Role.COMMANDER)
    stands = f" · {incident.status.value} · {lasting(incident.duration(now))} · "
    return rich(
        strong(f"{incident.severity} · {cut(incident.title, 80)}"),
        stands,
        Who(person=commander) if commander else "no commander",
        " · ",
        Channel(name=incident.channel),
    )


def show(args: Which, call: Call, tx: Transaction, _facts: None) -> Reply:
    """The incident's card, for the asker alone."""
    incident = named_or_at_hand(args.incident, call, tx)
    shown = incident_card(incident, call.services).model_copy(update={"buttons": ()})
    return Reply(shown, private=True)


def timeline(args: TimelineArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """What happened, newest first: who looks wants to know what is going on, and a long list is cut at its end."""
    incident = named_or_at_hand(args.incident, call, tx)
    entries = told(tx.incidents.timeline(incident.id))[::-1]
    kept = entries if args.all else entries[:_NEWEST]
    times = dated([entry.at for entry in kept], call.person.timezone, now=call.now)
    lines = [(*rich(at, " · "), *sentence(entry)) for at, entry in zip(times, kept, strict=True)]
    shown = card(f"Timeline of {headline(incident)}", *lines)
    footer = _earlier(len(entries) - len(kept), args.incident)
    return Reply(shown.model_copy(update={"footer": footer}), private=True)


def _earlier(number: int, named: str) -> Rich:
    """What is not shown, and how to see it."""
    line = " ".join(word for word in ("/incident timeline", named, "--all") if word)
    return rich(f"{counted(number, 'earlier entry', 'earlier entries')}: ", Code(text=line)) if number else ()


COMMANDS = (
    Command(
        path=("incident", "list"),
        args=ListArgs,
        summary="List the open incidents.",
        example="/incident list --all",
        decide=list_incidents,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
    Command(
        path=("incident", "show"),
        args=Which,
        summary="Show an incident: status, roles, clock, next update due.",
        example="/incident show incident-20260301-001",
        decide=show,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
    Command(
        path=("incident", "timeline"),
        args=TimelineArgs,
        summary="Show what happened, newest first.",
        example="/incident timeline",
        decide=timeline,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
)
