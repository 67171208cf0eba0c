"""`/handover`: the next person gets everything they need, and the roles once they accept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.cards import Button, Card, Code, Fact, Part, Rich, Table, Tone, When, Who, card, fact, rich
from commands.context import Call
from commands.domain.incident import HandoverAnswered, HandoverOffered, Incident, Role, RoleAssigned
from commands.domain.plan import FINAL, Plan
from commands.domain.sli import Reading
from commands.errors import Conflict, NotAllowed
from commands.grammar.arguments import Word
from commands.handlers.common import check_may_hold, measure, open_at_hand
from commands.people import Person
from commands.ports import Transaction
from commands.presentation.incident import headline, role_facts
from commands.presentation.words import cut, lasting
from commands.registry import Click, Command, Reply, Where


@dataclass(frozen=True)
class HandoverArgs:
    """Arguments of `/handover`."""

    incoming: Annotated[Person | None, Word("who takes over; without it, whoever accepts first")] = None


def offer(args: HandoverArgs, call: Call, tx: Transaction, reading: Reading | None) -> Reply:
    """Post the summary, with the button that accepts."""
    incident = open_at_hand(call, tx)
    _check(incident, args.incoming, call.person)
    offered = HandoverOffered(
        offer=f"{incident.id}:handover:{incident.version}",
        roles=incident.held_by(call.person.id),
        outgoing=call.person.id,
        incoming=args.incoming.id if args.incoming else None,
    )
    if args.incoming:
        tx.messages.add_member(incident.channel, args.incoming.id)
    plans = tx.plans.of_incident(incident.id)
    tx.incidents.record(incident.id, offered, actor=call.person.id)
    return Reply(_summary(incident, offered, plans, reading, call), key=offered.offer)


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
    incident: Incident, offered: HandoverOffered, plans: list[Plan], reading: Reading | None, call: Call
) -> Card:
    to: tuple[Part, ...] = (Who(person=offered.incoming),) if offered.incoming else ("whoever accepts",)
    titles = " and ".join(role.title.lower() for role in offered.roles)
    return Card(
        title=f"Handover: {headline(incident)}",
        tone=Tone.INFO,
        paragraphs=(rich(Who(person=offered.outgoing), f" hands over as {titles} to ", *to, "."),),
        facts=_facts(incident, plans, reading, call),
        table=_done(plans),
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


def _facts(incident: Incident, plans: list[Plan], reading: Reading | None, call: Call) -> tuple[Fact, ...]:
    due = incident.next_update_due(call.services.scheme)
    return (
        fact("Status", incident.status.value),
        fact("Open for", lasting(incident.duration(call.now))),
        *role_facts(incident),
        *((fact("Now", reading.words()),) if reading else ()),
        Fact(label="Pending", value=_pending(plans)),
        *((fact("Next update due", When(at=due)),) if due else ()),
    )


def _pending(plans: list[Plan]) -> Rich:
    waiting = [f"{plan.summary} ({plan.state.value})" for plan in plans if plan.state not in FINAL]
    return rich("; ".join(waiting) or "nothing")


def _done(plans: list[Plan]) -> Table | None:
    rows = tuple(
        (
            rich(When(at=plan.created_at)),
            rich(plan.summary),
            rich(cut(f"{plan.outcome}: {plan.result}".rstrip(": "), 200)),
        )
        for plan in plans
        if plan.state in FINAL
    )
    return Table(columns=("At", "Tried", "Result"), rows=rows) if rows else None


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
    titles = " and ".join(role.title.lower() for role in moving)
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
        offer=waiting.id, roles=waiting.roles, outgoing=waiting.outgoing, incoming=waiting.incoming
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
    """The summary stays readable; its buttons go."""
    plans = tx.plans.of_incident(incident.id)
    standing = tuple(one for one in _facts(incident, plans, None, call) if one.label != "Next update due")
    shown = card(title, headline(incident), tone=tone).model_copy(update={"facts": standing, "table": _done(plans)})
    tx.messages.edit(offered.offer, shown)


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
