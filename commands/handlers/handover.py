"""`/handover`: the next person gets everything they need, and the roles once they accept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.cards import Button, Card, Code, Part, Tone, Who, card, rich, strong
from commands.context import Call
from commands.domain.incident import HandoverAnswered, HandoverOffered, Incident, Role, RoleAssigned
from commands.domain.sli import Reading
from commands.errors import Conflict, Malformed, NotAllowed
from commands.grammar.arguments import Rest, Word
from commands.handlers.common import check_may_hold, measure, open_at_hand
from commands.people import Person
from commands.ports import Transaction
from commands.presentation.incident import headline
from commands.presentation.package import package_chart, package_facts, tried
from commands.redaction import redact
from commands.registry import Click, Command, Reply, Where

_MOST_WORDS = 1000


@dataclass(frozen=True)
class HandoverArgs:
    """Arguments of `/handover`."""

    incoming: Annotated[Person | None, Word("who takes over; without it, whoever accepts first")] = None
    words: Annotated[str, Rest("what matters, in your own words")] = ""


def offer(args: HandoverArgs, call: Call, tx: Transaction, reading: Reading | None) -> Reply:
    """Post the summary, with the button that accepts."""
    incident = open_at_hand(call, tx)
    _check(incident, args.incoming, call.person)
    if len(args.words) > _MOST_WORDS:
        raise Malformed(f"That has {len(args.words):,} characters; at most {_MOST_WORDS:,} fit.", hint="Note the rest.")
    offered = HandoverOffered(
        offer=f"{incident.id}:handover:{incident.version}",
        roles=incident.held_by(call.person.id),
        outgoing=call.person.id,
        incoming=args.incoming.id if args.incoming else None,
        words=redact(args.words),
    )
    if args.incoming:
        tx.messages.add_member(incident.channel, args.incoming.id)
    shown = _summary(incident, offered, reading, call, tx)
    tx.incidents.record(incident.id, offered, actor=call.person.id)
    return Reply(shown, key=offered.offer)


def _check(incident: Incident, incoming: Person | None, outgoing: Person) -> None:
    if not incident.held_by(outgoing.id):
        raise Conflict(
            "You hold no role in this incident, so there is nothing to hand over.", example="/incident role ic @ana"
        )
    if incoming and incoming.id == outgoing.id:
        raise Conflict("You cannot hand over to yourself.", hint="Name who takes over, or nobody.", example="/handover")
    if incoming:
        check_may_hold(incoming)
    if incident.standing_offer:
        raise Conflict(
            "A handover is waiting for its answer already.",
            hint="It is accepted or declined with its buttons; the incident commander can decline it too.",
        )


def _summary(
    incident: Incident, offered: HandoverOffered, reading: Reading | None, call: Call, tx: Transaction
) -> Card:
    to: tuple[Part, ...] = (Who(person=offered.incoming),) if offered.incoming else ("whoever accepts",)
    titles = " and ".join(role.full_name.lower() for role in offered.roles)
    return Card(
        title=f"Handover: {headline(incident)}",
        tone=Tone.INFO,
        paragraphs=(
            rich(Who(person=offered.outgoing), f" hands over as {titles} to ", *to, "."),
            *((rich(strong("What matters: "), offered.words),) if offered.words else ()),
        ),
        facts=package_facts(incident, tx.incidents.timeline(incident.id), reading, call, tx),
        table=tried(tx.plans.of_incident(incident.id)),
        chart=package_chart(incident, call, tx),
        buttons=(
            Button(
                label="Accept",
                action="handover.accept",
                subject=f"{incident.id} {offered.offer}",
                style="primary",
            ),
            Button(label="Decline", action="handover.decline", subject=f"{incident.id} {offered.offer}"),
        ),
    )


def accept(subject: str, call: Call, tx: Transaction) -> Reply:
    """The roles move."""
    incident, offered = _waiting(subject, tx)
    _check_is_for(call, offered)
    if call.person.id == offered.outgoing:
        raise NotAllowed("You cannot accept your own handover.")
    _answer(incident, offered, call, tx, accepted=True)
    moving = [role for role in offered.roles if incident.holder(role) == offered.outgoing]
    for role in moving:
        moved = RoleAssigned(role=role, person=call.person.id, previous=offered.outgoing, how="handover")
        incident = tx.incidents.record(incident.id, moved, actor=call.person.id)
    tx.messages.add_member(incident.channel, call.person.id)
    _settle(offered, incident, f"Handover accepted by {call.person.name}", Tone.GOOD, call, tx)
    titles = " and ".join(role.full_name.lower() for role in moving)
    return Reply(
        card(
            "Handover done",
            rich(Who(person=call.person.id), f" is {titles} now. Thank you, ", Who(person=offered.outgoing), "."),
            tone=Tone.GOOD,
        )
    )


def decline(subject: str, call: Call, tx: Transaction) -> Reply:
    """The roles stay. Who offered may take it back, and the commander may clear an offer that nobody answers."""
    incident, offered = _waiting(subject, tx)
    if call.person.id not in {offered.outgoing, incident.holder(Role.COMMANDER)}:
        _check_is_for(call, offered)
    _answer(incident, offered, call, tx, accepted=False)
    _settle(offered, incident, f"Handover declined by {call.person.name}", Tone.WARNING, call, tx)
    return Reply(
        card(
            "Handover declined",
            rich(Who(person=offered.outgoing), " keeps the role. Ask somebody else: ", Code(text="/handover @name")),
            tone=Tone.WARNING,
        )
    )


def _waiting(subject: str, tx: Transaction) -> tuple[Incident, HandoverOffered]:
    """The offer, if it still stands."""
    incident_id, offer_id = subject.split()
    incident = tx.incidents.get(incident_id)
    waiting = incident.standing_offer
    if waiting is None or waiting.id != offer_id:
        raise Conflict("This handover was answered already, or the incident is over.")
    return incident, HandoverOffered(
        offer=waiting.id,
        roles=waiting.roles,
        outgoing=waiting.outgoing,
        incoming=waiting.incoming,
        words=waiting.words,
    )


def _check_is_for(call: Call, offered: HandoverOffered) -> None:
    if offered.incoming not in {None, call.person.id} and call.person.id != offered.outgoing:
        name = call.services.directory.names().get(offered.incoming or "", "somebody else")
        raise NotAllowed(
            f"This handover is for {name}.", hint="The outgoing person or the commander can decline it; offer it anew."
        )


def _answer(incident: Incident, offered: HandoverOffered, call: Call, tx: Transaction, *, accepted: bool) -> None:
    answer = HandoverAnswered(offer=offered.offer, accepted=accepted, person=call.person.id)
    tx.incidents.record(incident.id, answer, actor=call.person.id)


def _settle(offered: HandoverOffered, incident: Incident, title: str, tone: Tone, call: Call, tx: Transaction) -> None:
    """The summary stays readable; its buttons go, and what will not be true for long."""
    facts = package_facts(incident, tx.incidents.timeline(incident.id), None, call, tx)
    said = (rich(strong("What matters: "), offered.words),) if offered.words else ()
    shown = card(title, headline(incident), *said, tone=tone)
    standing = tuple(one for one in facts if one.label != "Next")
    table = tried(tx.plans.of_incident(incident.id))
    tx.messages.edit(offered.offer, shown.model_copy(update={"facts": standing, "table": table}))


COMMANDS = (
    Command(
        path=("handover",),
        args=HandoverArgs,
        summary="Hand your roles over, with a summary of everything so far.",
        example="/handover @ben",
        gather=measure,
        decide=offer,
        where=Where.INCIDENT,
    ),
)

CLICKS = (
    Click(action="handover.accept", decide=accept),
    Click(action="handover.decline", decide=decline),
)
