"""The ports of what the public is told: the record of it, and the pages outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from commands.domain.maintenance import Maintenance
from commands.domain.public import PublicUpdate


class PublicUpdates(Protocol):
    """Updates for the public, as the record keeps them."""

    def add(self, update: PublicUpdate) -> None: ...

    def get(self, update_id: str) -> PublicUpdate:
        """Raises NotFound."""

    def change(self, update: PublicUpdate, **changes: Any) -> PublicUpdate:
        """Compare and swap, by version. Raises Conflict."""

    def of_incident(self, incident_id: str) -> list[PublicUpdate]:
        """Oldest first."""

    def published(self, *, since: datetime) -> list[PublicUpdate]:
        """What was published since then, and may have been taken back; with all of each incident."""

    def waiting(self) -> list[PublicUpdate]:
        """Those that somebody is to approve."""


class StatusPage(Protocol):
    """A public page outside."""

    async def show(self, update: PublicUpdate, *, all_of_it: Sequence[PublicUpdate], states: Mapping[str, str]) -> None:
        """Bring the page to what an update is now: there once, as it reads, or withdrawn. May be asked again.

        `all_of_it`: every update of the incident that was published, oldest first. `states`: those of the components
        now, by all that the public was told. It looks before it writes, so what arrived while its answer was lost is
        not published twice.

        Raises:
            Rejected: refused with certainty. Overloaded: not now. Unavailable, OutcomeUnknown: no clear answer.
        """

    async def show_maintenance(self, maintenance: Maintenance, *, states: Mapping[str, str]) -> None:
        """Bring the page to what a maintenance is now, as `show` does. May be asked again. Raises as `show`."""
