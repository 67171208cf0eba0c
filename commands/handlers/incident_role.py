"""`/incident role`: who is commander, technical lead, communications lead (runbook 002, section 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from commands.cards import Card, Code, Rich, Tone, Who, card, rich
from commands.context import Call
from commands.domain.incident import Incident, Role, RoleAssigned, RoleReleased
from commands.errors import Conflict
from commands.grammar.arguments import Word
from commands.handlers.common import at_hand, check_may_hold, close_void_offer, open_at_hand
from commands.people import Person
from commands.ports import Transaction
from commands.presentation.incident import free_roles, headline, role_facts
from commands.presentation.public import offer_public_text
from commands.registry import Click, Command, Reply, Where


@dataclass(frozen=True)
class Assign:
    """Arguments of `/incident role`."""

    role: Annotated[Role | None, Word("ic, tech or comms")] = None
    person: Annotated[Person | None, Word("who takes it, e.g. @ana")] = None


@dataclass(frozen=True)
class One:
    """Arguments of `/incident role claim` and `release`."""

    role: Annotated[Role, Word("ic, tech or comms")] = Role.COMMANDER


def assign(args: Assign, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Give a role to somebody; without arguments, show who holds what."""
    if args.role is None or args.person is None:
        return Reply(_roles(at_hand(call, tx)), private=True)
    incident = open_at_hand(call, tx)
    check_may_hold(args.person)
    if incident.holder(args.role) == args.person.id:
        raise Conflict(f"{args.person.name} is {args.role.full_name.lower()} already.")
    return _give(incident, args.role, args.person, call, tx)


def _roles(incident: Incident) -> Card:
    """Who holds what, and how to take what is free."""
    free = free_roles(incident)
    take = [rich("Take one: ", Code(text=f"/incident role claim {free[0].value}"))] if free else []
    shown = card(f"Roles of {headline(incident)}", *take)
    return shown.model_copy(update={"facts": role_facts(incident)})


def _give(incident: Incident, role: Role, person: Person, call: Call, tx: Transaction) -> Reply:
    how: Literal["claimed", "assigned"] = "claimed" if person.id == call.person.id else "assigned"
    given = RoleAssigned(role=role, person=person.id, previous=incident.holder(role), how=how)
    changed = tx.incidents.record(incident.id, given, actor=call.person.id)
    tx.messages.add_member(incident.channel, person.id)
    close_void_offer(incident, changed, tx)
    if role is Role.COMMS:
        offer_public_text(changed, call.services, tx)
    return Reply(card(f"{role.full_name}: {person.name}", _how_given(given, call), tone=Tone.INFO))


def _how_given(given: RoleAssigned, call: Call) -> Rich:
    """Names whom it concerns, so that a chat calls them."""
    taken = rich(Who(person=given.person), " took the role")
    if given.how == "assigned":
        taken = rich(Who(person=call.person.id), " gave the role to ", Who(person=given.person))
    return (*taken, *(rich(" from ", Who(person=given.previous)) if given.previous else ()), *rich("."))


def claim(args: One, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Take a free role."""
    return _claim(open_at_hand(call, tx), args.role, call, tx)


def _claim(incident: Incident, role: Role, call: Call, tx: Transaction) -> Reply:
    holder = incident.holder(role)
    if holder == call.person.id:
        raise Conflict(f"You are {role.full_name.lower()} already.")
    if holder is not None:
        name = call.services.directory.names().get(holder, holder)
        raise Conflict(
            f"{name} is {role.full_name.lower()}.",
            hint="They can hand over to you, or anybody can reassign the role.",
            example=f"/incident role {role.value} @{call.person.mention}",
        )
    check_may_hold(call.person)
    return _give(incident, role, call.person, call, tx)


def claim_click(subject: str, call: Call, tx: Transaction) -> Reply:
    """The button on the incident's card."""
    incident_id, role = subject.split()
    incident = tx.incidents.get(incident_id)
    return _claim(incident, Role(role), call, tx)


def release(args: One, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Step down."""
    incident = at_hand(call, tx)
    if incident.holder(args.role) != call.person.id:
        raise Conflict(f"You are not {args.role.full_name.lower()}.", hint="Only who holds a role can release it.")
    released = RoleReleased(role=args.role, person=call.person.id)
    close_void_offer(incident, tx.incidents.record(incident.id, released, actor=call.person.id), tx)
    tone = Tone.WARNING if args.role is Role.COMMANDER else Tone.NEUTRAL
    return Reply(card(f"{args.role.full_name} is free", rich(Who(person=call.person.id), " stepped down."), tone=tone))


COMMANDS = (
    Command(
        path=("incident", "role"),
        args=Assign,
        summary="Give a role to somebody, or show who holds what.",
        example="/incident role ic @ana",
        decide=assign,
        where=Where.INCIDENT,
    ),
    Command(
        path=("incident", "role", "claim"),
        args=One,
        summary="Take a role yourself.",
        example="/incident role claim tech",
        decide=claim,
        where=Where.INCIDENT,
    ),
    Command(
        path=("incident", "role", "release"),
        args=One,
        summary="Step down from a role.",
        example="/incident role release comms",
        decide=release,
        where=Where.INCIDENT,
    ),
)

CLICKS = (Click(action="role.claim", decide=claim_click),)
