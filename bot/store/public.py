"""What the public is told, as the record keeps it. An update changes by compare-and-swap, so it is published once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.store import schema
from commands.domain.public import PublicUpdate
from commands.errors import Conflict, NotFound

_updates = schema.public_updates


class SqlPublicUpdates:
    """See the PublicUpdates port."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def add(self, update: PublicUpdate) -> None:
        """Store a new one."""
        self._connection.execute(_updates.insert().values(id=update.id, **_row(update)))

    def get(self, update_id: str) -> PublicUpdate:
        """See PublicUpdates."""
        body = self._connection.execute(sa.select(_updates.c.body).where(_updates.c.id == update_id)).scalar()
        if body is None:
            raise NotFound(f"There is no update {update_id[:60]}.", example="/status")
        return PublicUpdate.model_validate_json(body)

    def change(self, update: PublicUpdate, **changes: Any) -> PublicUpdate:
        """See PublicUpdates."""
        changed = update.model_copy(update=changes | {"version": update.version + 1})
        same = (_updates.c.id == update.id, _updates.c.version == update.version)
        if self._connection.execute(_updates.update().where(*same).values(**_row(changed))).rowcount != 1:
            raise Conflict("Somebody else has just changed this update.", example="/status")
        return changed

    def of_incident(self, incident_id: str) -> list[PublicUpdate]:
        """See PublicUpdates."""
        return self._all(_updates.c.incident == incident_id)

    def published(self, *, since: datetime) -> list[PublicUpdate]:
        """See PublicUpdates."""
        recent = sa.select(_updates.c.incident).where(_updates.c.published_at >= since)
        found = self._all(_updates.c.incident.in_(recent), _updates.c.published_at.is_not(None))
        return [one for one in found if not one.drill]

    def waiting(self) -> list[PublicUpdate]:
        """See PublicUpdates."""
        return self._all(_updates.c.waits.is_(True))

    def _all(self, *which: Any) -> list[PublicUpdate]:
        query = sa.select(_updates.c.body).where(*which).order_by(_updates.c.published_at, _updates.c.written_at)
        return [PublicUpdate.model_validate_json(body) for body in self._connection.execute(query).scalars()]


def _row(update: PublicUpdate) -> dict[str, Any]:
    return {
        "incident": update.incident,
        "state": update.state.value,
        "version": update.version,
        "waits": update.waits,
        "written_at": update.written_at,
        "published_at": update.published_at,
        "body": update.model_dump_json(),
    }
