"""What other systems are yet to be told, as the record keeps it. A try is claimed by compare-and-swap."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.store import schema
from commands.domain.errand import Errand, ErrandState, Integration

_errands = schema.errands
_WAITS = (ErrandState.PENDING.value, ErrandState.TRYING.value)
_OPEN = (*_WAITS, ErrandState.REFUSED.value)
_MOST = 1000


class SqlErrands:
    """See the Errands port."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def order(
        self, to: Integration, *, incident: str, subject: str, what: str, body: dict[str, Any] | None = None
    ) -> None:
        """See Errands."""
        about = {"kind": to.kind, "integration": to.name, "incident": incident, "subject": subject, "what": what}
        state = {"state": ErrandState.PENDING.value, "tries": 0, "words": "", "body": json.dumps(body or {})}
        self._connection.execute(_errands.insert().values(**about, **state, created_at=self._now, next_at=self._now))

    def open(self, *, kind: str = "", refused: bool = True) -> list[Errand]:
        """See Errands."""
        query = sa.select(_errands).where(_errands.c.state.in_(_OPEN if refused else _WAITS))
        if kind:
            query = query.where(_errands.c.kind == kind)
        return [_read(row) for row in self._connection.execute(query.order_by(_errands.c.id).limit(_MOST))]

    def claim(self, errand: Errand, *, until: datetime) -> bool:
        """See Errands."""
        same = (_errands.c.id == errand.id, _errands.c.tries == errand.tries)
        waits = _errands.c.state.in_(_WAITS)
        values = {"state": ErrandState.TRYING.value, "tries": errand.tries + 1, "next_at": until}
        return self._connection.execute(_errands.update().where(*same, waits).values(values)).rowcount == 1

    def settle(self, errand: Errand, state: ErrandState, *, words: str = "", next_at: datetime | None = None) -> bool:
        """See Errands. What people have ticked off stays so, and what another try has begun since is its own."""
        values = {"state": state.value, "words": words, "next_at": next_at or errand.next_at}
        same = (_errands.c.id == errand.id, _errands.c.tries == errand.tries, _errands.c.state.in_(_OPEN))
        return self._connection.execute(_errands.update().where(*same).values(values)).rowcount == 1


def _read(row: sa.Row[Any]) -> Errand:
    values = dict(row._mapping)
    return Errand.model_validate(values | {"body": json.loads(values["body"])})
