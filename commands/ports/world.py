"""The record of what is told outside: stakeholders, maintenance windows, tickets."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from commands.domain.maintenance import Maintenance
from commands.domain.stakeholder import StakeholderUpdate
from commands.domain.ticket import Ticket


class Tickets(Protocol):
    """The tickets of incidents in other systems."""

    def of(self, incident_id: str) -> dict[str, Ticket]:
        """By the system."""

    def put(self, ticket: Ticket) -> None: ...

    def open(self, system: str, *, since: datetime) -> list[Ticket]:
        """Those that were made since then and are still looked at, oldest first."""


class Maintenances(Protocol):
    """Maintenance windows."""

    def add(self, maintenance: Maintenance) -> None: ...

    def get(self, maintenance_id: str) -> Maintenance:
        """Raises NotFound."""

    def change(self, maintenance: Maintenance, **changes: Any) -> Maintenance:
        """Compare and swap, by version. Raises Conflict."""

    def standing(self) -> list[Maintenance]:
        """Those that are planned or last, what begins first comes first."""

    def since(self, at: datetime) -> list[Maintenance]:
        """Those that stand, and those whose end is not before that."""


class StakeholderUpdates(Protocol):
    """What stakeholders were told of each incident, and whether it has reached them."""

    def add(self, update: StakeholderUpdate) -> None: ...

    def of(self, incident_id: str) -> list[StakeholderUpdate]:
        """Oldest first."""

    def last(self, incident_id: str | None) -> dict[str, StakeholderUpdate]:
        """The newest of each place: of an incident, or of all."""

    def reached(self, update_id: str) -> None:
        """It is there, as of now."""
