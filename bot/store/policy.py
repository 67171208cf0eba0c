"""Which policy is in force, as the audit was told: several processes see one change, and it is one entry."""

from __future__ import annotations

import sqlalchemy as sa

from bot.store import schema
from bot.store.database import insert_once
from bot.store.transaction import SqlTransaction
from commands.people import SYSTEM

_counters = schema.counters
_NAME = "policy"
_READ = sa.select(_counters.c.value, _counters.c.digest).where(_counters.c.name == _NAME).with_for_update()
_MOVE = _counters.update().where(_counters.c.name == _NAME)


def note(tx: SqlTransaction, version: str, source: str) -> bool:
    """Audit a change of the policy; False when it was audited before, or is the first that there ever was."""
    row = tx.connection.execute(_READ).one_or_none()
    if row is None:
        insert_once(tx.connection, _counters, {"name": _NAME, "value": 1, "digest": version})
        return False
    if row.digest == version:
        return False
    tx.connection.execute(_MOVE, {"value": row.value + 1, "digest": version})
    detail = {"old": row.digest, "new": version, "source": source}
    tx.audit.append("policy", actor=SYSTEM.id, subject=version, detail=detail)
    return True
