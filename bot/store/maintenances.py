"""Maintenance windows, as the record keeps them; one changes by compare-and-swap, so each step is made once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.store.world_tables import maintenances as _table
from commands.domain.maintenance import Maintenance, MaintenanceState
from commands.errors import Conflict, NotFound

_STANDING = [state.value for state in MaintenanceState if state.stands]


class SqlMaintenances:
    """See the Maintenances port."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, maintenance: Maintenance) -> None:
        """Store a new one."""
        self._connection.execute(_table.insert().values(id=maintenance.id, **_row(maintenance)))

    def get(self, maintenance_id: str) -> Maintenance:
        """See Maintenances."""
        body = self._connection.execute(sa.select(_table.c.body).where(_table.c.id == maintenance_id)).scalar()
        if body is None:
            raise NotFound(f"There is no maintenance {maintenance_id[:60]}.", example="/maintenance")
        return Maintenance.model_validate_json(body)

    def change(self, maintenance: Maintenance, **changes: Any) -> Maintenance:
        """See Maintenances."""
        changed = maintenance.model_copy(update=changes | {"version": maintenance.version + 1})
        same = (_table.c.id == maintenance.id, _table.c.version == maintenance.version)
        if self._connection.execute(_table.update().where(*same).values(**_row(changed))).rowcount != 1:
            raise Conflict("Somebody else has just changed this maintenance.", example="/maintenance")
        return changed

    def standing(self) -> list[Maintenance]:
        """See Maintenances."""
        return self._all(_table.c.state.in_(_STANDING))

    def since(self, at: datetime) -> list[Maintenance]:
        """See Maintenances."""
        return self._all(sa.or_(_table.c.state.in_(_STANDING), _table.c.ends_at >= at))

    def _all(self, which: sa.ColumnElement[bool]) -> list[Maintenance]:
        query = sa.select(_table.c.body).where(which).order_by(_table.c.starts_at, _table.c.id)
        return [Maintenance.model_validate_json(body) for body in self._connection.execute(query).scalars()]


def _row(maintenance: Maintenance) -> dict[str, Any]:
    return {
        "state": maintenance.state.value,
        "version": maintenance.version,
        "starts_at": maintenance.starts_at,
        "ends_at": maintenance.ends_at,
        "body": maintenance.model_dump_json(),
    }
