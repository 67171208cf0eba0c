"""What stakeholders were told, as the record keeps it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.store import world_tables
from commands.domain.stakeholder import Brief, StakeholderUpdate

_table = world_tables.stakeholder_updates


class SqlStakeholderUpdates:
    """See the StakeholderUpdates port."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def add(self, update: StakeholderUpdate) -> None:
        """Store a new one."""
        row = update.model_dump(exclude={"brief"}) | {"brief": update.brief.model_dump_json()}
        self._connection.execute(_table.insert().values(**row))

    def of(self, incident_id: str) -> list[StakeholderUpdate]:
        """See StakeholderUpdates."""
        return self._all(sa.select(_table).where(_table.c.incident == incident_id))

    def last(self, incident_id: str | None) -> dict[str, StakeholderUpdate]:
        """See StakeholderUpdates."""
        newest = sa.select(_table.c.place, sa.func.max(_table.c.at).label("at")).group_by(_table.c.place)
        if incident_id is not None:
            newest = newest.where(_table.c.incident == incident_id)
        found = newest.subquery()
        same = sa.and_(_table.c.place == found.c.place, _table.c.at == found.c.at)
        of_it = sa.true() if incident_id is None else _table.c.incident == incident_id
        return {one.place: one for one in self._all(sa.select(_table).join(found, same).where(of_it))}

    def reached(self, update_id: str) -> None:
        """See StakeholderUpdates."""
        self._connection.execute(_table.update().where(_table.c.id == update_id).values(told_at=self._now))

    def _all(self, query: sa.Select[Any]) -> list[StakeholderUpdate]:
        rows = self._connection.execute(query.order_by(_table.c.at, _table.c.number))
        return [
            StakeholderUpdate.model_validate(dict(row._mapping) | {"brief": Brief.model_validate_json(row.brief)})
            for row in rows
        ]
