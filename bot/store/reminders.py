"""What people were told of the clocks, as the record keeps it; an ask moves by compare-and-swap, so it is told once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.store import schema
from bot.store.database import insert_once
from commands.domain.reminder import Ask, AskState, Told
from commands.errors import Conflict, NotFound

_told, _asks = schema.reminders, schema.asks
_OVER = (AskState.DONE.value, AskState.CANCELLED.value)


class SqlReminders:
    """See the Reminders port."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def of(self, incident_id: str) -> dict[str, Told]:
        """See Reminders."""
        return self.all_of([incident_id])[incident_id]

    def all_of(self, incident_ids: Sequence[str]) -> dict[str, dict[str, Told]]:
        """See Reminders."""
        found: dict[str, dict[str, Told]] = {one: {} for one in incident_ids}
        for row in self._connection.execute(sa.select(_told).where(_told.c.incident.in_(found))):
            found[row.incident][row.key] = Told(**{name: row._mapping[name] for name in Told.model_fields})
        return found

    def outstanding(self) -> list[str]:
        """See Reminders."""
        return list(
            self._connection.execute(sa.select(_told.c.incident).where(_told.c.message != "").distinct()).scalars()
        )

    def put(self, incident_id: str, told: Told) -> None:
        """Keep what they were told last."""
        row = told.model_dump()
        if not insert_once(self._connection, _told, {"incident": incident_id, **row}):
            same = (_told.c.incident == incident_id, _told.c.key == told.key)
            self._connection.execute(_told.update().where(*same).values(**row))

    def prune(self, before: datetime) -> None:
        """See Reminders."""
        self._connection.execute(_asks.delete().where(_asks.c.state.in_(_OVER), _asks.c.due_at < before))
        self._connection.execute(_told.delete().where(_told.c.message == "", _told.c.told_at < before))

    def ask(self, ask: Ask) -> None:
        """Store a new one."""
        self._connection.execute(_asks.insert().values(**ask.model_dump()))

    def get(self, ask_id: str) -> Ask:
        """See Reminders."""
        row = self._connection.execute(sa.select(_asks).where(_asks.c.id == ask_id)).one_or_none()
        if row is None:
            raise NotFound(f"There is no reminder {ask_id[:60]}.", example="/reminders")
        return Ask.model_validate(dict(row._mapping))

    def asks(self, *, channel: str | None = None, due: datetime | None = None) -> list[Ask]:
        """See Reminders."""
        query = sa.select(_asks).where(_asks.c.state.not_in(_OVER)).order_by(_asks.c.due_at, _asks.c.id)
        if channel is not None:
            query = query.where(_asks.c.channel == channel)
        if due is not None:
            query = query.where(_asks.c.state == AskState.WAITING.value, _asks.c.due_at <= due)
        return [Ask.model_validate(dict(row._mapping)) for row in self._connection.execute(query.limit(500))]

    def move(self, ask: Ask, to: AskState, **changes: Any) -> Ask:
        """See Reminders."""
        moved = ask.model_copy(update=changes | {"state": to})
        same = (_asks.c.id == ask.id, _asks.c.state == ask.state.value, _asks.c.due_at == ask.due_at)
        if self._connection.execute(_asks.update().where(*same).values(**moved.model_dump())).rowcount != 1:
            raise Conflict("Somebody else has just answered this reminder.", example="/reminders")
        return moved
