"""`/incident related` and `merge`: incidents that have to do with each other, and those that are one.

A channel says nothing of an incident that its readers may not see: a private one names a public one, never the other
way round, private ones are not merged, and workspaces stay apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.cards import Channel, Tone, Who, card, rich
from commands.context import HOME, Call
from commands.domain.incident import Incident, Merged
from commands.domain.work import Related, is_related
from commands.errors import Conflict, NotAllowed
from commands.grammar.arguments import Word
from commands.handlers.common import at_hand, close_void_offer, named_or_at_hand, open_at_hand, over
from commands.handlers.incident_end import cancel_waiting, refuse_while_acting
from commands.ports import Transaction
from commands.presentation.incident import headline
from commands.registry import Command, Reply, Where

#: In no private channel.
_ANYBODY = ""


@dataclass(frozen=True)
class OtherArgs:
    """Arguments of both."""

    other: Annotated[str, Word("the other incident's id")]


def related(args: OtherArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Each says so to people who may see the other."""
    here = at_hand(call, tx)
    other = _other(args.other, here, call, tx)
    told = [(a, b) for a, b in ((here, other), (other, here)) if _may_name(a, b, tx)]
    if not told:
        raise NotAllowed("Neither channel may name the other: who reads there may not see it.")
    if all(is_related(a.work, b.id) for a, b in told):
        raise Conflict(f"{other.id} is related already.", example="/incident show")
    for one, another in told:
        event = Related(incident=another.id, channel=another.channel, title=another.title)
        tx.incidents.record(one.id, event, actor=call.person.id)
    if (other, here) in told:
        shown = card("Related incident", rich(Channel(name=here.channel), f": {headline(here)}"))
        by = rich("by ", Who(person=call.person.id))
        tx.messages.post(other.channel, shown.model_copy(update={"footer": by}), key=f"{call.delivery}:related")
    shown = card("Related incident", rich(Channel(name=other.channel), f": {headline(other)}"))
    return Reply(shown, private=(here, other) not in told)


def _may_name(where: Incident, what: Incident, tx: Transaction) -> bool:
    """Whether everybody who reads of the one may read the other."""
    return tx.messages.may_read(what.channel, _ANYBODY) and what.platform in {where.platform, HOME}


def _other(named: str, here: Incident, call: Call, tx: Transaction) -> Incident:
    other = named_or_at_hand(named, call, tx)
    if other.id == here.id:
        raise Conflict("That is this incident.", hint="Name the other one.", example="/incident list")
    return other


def merge(args: OtherArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """The other is closed, with a link to this one; its people are called here."""
    here = open_at_hand(call, tx)
    other = _other(args.other, here, call, tx)
    if not (_may_name(here, other, tx) and _may_name(other, here, tx)):
        raise NotAllowed(
            "What is private, or of another workspace, is not merged: people would read what was not meant for them.",
            hint="Resolve one of them by hand.",
        )
    if not other.status.is_open:
        raise Conflict(over(other), hint="It can still be related.", example=f"/incident related {other.id}")
    refuse_while_acting(other, tx)
    cancel_waiting(other, call, tx)
    into = Merged(into=here.id, channel=here.channel, title=here.title)
    closed = tx.incidents.record(other.id, into, actor=call.person.id)
    close_void_offer(other, closed, tx)
    link = Related(incident=other.id, channel=other.channel, title=other.title, merged=True)
    tx.incidents.record(here.id, link, actor=call.person.id)
    for person in other.responders:
        tx.messages.add_member(here.channel, person)
    said = rich("Work goes on in ", Channel(name=here.channel), f": {headline(here)}")
    told = card("Closed as a duplicate", said, tone=Tone.GOOD)
    by = rich("by ", Who(person=call.person.id))
    tx.messages.post(other.channel, told.model_copy(update={"footer": by}), key=f"{call.delivery}:merged")
    merged = rich(Channel(name=other.channel), f" is closed: {headline(other)}. Its timeline stays there.")
    welcome = [part for person in other.responders for part in (" ", Who(person=person))]
    people = (rich("Welcome", *welcome, "."),) if welcome else ()
    return Reply(card("Merged a duplicate into this incident", merged, *people, tone=Tone.INFO))


COMMANDS = (
    Command(
        path=("incident", "related"),
        args=OtherArgs,
        summary="Say that another incident has to do with this one.",
        example="/incident related incident-20260301-002",
        decide=related,
        where=Where.INCIDENT,
    ),
    Command(
        path=("incident", "merge"),
        args=OtherArgs,
        summary="Close another incident as a duplicate of this one, and call its people here.",
        example="/incident merge incident-20260301-002",
        decide=merge,
        where=Where.INCIDENT,
    ),
)
