"""Which processes live (durable.md, pitfalls 2 and 3): a row each, refreshed by the database's own clock."""

from __future__ import annotations

import sqlalchemy as sa

from bot.store import schema

_table = schema.replicas


def database_seconds(connection: sa.Connection) -> float:
    """Seconds since the epoch, as the database tells the time: replicas need not agree on theirs."""
    sqlite = connection.dialect.name == "sqlite"
    sql = (
        "SELECT (julianday('now') - 2440587.5) * 86400.0" if sqlite else "SELECT extract(epoch FROM clock_timestamp())"
    )
    return float(connection.exec_driver_sql(sql).scalar_one())


def beat(connection: sa.Connection, executor: str, process: str) -> None:
    """Say that an executor lives."""
    now = database_seconds(connection)
    alive = _table.update().where(_table.c.executor == executor).values(seen_at=now)
    if connection.execute(alive).rowcount == 0:
        connection.execute(_table.insert().values(executor=executor, process=process, seen_at=now))


def silent(connection: sa.Connection, *, silent_for: float, besides: str, everyone: bool = False) -> list[str]:
    """The executors that went silent.

    `everyone`: on SQLite only one process can live, so all others are dead at once.
    """
    horizon = database_seconds(connection) - (0 if everyone else silent_for)
    dead = sa.and_(_table.c.executor != besides, _table.c.seen_at <= horizon)
    return list(connection.execute(sa.select(_table.c.executor).where(dead)).scalars())


def forget(connection: sa.Connection, executors: list[str]) -> None:
    """Take executors off the list, once all their work has been taken over."""
    connection.execute(_table.delete().where(_table.c.executor.in_(executors)))


def lease(connection: sa.Connection, name: str, owner: str, seconds: float) -> bool:
    """Whether `owner` may do a job that only one process does at a time.

    It is free when its time is over, and when who had it was taken off the list: then it need not be waited for.
    """
    table, now = schema.leases, database_seconds(connection)
    row = connection.execute(sa.select(table).where(table.c.name == name).with_for_update()).one_or_none()
    if row is None:
        connection.execute(table.insert().values(name=name, owner=owner, until=now + seconds))
        return True
    if row.owner != owner and row.until > now and _is_listed(connection, row.owner):
        return False
    connection.execute(table.update().where(table.c.name == name).values(owner=owner, until=now + seconds))
    return True


def _is_listed(connection: sa.Connection, executor: str) -> bool:
    return connection.execute(sa.select(_table.c.executor).where(_table.c.executor == executor)).first() is not None
