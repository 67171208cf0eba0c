"""Alembic's revisions of our tables, and the way to run them from the program."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import SQLAlchemyError

from bot.store.database import explained
from bot.store.errors import StoreUnavailable
from bot.store.schema import PREFIX

_HERE = Path(__file__).parent


def migrate(engine: sa.Engine) -> None:
    """Bring the database to the newest revision; two processes that start together take turns.

    Raises:
        StoreUnavailable: there is no such database, or it takes nothing.
    """
    try:
        _upgrade(engine)
    except SQLAlchemyError as error:
        raise StoreUnavailable(explained(error)) from error


def _upgrade(engine: sa.Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(84717301)")
        known = MigrationContext.configure(connection, opts={"version_table": f"{PREFIX}version"})
        if known.get_current_heads() == (_newest(),):
            return  # as at nearly every start: Alembic would compile each revision anew to find out
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _newest() -> str:
    """The newest revision: the files are named by their numbers."""
    return max(path.name.partition("_")[0] for path in (_HERE / "versions").glob("[0-9]*.py"))
