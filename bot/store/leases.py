"""Temporary changes, as the record keeps them. A lease moves by compare-and-swap, so it ends once."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from bot.store import schema
from commands.domain.lease import STANDING, Lease, LeaseState
from commands.errors import Conflict


class SqlLeases:
    """See the Leases port."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, lease: Lease) -> None:
        """Store a new one."""
        self._connection.execute(schema.temporary.insert().values(**lease.model_dump()))

    def find(self, plan_id: str) -> Lease | None:
        """See Leases."""
        table = schema.temporary
        row = self._connection.execute(sa.select(table).where(table.c.plan == plan_id).with_for_update()).one_or_none()
        return Lease.model_validate(dict(row._mapping)) if row else None

    def move(self, lease: Lease, to: LeaseState, **changes: Any) -> Lease:
        """See Leases."""
        table = schema.temporary
        moved = lease.model_copy(update=changes | {"state": to})
        same = (table.c.plan == lease.plan, table.c.state == lease.state.value, table.c.term == lease.term)
        if self._connection.execute(table.update().where(*same).values(**moved.model_dump())).rowcount != 1:
            raise Conflict("Somebody else has just changed this lease.", example="/leases")
        return moved

    def standing(self) -> list[Lease]:
        """See Leases."""
        table = schema.temporary
        states = [state.value for state in STANDING]
        query = sa.select(table).where(table.c.state.in_(states)).order_by(table.c.until, table.c.plan)
        return [Lease.model_validate(dict(row._mapping)) for row in self._connection.execute(query)]
