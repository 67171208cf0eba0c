"""Deliveries of alerts, stored before they are acknowledged, and worked off from here in their order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from pydantic import TypeAdapter

from bot.store import schema
from bot.store.database import insert_once
from commands.domain.alert import Alert

_table = schema.alert_arrivals
_ALERTS = TypeAdapter(tuple[Alert, ...])
_WAITING = sa.select(_table.c.position).where(_table.c.finished_at.is_(None)).limit(1)


@dataclass(frozen=True)
class Arrival:
    """One delivery."""

    id: str
    receiver: str
    alerts: tuple[Alert, ...]
    received_at: datetime


def written(arrival: Arrival) -> dict[str, object]:
    """The row; made outside of the transaction, since that holds up others."""
    return {
        "id": arrival.id,
        "receiver": arrival.receiver,
        "alerts": len(arrival.alerts),
        "payload": _ALERTS.dump_json(arrival.alerts, exclude_defaults=True).decode(),
        "received_at": arrival.received_at,
    }


def store(connection: sa.Connection, row: dict[str, object]) -> bool:
    """Keep it; False when it was taken before."""
    return insert_once(connection, _table, row)


def waiting(connection: sa.Connection) -> bool:
    """Whether there is something to work off."""
    return connection.execute(_WAITING).first() is not None


def batch(connection: sa.Connection, *, most: int) -> tuple[list[int], list[Alert]]:
    """The oldest deliveries with at most so many alerts, one delivery at least: their positions, and the alerts."""
    query = sa.select(_table.c.position, _table.c.alerts, _table.c.payload).where(_table.c.finished_at.is_(None))
    positions: list[int] = []
    alerts: list[Alert] = []
    for row in connection.execute(query.order_by(_table.c.position).limit(most)):
        if positions and len(alerts) + row.alerts > most:
            break
        positions.append(row.position)
        alerts += _ALERTS.validate_json(row.payload)
    return positions, alerts


def finish(connection: sa.Connection, positions: list[int], at: datetime) -> None:
    """They need no more work; what they said is forgotten."""
    done = _table.update().where(_table.c.position.in_(positions))
    connection.execute(done.values(finished_at=at, payload="[]"))


def prune(connection: sa.Connection, before: datetime) -> None:
    """Forget what was finished long ago; by then nobody delivers it again."""
    connection.execute(_table.delete().where(_table.c.finished_at < before))
