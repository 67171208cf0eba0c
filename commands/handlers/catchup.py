"""`/catchup`: the story so far, for the reader alone, and what is new since they last looked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from commands.cards import Card, Code, Rich, When, rich, strong
from commands.context import Call
from commands.domain.incident import Incident
from commands.domain.sli import Reading
from commands.domain.timeline import Entry, sentence, told
from commands.grammar.arguments import Option
from commands.handlers.common import Which, measure, named_or_at_hand
from commands.ports import Transaction
from commands.presentation.incident import headline, incident_tone
from commands.presentation.package import package_chart, package_facts, tried
from commands.presentation.words import counted, lasting
from commands.reading import service_of
from commands.registry import READERS, ActionClass, Command, Reply

#: How many new entries are told; what is older is a command away.
_NEWEST = 8
#: For whom has never looked.
_ALL = "since the declaration"


@dataclass(frozen=True)
class CatchupArgs(Which):
    """Arguments of `/catchup`."""

    since: Annotated[timedelta | None, Option("--since", "what is new since then, e.g. 30m")] = None


def catchup(args: CatchupArgs, call: Call, tx: Transaction, reading: Reading | None) -> Reply:
    """First what is new, then how it stands."""
    incident = named_or_at_hand(args.incident, call, tx)
    entries = tx.incidents.timeline(incident.id)
    begins = f"catchup:{incident.id}:{call.person.id}:"
    since, why = _since(args, begins, incident, entries, call, tx)
    now = reading if incident.service == service_of(call) and incident.status.is_open else None
    shown = Card(
        title=f"Catch-up: {headline(incident)}",
        tone=incident_tone(incident, call.services),
        paragraphs=_new(told(entries), since, why, args.incident),
        facts=package_facts(incident, entries, now, call, tx),
        table=tried(tx.plans.of_incident(incident.id)),
        chart=package_chart(incident, call, tx),
    )
    return Reply(shown, private=True, key=f"{begins}{call.delivery}")


def _since(
    args: CatchupArgs, begins: str, incident: Incident, entries: list[Entry], call: Call, tx: Transaction
) -> tuple[datetime, str]:
    """The last that they are known to have seen, and how that is known.

    Who asks in the incident's own channel has it open, so that what they have read there says nothing.
    """
    if args.since is not None:
        return max(call.now - args.since, incident.declared_at), f"in the last {lasting(args.since)}"
    acted = [one.at for one in entries if one.actor == call.person.id]
    elsewhere = call.channel != incident.channel
    known = [
        (tx.messages.newest(only_for=call.person.id, begins=begins), "you last caught up"),
        (tx.messages.read_until(incident.channel, call.person.id) if elsewhere else None, "you last looked"),
        (acted[-1] if acted else None, "you last did something here"),
    ]
    looked = [(at, f"since {why}") for at, why in known if at is not None]
    return max(looked, key=lambda one: one[0]) if looked else (incident.declared_at, _ALL)


def _new(entries: list[Entry], since: datetime, why: str, named: str) -> tuple[Rich, ...]:
    """Newest first."""
    new = [one for one in entries if one.at > since or why == _ALL][::-1]
    when = rich(f" {why}, ", When(at=since)) if why.startswith("since") else rich(f" {why}")
    if not new:
        return ((strong("Nothing new"), *when, *rich(".")),)
    head: Rich = (strong(f"{len(new)} new"), *when, *rich(":"))
    lines = [(*rich(When(at=one.at), " · "), *sentence(one)) for one in new[:_NEWEST]]
    left = len(new) - _NEWEST
    line = " ".join(word for word in ("/incident timeline", named, "--all") if word)
    more = (rich(f"{counted(left, 'more entry', 'more entries')}: ", Code(text=line)),) if left > 0 else ()
    return (head, *lines, *more)


COMMANDS = (
    Command(
        path=("catchup",),
        args=CatchupArgs,
        summary="Tell you alone how the incident stands, and what is new since you last looked.",
        example="/catchup --since 30m",
        gather=measure,
        decide=catchup,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
)
