"""The writers of SQLite: the urgent first; who waits together is committed together, each with its own outcome."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from bot.store.database import Database
from bot.store.errors import StoreUnavailable

_TABLE = sa.Table("said", sa.MetaData(), sa.Column("word", sa.String, primary_key=True))


@pytest.fixture
def database(tmp_path: Path) -> Any:
    """A file of its own, with one table."""
    made = Database(f"sqlite:///{tmp_path / 'writers.db'}")
    _TABLE.metadata.create_all(made.engine)
    yield made
    made.close()


def _say(word: str) -> Callable[[sa.Connection], str]:
    def operation(connection: sa.Connection) -> str:
        connection.execute(_TABLE.insert().values(word=word))
        return word

    return operation


def _commits(database: Database) -> list[None]:
    seen: list[None] = []
    event.listen(database.engine, "commit", lambda _: seen.append(None))
    return seen


async def _said(database: Database) -> list[str]:
    return await database.read(lambda c: list(c.execute(sa.select(_TABLE.c.word).order_by(sa.text("rowid"))).scalars()))


async def _held(database: Database, *writes: Any) -> list[Any]:
    """Write while the only writer is kept busy, so that all of them wait together."""
    busy, free = threading.Event(), threading.Event()

    def hold(_: sa.Connection) -> None:
        busy.set()
        free.wait(10)

    holding = asyncio.create_task(database.write(hold))
    await asyncio.to_thread(busy.wait, 10)
    tasks = [asyncio.create_task(one()) for one in writes]
    await asyncio.sleep(0)
    free.set()
    await holding
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_those_that_wait_share_one_commit(database: Database) -> None:
    commits = _commits(database)
    words = [str(number) for number in range(10)]
    assert await _held(database, *(lambda word=word: database.write(_say(word)) for word in words)) == words
    assert await _said(database) == words
    assert len(commits) <= 1 + len(words) // 2 + 1  # that of who held the writer, and the read's


async def test_the_urgent_overtake(database: Database) -> None:
    usual = (lambda word=word: database.write(_say(word)) for word in ("a", "b"))
    await _held(database, *usual, lambda: database.write(_say("urgent"), urgent=True))
    assert await _said(database) == ["urgent", "a", "b"]


async def test_what_comes_in_any_number_waits_for_all_others(database: Database) -> None:
    alerts = (lambda word=word: database.write(_say(word), later=True) for word in ("a", "b"))
    await _held(database, *alerts, lambda: database.write(_say("command")))
    assert await _said(database) == ["command", "a", "b"]


async def test_what_one_refuses_touches_no_other(database: Database) -> None:
    def refuse(connection: sa.Connection) -> None:
        _say("half")(connection)
        raise LookupError("no")

    outcomes = await _held(
        database,
        lambda: database.write(_say("before")),
        lambda: database.write(refuse),
        lambda: database.write(_say("after")),
    )
    assert [str(one) for one in outcomes] == ["before", "no", "after"]
    assert await _said(database) == ["before", "after"]


async def test_where_the_database_fails_one_the_others_run_alone(database: Database) -> None:
    def broken(connection: sa.Connection) -> None:
        connection.exec_driver_sql("INSERT INTO nothing VALUES (1)")

    outcomes = await _held(
        database,
        lambda: database.write(_say("before")),
        lambda: database.write(broken),
        lambda: database.write(_say("after")),
    )
    assert outcomes[0] == "before"
    assert isinstance(outcomes[1], StoreUnavailable | sa.exc.SQLAlchemyError)
    assert outcomes[2] == "after"
    assert await _said(database) == ["before", "after"]


async def test_what_nobody_waits_for_any_more_is_not_done(database: Database) -> None:
    async def give_up() -> None:
        waiting = asyncio.create_task(database.write(_say("never")))
        await asyncio.sleep(0)
        waiting.cancel()

    await _held(database, give_up, lambda: database.write(_say("said")))
    assert await _said(database) == ["said"]


async def _while_one_writes(database: Database, urgent: Callable[[sa.Connection], Any]) -> list[Any]:
    """What comes of a usual write, and of an urgent one that is asked for in the middle of it."""
    busy, free = threading.Event(), threading.Event()

    def usual(connection: sa.Connection) -> str:
        word = _say("usual")(connection)
        busy.set()
        free.wait(10)
        return word

    writing = asyncio.create_task(database.write(usual))
    await asyncio.to_thread(busy.wait, 10)
    asked = asyncio.create_task(database.write(urgent, urgent=True))
    await asyncio.sleep(0)
    free.set()
    return await asyncio.gather(writing, asked, return_exceptions=True)


async def test_the_urgent_wait_for_no_commit_but_the_one_under_way(database: Database) -> None:
    commits = _commits(database)
    assert await _while_one_writes(database, _say("urgent")) == ["usual", "urgent"]
    assert len(commits) == 1
    assert await _said(database) == ["usual", "urgent"]


async def test_nobody_fails_for_what_joined_him(database: Database) -> None:
    def broken(connection: sa.Connection) -> None:
        connection.exec_driver_sql("INSERT INTO nothing VALUES (1)")

    usual, urgent = await _while_one_writes(database, broken)
    assert usual == "usual"
    assert isinstance(urgent, StoreUnavailable | sa.exc.SQLAlchemyError)
    assert await _said(database) == ["usual"]
