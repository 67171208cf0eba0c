"""Statements are compiled once for a process, and not once for each of the thousand databases of its tests.

SQLAlchemy keeps what it has compiled by engine and by dialect. That saves a bot nearly all of it, and tests nothing: it
was a quarter of their time. All engines on SQLite are alike here.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Engine
from sqlalchemy.util import LRUCache

_MOST = 2000


def share() -> None:
    """From now on, in this process."""
    cache: LRUCache[Any, Any] = LRUCache(_MOST)
    begin = Engine.__init__

    def begin_alike(engine: Engine, *values: Any, **options: Any) -> None:
        begin(engine, *values, **options)
        if isinstance(engine.dialect, SQLiteDialect_pysqlite):
            engine.update_execution_options(compiled_cache=cache)

    # patched, since engines are made in many places, those of the libraries among them
    for name, value in {"__eq__": _are_alike, "__hash__": _hash}.items():
        setattr(SQLiteDialect_pysqlite, name, value)
    setattr(Engine, "__init__", begin_alike)  # noqa: B010 - a type checker lets nobody assign to a method


def _are_alike(_one: object, other: object) -> bool:
    return isinstance(other, SQLiteDialect_pysqlite)


def _hash(_one: object) -> int:
    return hash(SQLiteDialect_pysqlite)
