"""Measurements."""

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

    def spread(self, service: str, start: datetime, end: datetime, *, most: int) -> tuple[list[Reading], int]:
        """See Samples. The database picks them, so that not all of a month are read."""
        table = schema.samples
        inside = (table.c.service == service, table.c.at.between(start, end))
        there = self._connection.execute(sa.select(sa.func.count()).select_from(table).where(*inside)).scalar_one()
        number = sa.func.row_number().over(order_by=table.c.at).label("number")
        numbered = sa.select(table.c.at, table.c.reading, number).where(*inside).subquery()
        each = max(-(-there // most), 1)
        query = sa.select(numbered.c.reading).where(numbered.c.number % each == 0).order_by(numbered.c.at)
        return [Reading.model_validate_json(text) for text in self._connection.execute(query).scalars()], there

    def newest(self, service: str, *, since: datetime, limit: int) -> list[Reading]:
        """Newest first, none older than `since`."""
        table = schema.samples
        query = sa.select(table.c.reading).where(table.c.service == service, table.c.at >= since)
        newest = self._connection.execute(query.order_by(table.c.at.desc()).limit(limit)).scalars()
        return [Reading.model_validate_json(text) for text in newest]

    def prune(self, before: datetime) -> int:
        """Forget what is older; how many that were."""
        return self._connection.execute(schema.samples.delete().where(schema.samples.c.at < before)).rowcount
