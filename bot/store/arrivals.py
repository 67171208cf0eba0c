"""Arrivals: what a platform delivered, stored as it came before it is acknowledged, then worked from here.

A platform that retries what is not acknowledged in time, and forgets what is, needs this: an arrival is
taken once by its id, survives the process that took it, and is worked again until it is finished.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.store import schema
from bot.store.database import insert_once
from bot.store.errors import StoreUnavailable
from bot.store.replicas import database_seconds

_table, _replicas = schema.arrivals, schema.replicas

_THIS = _table.c.id == sa.bindparam("sought")
_GET = sa.select(_table).where(_THIS)
_FINISH = _table.update().where(_THIS).values(finished_at=sa.bindparam("finished_at"))
_FINISH_AND_FORGET = _FINISH.values(payload=sa.bindparam("rest"))
_COUNT = _table.update().where(_THIS).values(answers=_table.c.answers + 1).returning(_table.c.answers)


@dataclass(frozen=True)
class Arrival:
    """One delivery. `lane`: arrivals of one lane are worked one after the other, in the order they came."""

    id: str
    platform: str
    lane: str
    payload: dict[str, Any]
    received_at: datetime
    attempts: int = 0
    answers: int = 0


def store(connection: sa.Connection, arrival: Arrival, *, owner: str) -> bool:
    """Keep it; False when it was taken before."""
    row = {
        "id": arrival.id,
        "platform": arrival.platform,
        "lane": arrival.lane,
        "payload": json.dumps(arrival.payload),
        "received_at": arrival.received_at,
        "owner": owner,
    }
    return insert_once(connection, _table, row)


class Keeping:
    """Storing one delivery: it is either in the store in time, or never will be. Met by two threads."""

    def __init__(self, arrival: Arrival, owner: str) -> None:
        self._arrival = arrival
        self._owner = owner
        self._lock = threading.Lock()
        self._late = self._stored = False

    def store(self, connection: sa.Connection) -> bool:
        """Whether it is a new one. Raises StoreUnavailable when nobody waits any more: nothing is stored then."""
        fresh = store(connection, self._arrival, owner=self._owner)
        with self._lock:
            if self._late:
                raise StoreUnavailable("too late for an acknowledgement")
            self._stored = True
        return fresh

    def give_up(self) -> bool:
        """Whether it is certain now that it will not be stored."""
        with self._lock:
            self._late = not self._stored
        return self._late


def get(connection: sa.Connection, arrival_id: str) -> Arrival | None:
    """One arrival, finished or not."""
    row = connection.execute(_GET, {"sought": arrival_id}).one_or_none()
    return None if row is None else _arrival(row)


def orphans(connection: sa.Connection, platform: str, *, owner: str, silent_for: float | None) -> list[str]:
    """The unfinished arrivals of processes that are gone, oldest first; None: all others are (SQLite has one only)."""
    lost = _table.c.owner != owner
    if silent_for is not None:
        horizon = database_seconds(connection) - silent_for
        lost = sa.and_(
            lost, _table.c.owner.not_in(sa.select(_replicas.c.executor).where(_replicas.c.seen_at > horizon))
        )
    return _unfinished(connection, platform, lost)


def own(connection: sa.Connection, platform: str, *, owner: str) -> list[str]:
    """The unfinished arrivals of a process, oldest first."""
    return _unfinished(connection, platform, _table.c.owner == owner)


def _unfinished(connection: sa.Connection, platform: str, which: sa.ColumnElement[bool]) -> list[str]:
    """`platform` without its workspace: those of all of them."""
    mine = sa.and_(_table.c.finished_at.is_(None), _table.c.platform.startswith(f"{platform}:"), which)
    return list(connection.execute(sa.select(_table.c.id).where(mine).order_by(_table.c.position)).scalars())


def adopt(connection: sa.Connection, ids: list[str], *, owner: str) -> list[Arrival]:
    """Make them one's own, in order; what another took or finished meanwhile is left out."""
    query = sa.select(_table).where(_table.c.id.in_(ids), _table.c.finished_at.is_(None)).order_by(_table.c.position)
    rows = connection.execute(query.with_for_update(skip_locked=True)).all()
    mine = _table.update().where(_table.c.id.in_([row.id for row in rows]))
    connection.execute(mine.values(owner=owner))
    return [_arrival(row) for row in rows]


def tried(connection: sa.Connection, arrival_id: str) -> None:
    """Count an attempt that failed."""
    connection.execute(_table.update().where(_table.c.id == arrival_id).values(attempts=_table.c.attempts + 1))


@dataclass(frozen=True)
class Finished:
    """An arrival that needs no more work. `rest`: all that is still to be known of it; None: all of it."""

    id: str
    at: datetime
    rest: dict[str, Any] | None = None


def finish(connection: sa.Connection, finished: Sequence[Finished]) -> None:
    """They need no more work; their words are forgotten."""
    whole = [{"sought": one.id, "finished_at": one.at} for one in finished if one.rest is None]
    short = [
        {"sought": one.id, "finished_at": one.at, "rest": json.dumps(one.rest)}
        for one in finished
        if one.rest is not None
    ]
    for statement, rows in ((_FINISH, whole), (_FINISH_AND_FORGET, short)):
        if rows:
            connection.execute(statement, rows)


def answered(connection: sa.Connection, arrival_id: str) -> int:
    """Count one more answer to the address that came with the delivery; how many there were with this one."""
    return int(connection.execute(_COUNT, {"sought": arrival_id}).scalar_one_or_none() or 0)


def prune(connection: sa.Connection, before: datetime) -> None:
    """Forget what was finished long ago; by then no platform delivers it again."""
    connection.execute(_table.delete().where(_table.c.finished_at < before))


def _arrival(row: sa.Row[Any]) -> Arrival:
    return Arrival(
        id=row.id,
        platform=row.platform,
        lane=row.lane,
        payload=json.loads(row.payload),
        received_at=row.received_at,
        attempts=row.attempts,
        answers=row.answers,
    )


#: How long finished arrivals are kept: a platform's last retry comes within minutes.
KEEP = timedelta(days=2)
