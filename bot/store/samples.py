"""Measurements and postmortem drafts."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from bot.store import schema
from commands.domain.sli import Reading


class SqlSamples:
    """See the Samples port."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, service: str, reading: Reading) -> None:
        """Keep a reading; one a moment."""
        table = schema.samples
        there = sa.select(table.c.at).where(table.c.service == service, table.c.at == reading.at)
        if self._connection.execute(there).one_or_none() is None:
            values = {"service": service, "at": reading.at, "reading": reading.model_dump_json()}
            self._connection.execute(table.insert().values(values))

    def between(self, service: str, start: datetime, end: datetime) -> list[Reading]:
        """Oldest first, both ends included."""
        table = schema.samples
        query = sa.select(table.c.reading).where(table.c.service == service, table.c.at.between(start, end))
        return [
            Reading.model_validate_json(text) for text in self._connection.execute(query.order_by(table.c.at)).scalars()
        ]

    def newest(self, service: str, *, since: datetime, limit: int) -> list[Reading]:
        """Newest first, none older than `since`."""
        table = schema.samples
        query = sa.select(table.c.reading).where(table.c.service == service, table.c.at >= since)
        newest = self._connection.execute(query.order_by(table.c.at.desc()).limit(limit)).scalars()
        return [Reading.model_validate_json(text) for text in newest]

    def prune(self, before: datetime) -> int:
        """Forget what is older; how many that were."""
        return self._connection.execute(schema.samples.delete().where(schema.samples.c.at < before)).rowcount


class SqlPostmortems:
    """See the Postmortems port."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def save(self, incident_id: str, *, markdown: str, template: str) -> None:
        """The current draft."""
        table = schema.postmortems
        values = {"markdown": markdown, "template": template, "drafted_at": self._now}
        changed = self._connection.execute(table.update().where(table.c.incident == incident_id).values(values))
        if changed.rowcount == 0:
            self._connection.execute(table.insert().values(incident=incident_id, **values))

    def get(self, incident_id: str) -> str | None:
        """The draft's Markdown."""
        table = schema.postmortems
        query = sa.select(table.c.markdown).where(table.c.incident == incident_id)
        return self._connection.execute(query).scalar_one_or_none()
