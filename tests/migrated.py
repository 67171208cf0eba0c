"""A database whose tables are there already, to be copied: hundreds of tests need one, and making the tables is slow.

Whatever starts the program as its users do makes its own.
"""

from __future__ import annotations

from dbos import DBOS

from bot.store.database import Database
from bot.store.migrations import migrate


def make_tables(url: str) -> None:
    """Ours and the engine's, as the first start makes them."""
    database = Database(url)
    migrate(database.engine)
    database.engine.dispose()
    DBOS.migrate(url)
