"""How each watched service stands, as people were told: a row each, changed by compare-and-swap."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from bot.store import schema
from bot.store.database import insert_once

_table = schema.watched
_IS_IT = _table.c.service == sa.bindparam("watched")
_LOCK_AND_READ = sa.select(_table).where(_IS_IT).with_for_update()
_TURN = _table.update().where(_IS_IT, _table.c.bad != sa.bindparam("to"))
_SETTLE = _table.update().where(_IS_IT, _table.c.owed == sa.bindparam("delivery")).values(owed="")


@dataclass(frozen=True)
class Standing:
    """`bad`: people were told so. `owed`: the delivery that is to open an incident, and `words` what it says."""

    bad: bool = False
    owed: str = ""
    words: str = ""


def standing(connection: sa.Connection, service: str) -> Standing:
    """How a service stands; its row is locked, so of two that judge it one tells."""
    row = connection.execute(_LOCK_AND_READ, {"watched": service}).one_or_none()
    return Standing(row.bad, row.owed, row.words) if row else Standing()


def turn(connection: sa.Connection, service: str, now: Standing) -> bool:
    """From good to bad or back; False when that had happened."""
    insert_once(connection, _table, {"service": service, "bad": False, "owed": "", "words": ""})
    changed = _TURN.values(bad=now.bad, owed=now.owed, words=now.words)
    return connection.execute(changed, {"watched": service, "to": now.bad}).rowcount == 1


def settle(connection: sa.Connection, service: str, delivery: str) -> bool:
    """Nothing is owed any more; False when that was so already."""
    return connection.execute(_SETTLE, {"watched": service, "delivery": delivery}).rowcount == 1
