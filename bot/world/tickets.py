"""Tickets: made and kept in step by errands; what becomes of them in their own system is looked at, and noted here.

The libraries of these systems are synchronous, so they work in threads; each request has a time-out of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from bot.errands import Runners, Settle
from bot.store.replicas import lease
from bot.store.transaction import SqlTransaction, Store
from bot.supervised import repeated
from commands.domain.errand import Errand, Integration
from commands.domain.event import TicketChanged
from commands.domain.incident import Linked, Status
from commands.domain.ticket import Step, Ticket
from commands.errors import Refusal
from commands.people import SYSTEM
from commands.ports import Clock, Rejected
from commands.presentation.words import cut
from commands.redaction import redact

log = logging.getLogger(__name__)
_LATE = 3
_LOOKED_AFTER = timedelta(days=30)
_COMMENT = 500
_GONE = "(gone)"


class Gone(Rejected):
    """What was asked for is not there (any more)."""


class There(BaseModel):
    """A ticket as it is there. `reference`: what its system knows it by. `refused`: what could not be done to it."""

    model_config = ConfigDict(frozen=True)

    key: str
    url: str
    reference: str
    state: str
    refused: str = ""


class Said(BaseModel):
    """A comment there. `ours`: it has our mark."""

    model_config = ConfigDict(frozen=True)

    id: str
    by: str
    text: str
    ours: bool


class System(Protocol):
    """A system that keeps tickets. Its methods block."""

    def keep(self, step: Step, reference: str) -> There:
        """Make the ticket, or bring it to this; it looks first, so nothing is made or said twice.

        Raises:
            Rejected: refused with certainty. Overloaded: not now. Unavailable: no clear answer.
        """

    def look(self, reference: str) -> tuple[str, list[Said]]:
        """Its state, and what is said in it. Raises as `keep`; Gone when it is not there any more."""


class Keeping:
    """See Runner: one system."""

    def __init__(self, name: str, system: System, store: Store) -> None:
        self.name = name
        self.system = system
        self._store = store

    async def run(self, errand: Errand) -> Settle:
        """See Runner."""
        step = Step.model_validate(errand.body)
        known = await self._store.look(lambda tx: tx.tickets.of(step.incident).get(self.name))
        reference = str(known.seen.get("reference", "")) if known else ""
        there = await asyncio.to_thread(self.system.keep, step, reference)
        if there.refused:  # it is there all the same, and is known by its link
            await self._store.transact(f"ticket:{errand.id}:{errand.tries}", partial(self._note, step, there))
            raise Rejected(there.refused)
        return lambda tx: self._note(step, there, tx)

    def _note(self, step: Step, there: There, tx: SqlTransaction) -> None:
        """The incident knows its ticket, by a link; how the ticket was left is no news to us later."""
        before = tx.tickets.of(step.incident).get(self.name) or Ticket(
            incident=step.incident, system=self.name, made_at=tx.now
        )
        seen = before.seen | {"state": there.state, "reference": there.reference}
        still = step.status != Status.CLOSED.value
        tx.tickets.put(before.model_copy(update={"key": there.key, "url": there.url, "seen": seen, "open": still}))
        if not before.key:
            linked = Linked(url=there.url, label=f"{self.name} {there.key}")
            tx.incidents.record(step.incident, linked, actor=SYSTEM.id)


class Following:
    """Looks at the tickets now and then; what others did there is put on the timeline, what we did is not."""

    def __init__(self, store: Store, clock: Clock, systems: Sequence[Keeping], *, every: float) -> None:
        self._store = store
        self._clock = clock
        self._systems = systems
        self._every = every

    async def run(self) -> None:
        """Until cancelled."""
        await repeated("tickets", self.once, lambda: self._clock.sleep(self._every))

    async def once(self) -> None:
        """One look, if it is this process that looks."""
        seconds = self._every * _LATE
        if not await self._store.database.write(lambda c: lease(c, "tickets", self._store.owner, seconds)):
            return
        await asyncio.gather(*(self._follow(one) for one in self._systems))

    async def _follow(self, keeping: Keeping) -> None:
        since = self._clock.now() - _LOOKED_AFTER
        for ticket in await self._store.look(lambda tx: tx.tickets.open(keeping.name, since=since)):
            try:
                await self._one(ticket, keeping)
            except Rejected as refused:
                log.warning("tickets: %s %s: %s", keeping.name, ticket.key, refused)
            except Refusal as gone:  # it does not answer, so it is not asked for the others either
                log.warning("tickets: %s: %s", keeping.name, gone.message)
                return

    async def _one(self, ticket: Ticket, keeping: Keeping) -> None:
        try:
            state, said = await asyncio.to_thread(keeping.system.look, ticket.seen.get("reference", ticket.key))
        except Gone:
            state, said = _GONE, []
        await self._store.transact(f"ticket:{ticket.system}:{ticket.key}:{self._clock.now().isoformat()}",
            partial(_note_changes, ticket, state, said))  # fmt: skip


def _note_changes(looked_at: Ticket, state: str, said: list[Said], tx: SqlTransaction) -> None:
    """What is new since it was left. While we change it, or when we have since, that is left for the next look."""
    ticket = tx.tickets.of(looked_at.incident).get(looked_at.system)
    waits = tx.errands.open(kind=looked_at.system, refused=False)
    if ticket is None or ticket.seen != looked_at.seen or any(one.incident == looked_at.incident for one in waits):
        return
    known = set(ticket.seen.get("comments", ()))
    news = [one for one in said if not one.ours and one.id not in known]
    what = "it is not there any more" if state == _GONE else f"its state is {state} now"
    changed = TicketChanged(system=ticket.system, ticket=ticket.key, what=what)
    events = [changed] if state != ticket.seen.get("state") else []
    events += [
        changed.model_copy(update={"what": cut(redact(one.text), _COMMENT), "by": cut(one.by, 100)}) for one in news
    ]
    for event in events:
        tx.incidents.record(ticket.incident, event, actor=SYSTEM.id)
    if events:
        seen = ticket.seen | {"state": state, "comments": [*known, *(one.id for one in news)]}
        tx.tickets.put(ticket.model_copy(update={"seen": seen, "open": ticket.open and state != _GONE}))


def runners(store: Store, systems: Mapping[str, System]) -> Runners:
    """One for each system, by its name."""
    return {Integration(kind=name, name=""): Keeping(name, system, store) for name, system in systems.items()}


def followed(runners: Runners) -> list[Keeping]:
    """Those of the runners that keep tickets."""
    return [one for one in runners.values() if isinstance(one, Keeping)]
