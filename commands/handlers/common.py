"""What several handlers ask: the incident at hand, and whether the asker may see it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, TypeVar

from commands.cards import Card, Tone, card
from commands.context import Call
from commands.domain.incident import Incident
from commands.domain.plan import Plan
from commands.domain.sli import Reading
from commands.errors import Conflict, Malformed, NotAllowed, NotFound, WrongPlace
from commands.grammar.arguments import Word
from commands.people import Person
from commands.ports import Transaction
from commands.presentation.words import lasting
from commands.reading import current_reading
from commands.registry import RESPONDERS, Reply

T = TypeVar("T")
#: In no private channel.
_ANYBODY = ""
log = logging.getLogger(__name__)

FURTHEST = timedelta(days=1)
#: How long an answer is waited for that is good to have and that nothing depends on.
PATIENCE_SECONDS = 8.0


async def if_it_answers(question: Awaitable[T], *, within: float = PATIENCE_SECONDS) -> T | None:
    """The answer of another system, or None: one that is down, slow or broken never stops an incident's course."""
    try:
        async with asyncio.timeout(within):
            return await question
    except Exception as error:  # whatever goes wrong there is no reason to refuse here
        log.warning("going on without an answer: %s: %s", type(error).__name__, error)
        return None


@dataclass(frozen=True)
class Nothing:
    """A command without arguments."""


@dataclass(frozen=True)
class Which:
    """Arguments of what can be asked about one incident."""

    incident: Annotated[str, Word("an incident's id; in its channel you can leave it out")] = ""


async def measure(_args: object, call: Call) -> Reading | None:
    """How the service of the incident does at this moment, where that can be told."""
    return await if_it_answers(current_reading(call))


def show_gathered(_args: object, _call: Call, _tx: Transaction, facts: Card) -> Reply:
    """What was gathered is the answer, for everybody in the channel."""
    return Reply(facts)


def at_most_a_day(since: timedelta, example: str) -> None:
    """Raises Malformed for a look further back."""
    if since > FURTHEST:
        raise Malformed(f"I can look a day back at most; {lasting(since)} is further.", example=example)


def at_most_a_quarter(since: timedelta, example: str) -> None:
    """Raises Malformed for a look further back than the gateway remembers single requests."""
    if not timedelta(0) < since <= timedelta(minutes=15):
        raise Malformed(f"I can look 15 minutes back at most, not {lasting(since)}.", example=example)


def check_may_hold(person: Person) -> None:
    """Raises NotAllowed for somebody who may hold no role in an incident."""
    if not RESPONDERS.org & person.roles:
        raise NotAllowed(
            f"{person.name} is a viewer and cannot hold a role.", hint="Roles go to responders and operators."
        )


def close_void_offer(before: Incident, after: Incident, tx: Transaction) -> None:
    """Take the buttons from a handover that nobody can answer any more."""
    if before.offer and after.offer is None:
        shown = card("Handover void", "The roles have moved on, or the incident is over.", tone=Tone.NEUTRAL)
        tx.messages.edit(before.offer.id, shown)


def at_hand(call: Call, tx: Transaction) -> Incident:
    """The incident of the channel, as the transaction sees it. Raises WrongPlace elsewhere."""
    incident = tx.incidents.in_channel(call.channel)
    if incident is None:
        raise WrongPlace("That works in an incident's channel only.", example="/incident list")
    return incident


def open_at_hand(call: Call, tx: Transaction) -> Incident:
    """As `at_hand`, for what makes sense only while an incident is open."""
    incident = at_hand(call, tx)
    if not incident.status.is_open:
        raise Conflict(over(incident), example="/incident reopen errors are back")
    return incident


def over(incident: Incident) -> str:
    """Why something that needs an open incident is refused."""
    return f"The incident is over; its status is {incident.status.value}."


def named_or_at_hand(incident_id: str, call: Call, tx: Transaction) -> Incident:
    """The incident that was named, else the one of the channel. Private ones do not exist for outsiders."""
    if not incident_id:
        return at_hand(call, tx)
    name = incident_id.lstrip("#")
    incident = tx.incidents.get(name)
    if not tx.messages.may_read(incident.channel, call.person.id):
        raise NotFound(f"There is no incident {name[:60]}.", example="/incident list")
    return incident


def may_be_told_here(plan: Plan, call: Call, tx: Transaction) -> bool:
    """Everybody in the channel reads the answer, so what was planned in private is told in its own channel only."""
    in_sight = tx.messages.may_read(plan.channel, call.person.id)
    return in_sight and (plan.channel == call.channel or tx.messages.may_read(plan.channel, _ANYBODY))
