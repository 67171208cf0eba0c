"""The kill switch, as the record keeps it."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from bot.store import schema
from commands.ports import Freeze

_ALL = "all"


class SqlFreezes:
    """See the Freezes port. One switch for everything, so that nobody asks which one is thrown."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def current(self) -> Freeze | None:
        """The freeze that is on."""
        table = schema.freezes
        row = self._connection.execute(sa.select(table.c.by, table.c.reason, table.c.at)).one_or_none()
        return Freeze.model_validate(dict(row._mapping)) if row else None

    def begin(self, *, by: str, reason: str) -> bool:
        """Throw it; False where somebody has already."""
        if self.current():
            return False
        self._connection.execute(schema.freezes.insert().values(scope=_ALL, by=by, reason=reason, at=self._now))
        return True

    def end(self) -> bool:
        """Let changes happen again; False where nothing was frozen."""
        return self._connection.execute(schema.freezes.delete()).rowcount > 0
