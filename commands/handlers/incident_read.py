"""`/incident list`, `show` and `timeline`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from commands.cards import Card, Channel, Rich, Table, When, Who, rich
from commands.context import Call
from commands.domain.incident import Incident, Role
from commands.domain.timeline import Entry, sentence, told
from commands.grammar.arguments import Flag
from commands.handlers.common import Which, named_or_at_hand
from commands.ports import Transaction
from commands.presentation.incident import headline, incident_card
from commands.presentation.words import counted, cut, lasting
from commands.registry import READERS, ActionClass, Command, Reply


@dataclass(frozen=True)
class ListArgs:
    """Arguments of `/incident list`."""

    all: Annotated[bool, Flag("--all", "closed ones too")] = False


#: How many incidents a list looks at, and how many it shows.
_LOOKED_AT, _SHOWN = 1000, 50


def list_incidents(args: ListArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Open incidents that the asker may see, newest first."""
    found = tx.incidents.recent(open_only=not args.all, limit=_LOOKED_AT)
    seen = [one for one in found if tx.messages.may_read(one.channel, call.person.id)]
    if not seen:
        nothing = "No incident is open." if not args.all else "There has been no incident yet."
        return Reply(Card(title=nothing), private=True)
    title = counted(len(seen), "incident" if args.all else "open incident")
    columns = ("Incident", "Severity", "Status", "Title", "Commander", "For")
    rows = tuple(_row(one, call.now) for one in seen[:_SHOWN])
    return Reply(Card(title=title + _left_out(found, seen), table=Table(columns=columns, rows=rows)), private=True)


def _left_out(found: list[Incident], seen: list[Incident]) -> str:
    """What a list says of those that it does not show."""
    shown = f"; the newest {_SHOWN} are shown" if len(seen) > _SHOWN else ""
    return f", or more{shown}" if len(found) == _LOOKED_AT else shown


def _row(incident: Incident, now: datetime) -> tuple[Rich, ...]:
    commander = incident.holder(Role.COMMANDER)
    return (
        rich(Channel(name=incident.channel)),
        rich(incident.severity),
        rich(incident.status.value),
        rich(cut(incident.title, 80)),
        rich(Who(person=commander) if commander else "nobody"),
        rich(lasting(incident.duration(now))),
    )


def show(args: Which, call: Call, tx: Transaction, _facts: None) -> Reply:
    """The incident's card, for the asker alone."""
    incident = named_or_at_hand(args.incident, call, tx)
    shown = incident_card(incident, call.services).model_copy(update={"buttons": ()})
    return Reply(shown, private=True)


def timeline(args: Which, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Everything that happened, a dated row each."""
    incident = named_or_at_hand(args.incident, call, tx)
    entries = told(tx.incidents.timeline(incident.id))
    rows = tuple(_entry(entry, entries[i - 1] if i else None, call.person.timezone) for i, entry in enumerate(entries))
    shown = Card(title=f"Timeline of {headline(incident)}", table=Table(columns=("Time", "What happened"), rows=rows))
    return Reply(shown, private=True)


def _entry(entry: Entry, before: Entry | None, zone: str) -> tuple[Rich, ...]:
    """The date is shown where it changes (in the reader's zone)."""
    new_day = before is None or _day(entry.at, zone) != _day(before.at, zone)
    return (rich(When(at=entry.at, style="full" if new_day else "clock")), sentence(entry))


def _day(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


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
        args=Which,
        summary="Show everything that happened, with its time.",
        example="/incident timeline",
        decide=timeline,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
)
