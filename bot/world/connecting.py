"""Whom the settings name out there, and how what happens here comes to be told there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.adapters.stakeholders import connect
from bot.errands import Runners
from bot.store.transaction import SqlTransaction, Store
from bot.world import stakeholders, tickets
from bot.world.stakeholders import Sender
from bot.world.tickets import System
from commands.context import Services
from commands.domain.incident import Linked
from commands.ports import Clock
from commands.presentation.incident import refresh
from commands.world.telling import tell_of
from commands.world.ticketing import keep_in_step

if TYPE_CHECKING:
    from bot.settings import Settings


@dataclass(frozen=True)
class World:
    """Whom the settings name: the ways to stakeholders, and the systems that keep tickets, by name."""

    senders: Mapping[str, Sender] = field(default_factory=dict)
    systems: Mapping[str, System] = field(default_factory=dict)
    zone: str = "UTC"

    def runners(self, store: Store) -> Runners:
        """One runner each."""
        return {**stakeholders.runners(self.senders, self.zone), **tickets.runners(store, self.systems)}

    async def close(self) -> None:
        """Let go of connections, where there are any."""
        for one in self.senders.values():
            if hasattr(one, "close"):
                await one.close()


def the_world(settings: Settings, clock: Clock) -> World:
    """All of it."""
    senders = connect(settings.stakeholders, settings.mail, clock, settings.timezone)
    return World(senders, _ticket_systems(settings), settings.timezone)


def _ticket_systems(settings: Settings) -> dict[str, System]:
    """Their libraries are loaded where they are wanted: they are large."""
    found: dict[str, System] = {}
    if settings.tickets.jira.enabled:
        from bot.adapters.tickets.jira import Jira

        found["Jira"] = Jira(settings.tickets.jira)
    if settings.tickets.servicenow.enabled:
        from bot.adapters.tickets.servicenow import ServiceNow

        found["ServiceNow"] = ServiceNow(settings.tickets.servicenow)
    return found


def notice(store: Store, services: Services) -> None:
    """What happens to an incident is owed to others from the same transaction on, whoever and whatever did it."""

    def owed(tx: SqlTransaction) -> None:
        for incident_id, events in list(tx.incidents.happened.items()):
            incident, what = tx.incidents.get(incident_id), tuple(events)
            tell_of(incident, what, services, tx)
            keep_in_step(incident, what, services, tx)
            if any(isinstance(event, Linked) for event in what):
                refresh(incident, tx.messages, services)  # a ticket was made by no command, so no card was redrawn

    if services.stakeholders or services.tickets:
        store.before_commit(owed)
