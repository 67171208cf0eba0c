"""Tickets of incidents in other systems, as the record keeps them."""

from __future__ import annotations

import json
from datetime import datetime

import sqlalchemy as sa

from bot.store.database import insert_once
from bot.store.world_tables import tickets as _table
from commands.domain.ticket import Ticket


class SqlTickets:
    """See the Tickets port."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def of(self, incident_id: str) -> dict[str, Ticket]:
        """See Tickets."""
        return {one.system: one for one in self._all(_table.c.incident == incident_id)}

    def put(self, ticket: Ticket) -> None:
        """See Tickets."""
        row = ticket.model_dump() | {"seen": json.dumps(ticket.seen)}
        if not insert_once(self._connection, _table, row):
            same = (_table.c.incident == ticket.incident, _table.c.system == ticket.system)
            self._connection.execute(_table.update().where(*same).values(**row))

    def open(self, system: str, *, since: datetime) -> list[Ticket]:
        """See Tickets."""
        return self._all(_table.c.system == system, _table.c.open, _table.c.key != "", _table.c.made_at >= since)

    def _all(self, *which: sa.ColumnElement[bool]) -> list[Ticket]:
        rows = self._connection.execute(sa.select(_table).where(*which).order_by(_table.c.made_at, _table.c.incident))
        return [Ticket.model_validate(dict(row._mapping) | {"seen": json.loads(row.seen)}) for row in rows]
