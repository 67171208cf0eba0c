"""A result that nobody reads to its end, kept alive by an error, holds up no later transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from bot.store.database import Database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """With six rows."""
    opened = Database(database_url, busy_timeout=1)
    await opened.write(lambda c: c.exec_driver_sql("CREATE TABLE numbers (n INTEGER)"))
    await opened.write(lambda c: c.exec_driver_sql("INSERT INTO numbers VALUES (1), (2), (3), (4), (5), (6)"))
    yield opened
    await asyncio.to_thread(opened.close)


async def test_errors_in_the_middle_of_a_result_lock_nothing(database: Database) -> None:
    kept: list[Any] = []

    def breaks(connection: sa.Connection) -> None:
        result = connection.execute(sa.text("SELECT n FROM numbers"))
        kept.append(result)
        next(iter(result))
        raise KeyError("in the middle")

    def adds(connection: sa.Connection) -> None:
        connection.exec_driver_sql("INSERT INTO numbers VALUES (7)")

    async def both() -> None:
        with pytest.raises(KeyError):
            await database.read(breaks)
        await database.write(adds)
        with pytest.raises(KeyError):
            await database.write(breaks)

    for _ in range(10):
        await asyncio.gather(*(both() for _ in range(4)))
    assert await database.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM numbers").scalar_one()) == 46


async def test_a_result_that_was_let_out_of_its_transaction_holds_nothing(database: Database) -> None:
    def halfway(connection: sa.Connection) -> Any:
        result = connection.execute(sa.text("SELECT n FROM numbers"))
        next(iter(result))
        return result

    kept = await asyncio.gather(*(database.read(halfway) for _ in range(4)))
    for _ in range(8):
        await database.write(lambda c: c.exec_driver_sql("INSERT INTO numbers VALUES (8)"))
    assert len(kept) == 4
