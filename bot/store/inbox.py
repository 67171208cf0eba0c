"""The inbox: every delivery is stored before it is acknowledged, and worked exactly once."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from bot.delivery import CaptureDelivery, ClickDelivery, Receipt, TextDelivery
from bot.store import schema
from bot.store.database import insert_once

_TEXT = TypeAdapter(TextDelivery)
_KINDS = {TextDelivery: "command", ClickDelivery: "click", CaptureDelivery: "capture"}
_table = schema.inbox

RECEIVED, DONE, REFUSED = "received", "done", "refused"

_IS_IT = _table.c.id == sa.bindparam("key")
_READ = sa.select(_table).where(_IS_IT)
_LOCK_AND_READ_STATE = sa.select(_table.c.state).where(_IS_IT).with_for_update()
_FINISH_IF_RECEIVED = _table.update().where(_IS_IT, _table.c.state == RECEIVED)


@dataclass(frozen=True)
class Adopted:
    """A command that was stored and not answered, and how often it was taken up again, this time included."""

    key: str
    delivery: TextDelivery
    attempts: int = 1


class Inbox:
    """The deliveries of one transaction. The key is the platform's name and the delivery's id."""

    def __init__(self, connection: sa.Connection, now: datetime, owner: str) -> None:
        self._connection = connection
        self._now = now
        self._owner = owner

    def seen(self, key: str) -> Receipt | None:
        """The receipt of a delivery that was taken before."""
        row = self._connection.execute(_READ, {"key": key}).one_or_none()
        return None if row is None else _receipt(row)

    def receipt(self, key: str) -> Receipt:
        """The receipt of a delivery that is known to be there."""
        return _receipt(self._connection.execute(_READ, {"key": key}).one())

    def asked_by(self, key: str) -> str | None:
        """Whose delivery it was."""
        row = self._connection.execute(_READ, {"key": key}).one_or_none()
        return None if row is None else str(json.loads(row.payload)["person"])

    def receive(self, key: str, delivery: TextDelivery | ClickDelivery | CaptureDelivery) -> bool:
        """Store it; False when it was taken before. Two replicas that receive the same one take turns here."""
        row = {
            "id": key,
            "kind": _KINDS[type(delivery)],
            "state": RECEIVED,
            "payload": json.dumps(asdict(delivery), default=str),
            "received_at": self._now,
            "owner": self._owner,
        }
        return insert_once(self._connection, _table, row)

    def claim(self, key: str) -> bool:
        """Whether it is still to be worked. Its row stays locked, so of two that work on it one decides."""
        return self._connection.execute(_LOCK_AND_READ_STATE, {"key": key}).scalar_one_or_none() == RECEIVED

    def finish(self, key: str, state: str, *, reply_key: str = "", channel: str = "") -> bool:
        """Mark it worked; False when that had happened before."""
        values = {"state": state, "finished_at": self._now, "reply_key": reply_key, "reply_channel": channel}
        return self._connection.execute(_FINISH_IF_RECEIVED, {"key": key, **values}).rowcount == 1

    def waiting(self, owner: str, *, besides: frozenset[str]) -> int:
        """How many commands of an owner are stored but not answered, nor being worked on."""
        return len(self._waiting([owner], besides))

    def adopt(self, owners: list[str], *, besides: frozenset[str]) -> list[Adopted]:
        """Take over the unanswered commands of some owners, except those that are being worked on; count it."""
        rows = self._waiting(owners, besides)
        mine = _table.update().where(_table.c.id.in_([row.id for row in rows]))
        self._connection.execute(mine.values(owner=self._owner, attempts=_table.c.attempts + 1))
        return [Adopted(row.id, _TEXT.validate_json(row.payload), row.attempts + 1) for row in rows]

    def _waiting(self, owners: list[str], besides: frozenset[str]) -> list[Any]:
        query = sa.select(_table.c.id, _table.c.payload, _table.c.attempts).where(
            _table.c.state == RECEIVED, _table.c.kind == "command", _table.c.owner.in_(owners)
        )
        return [row for row in self._connection.execute(query) if row.id not in besides]


def _receipt(row: sa.Row[Any]) -> Receipt:
    accepted = row.state != REFUSED
    return Receipt(accepted=accepted, duplicate=True, reply_key=row.reply_key, channel=row.reply_channel)
