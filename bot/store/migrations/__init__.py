"""Alembic's revisions of our tables, and the way to run them from the program."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import SQLAlchemyError

from bot.store.database import explained
from bot.store.errors import StoreUnavailable


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
    config.set_main_option("script_location", str(Path(__file__).parent))
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(84717301)")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
