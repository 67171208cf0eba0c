"""Columns of a library's tables that hold secrets: sealed, they are longer than it thought."""

from __future__ import annotations

from collections.abc import Callable, Collection

import sqlalchemy as sa


def widen(connection: sa.Connection, table: sa.Table, columns: Collection[str]) -> None:
    """Let them hold any length. SQLite never minds it."""
    if connection.dialect.name != "postgresql":
        return
    quote = connection.dialect.identifier_preparer.quote
    for column in sa.inspect(connection).get_columns(table.name):
        if column["name"] in columns and getattr(column["type"], "length", None) is not None:
            name = quote(column["name"])
            connection.execute(sa.text(f"ALTER TABLE {quote(table.name)} ALTER COLUMN {name} TYPE TEXT"))


def rewrite(
    connection: sa.Connection, table: sa.Table, columns: Collection[str], renewed: Callable[[str | None], str | None]
) -> None:
    """Keep each value as it is to be kept now; one that another process has changed meanwhile is its own."""
    held = [table.c[name] for name in columns]
    for row in connection.execute(sa.select(table.c.id, *held)).all():
        before = {name: getattr(row, name) for name in columns}
        after = {name: renewed(value) for name, value in before.items()}
        if after != before:
            unchanged = [table.c[name].is_not_distinct_from(value) for name, value in before.items()]
            connection.execute(table.update().where(table.c.id == row.id, *unchanged).values(after))
