"""How each watched service stands, as people were told: a row each, changed by compare-and-swap."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from bot.store import schema
from bot.store.database import insert_once

_table = schema.watched
_IS_IT = _table.c.service == sa.bindparam("watched")
_LOCK_AND_READ = sa.select(_table).where(_IS_IT).with_for_update()
_OTHER = sa.or_(_table.c.bad != sa.bindparam("to"), _table.c.severity != sa.bindparam("level"))
_TURN = _table.update().where(_IS_IT, _OTHER)
_SETTLE = _table.update().where(_IS_IT, _table.c.owed == sa.bindparam("delivery")).values(owed="")


@dataclass(frozen=True)
class Standing:
    """`bad`: people were told so, and `severity` of which level the figures were at the worst.

    `owed`: the delivery that is to open an incident, and `words` what it says.
    """

    bad: bool = False
    severity: str = ""
    owed: str = ""
    words: str = ""


def standing(connection: sa.Connection, service: str) -> Standing:
    """How a service stands; its row is locked, so of two that judge it one tells."""
    row = connection.execute(_LOCK_AND_READ, {"watched": service}).one_or_none()
    return Standing(row.bad, row.severity, row.owed, row.words) if row else Standing()


def turn(connection: sa.Connection, service: str, now: Standing) -> bool:
    """From good to bad, to worse, or back; False when that had happened."""
    insert_once(connection, _table, {"service": service, "bad": False, "severity": "", "owed": "", "words": ""})
    changed = _TURN.values(bad=now.bad, severity=now.severity, owed=now.owed, words=now.words)
    return connection.execute(changed, {"watched": service, "to": now.bad, "level": now.severity}).rowcount == 1


def settle(connection: sa.Connection, service: str, delivery: str) -> bool:
    """Nothing is owed any more; False when that was so already."""
    return connection.execute(_SETTLE, {"watched": service, "delivery": delivery}).rowcount == 1
