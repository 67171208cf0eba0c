"""The pitfalls of durable work, each provoked."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from bot.engine.durable import APPLICATION_VERSION, DbosDurable, Steps, Workflow
from bot.store import schema
from bot.store.audit import verify
from bot.store.database import Database, make_engine
from bot.store.migrations import migrate
from commands.domain.plan import PlanState
from commands.mitigation import ordering
from tests.waiting import eventually
from tests.world import World, audited, settings_for, world


def rows(url: str, sql: str) -> list[Any]:
    """A query from outside."""
    engine = make_engine(url, busy_timeout=10, pool_size=1)
    try:
        with engine.connect() as connection:
            return list(connection.execute(sa.text(sql)))
    finally:
        engine.dispose()


def enqueue(database: Database, durable: DbosDurable, name: str, key: str, delay: timedelta | None = None) -> None:
    """Work with a payload."""
    database.write_now(lambda c: durable.enqueue(c, name, key=key, payload={"plan": key}, partition=None, delay=delay))


@contextmanager
def life(
    url: str, executor: str, poll_seconds: float = 0.2, **works: Workflow
) -> Iterator[tuple[Database, DbosDurable]]:
    """An engine from launch to close, on a database of its own; `works` are its workflows by name."""
    database = Database(url)
    try:
        migrate(database.engine)
        durable = DbosDurable(database, executor=executor, poll_seconds=poll_seconds)
        for name, work in works.items():
            durable.register(name, work)
        try:
            durable.launch()
            yield database, durable
        finally:
            durable.close()
    finally:
        database.close()


def put_in(database: Database, durable: DbosDurable, name: str, key: str) -> None:
    """Work that somebody waits for, in a partition of its own."""
    database.write_now(lambda c: durable.enqueue(c, name, key=key, payload={"plan": key}, partition=key, delay=None))
    durable.committed()


def is_recorded(url: str) -> bool:
    """The end of all work that was begun; a thread that cannot record it tries for ever, beside all later tests."""
    return not rows(url, _of(url, "workflow_uuid", "status = 'PENDING'"))


def test_what_somebody_waits_for_does_not_wait_for_the_next_look(database_url: str) -> None:
    seen: list[str] = []
    works: dict[str, Workflow] = {"some_work": lambda steps, payload: seen.append(payload["plan"])}
    with life(database_url, "prompt", poll_seconds=3600, **works) as (database, durable):
        for key in ("first", "second"):
            put_in(database, durable, "some_work", key)
            eventually(lambda key=key: key in seen, "it is taken")
        eventually(lambda: is_recorded(database_url), "it is recorded")
    assert seen == ["first", "second"]


def test_work_that_cannot_be_begun_is_put_back_and_holds_up_no_other(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []
    works: dict[str, Workflow] = {"some_work": lambda steps, payload: seen.append(payload["plan"])}
    with life(database_url, "prompt", poll_seconds=3600, **works) as (database, durable):
        put_in(database, durable, "of a later version", "unknown")
        eventually(lambda: "unknown was taken and not begun" in caplog.text, "it is told")
        put_in(database, durable, "some_work", "known")
        eventually(lambda: seen == ["known"], "the other is done")
        state = _of(database_url, "status", "workflow_uuid = 'unknown'")
        eventually(lambda: rows(database_url, state)[0][0] == "ENQUEUED", "it is put back")
        eventually(lambda: is_recorded(database_url), "the other is recorded")


def test_work_that_an_older_program_left_is_done_by_a_newer_one(database_url: str) -> None:
    """The library's own version is a hash of the source: after a change, old work would never run."""
    seen: list[str] = []
    with life(database_url, "old", some_work=lambda steps, payload: seen.append("old")) as (database, durable):
        enqueue(database, durable, "some_work", "left", timedelta(seconds=4))
    with life(database_url, "new", some_work=lambda steps, payload: seen.append(f"new {payload['plan']}")):
        eventually(lambda: seen, "the work is done")
        eventually(lambda: is_recorded(database_url), "it is recorded")
    assert seen == ["new left"]
    assert {row[0] for row in rows(database_url, _of(database_url, "application_version"))} == {APPLICATION_VERSION}


def _of(url: str, column: str, where: str = "1 = 1", *, table: str = "workflow_status") -> str:
    schema_name = "" if url.startswith("sqlite") else "dbos."
    return f"SELECT {column} FROM {schema_name}{table} WHERE {where}"


async def test_each_boot_has_an_executor_id_of_its_own(sqlite_url: str) -> None:
    owners = []
    for _ in range(2):
        async with world(settings_for(sqlite_url)) as tocsin:
            owners.append(tocsin.app.store.owner)
    assert len(set(owners)) == 2


async def test_60_expiries_at_once_meet_no_lock(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> None:
    settings = settings_for(sqlite_url, policy={"approve_within_seconds": 2})
    async with world(settings) as tocsin:
        for number in range(60):
            await tocsin.command("ben", "general", f"/gw scale {4 + number % 10}")

        def over() -> bool:
            states = rows(sqlite_url, "SELECT state, count(*) FROM tocsin_plans GROUP BY state")
            return [tuple(row) for row in states] == [(PlanState.EXPIRED.value, 60)]

        await asyncio.to_thread(eventually, over, "all expire")
        expired = await tocsin.app.store.look(
            lambda tx: (
                sum(one.kind == "expired" for one in audited(tx, 1000)) * (verify(tx.connection).broken_at is None)
            )
        )
        assert expired == 60
    assert "locked" not in caplog.text
    assert {row[0] for row in rows(sqlite_url, _of(sqlite_url, "status", "name = 'expire-plan'"))} == {"SUCCESS"}


async def test_the_engine_keeps_json_and_no_pickles(tocsin_on: World, database_url: str) -> None:
    receipt = await tocsin_on.command("ben", "general", "/gw scale 5")
    await tocsin_on.click("ana", receipt.reply_key, "Confirm")
    assert (await tocsin_on.settled()).state is PlanState.DONE
    inputs = rows(database_url, _of(database_url, "inputs", table="workflow_input"))
    assert len(inputs) == 2
    assert all("plan" in json.dumps(json.loads(row[0])) for row in inputs)
    assert {row[0] for row in rows(database_url, _of(database_url, "serialization"))} == {"portable_json"}
    outputs = rows(database_url, _of(database_url, "output", "output IS NOT NULL", table="operation_outputs"))
    assert outputs
    assert {json.loads(row[0]) for row in outputs} == {None, False}, "of steps only whether one has stepped aside"


async def test_every_connection_to_sqlite_is_durable_and_patient(tocsin: World, sqlite_url: str) -> None:
    """Those of the engine's library too: WAL is kept in the file, the rest is asked of each connection."""
    from dbos._dbos import _dbos_global_instance

    assert _dbos_global_instance is not None
    ours, theirs = tocsin.app.store.database.engine, _dbos_global_instance._sys_db.engine
    for engine in (ours, theirs):
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000


def test_the_migrations_make_the_tables_of_the_code_and_leave_the_engines_alone(database_url: str) -> None:
    with life(database_url, "tables"):
        pass
    engine = make_engine(database_url, busy_timeout=10)
    with engine.connect() as connection:
        options: dict[str, Any] = {
            "include_name": lambda name, kind, _: kind != "table" or str(name).startswith(schema.PREFIX),
            "version_table": f"{schema.PREFIX}version",
            "compare_type": True,
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, schema.metadata) == []
    migrate(engine)
    engine.dispose()
    assert all(table.startswith(schema.PREFIX) for table in schema.metadata.tables)


def test_finished_work_is_collected_and_work_that_waits_is_kept(database_url: str) -> None:
    done = _of(database_url, "workflow_uuid", "status = 'SUCCESS'")
    with life(database_url, "collector", some_work=lambda steps, payload: None) as (database, durable):
        for number in range(5):
            enqueue(database, durable, "some_work", f"now-{number}")
        enqueue(database, durable, "some_work", "later", timedelta(days=2))
        eventually(lambda: len(rows(database_url, done)) == 5, "five are done")
        durable.collect(timedelta(days=1))
        assert len(rows(database_url, done)) == 5
        eventually(lambda: durable.collect(timedelta(0)) or not rows(database_url, done), "they are collected")
        for table in ("workflow_status", "workflow_input"):
            assert [row[0] for row in rows(database_url, _of(database_url, "workflow_uuid", table=table))] == ["later"]


def test_a_step_that_is_done_is_not_run_again_by_the_next_life(sqlite_url: str) -> None:
    """A process is stopped in the middle: what was done is kept, what was not is done."""
    ran: list[str] = []

    def stopped(steps: Steps, payload: dict[str, Any]) -> None:
        steps.run("first", lambda: ran.append("first 0"))
        steps.run("second", die)

    def die() -> None:
        ran.append("died")
        raise CancelledError

    def whole(steps: Steps, payload: dict[str, Any]) -> None:
        steps.run("first", lambda: ran.append("first 1"))
        steps.run("second", lambda: ran.append("second 1"))

    with life(sqlite_url, "life-0", two_steps=stopped) as (database, durable):
        enqueue(database, durable, "two_steps", "once")
        eventually(lambda: "died" in ran, "the process stops")
    with life(sqlite_url, "life-1", two_steps=whole) as (_, durable):
        for _ in range(2):
            durable.recover(["life-0"])
        eventually(lambda: "second 1" in ran, "the next life goes on")
    assert ran == ["first 0", "died", "second 1"]


def test_nothing_but_the_port_knows_the_engine() -> None:
    """The import contract says so for modules; this, that the port itself shows nothing of it."""
    import bot.engine.durable as port

    shown = [name for name in ("Durable", "Steps", "Workflow") if "dbos" in str(getattr(port, name).__module__)]
    assert shown == []
    program = "import sys, commands.mitigation, commands.registry as r; r.discover(); print('dbos' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=_ROOT)
    assert found.stdout.strip() == "False"


_ROOT = Path(__file__).parents[2]


def test_a_time_without_a_zone_is_never_stored(sqlite_url: str) -> None:
    engine = make_engine(sqlite_url, busy_timeout=10)
    migrate(engine)
    naive = datetime.now(UTC).replace(tzinfo=None)
    row = {"incident": "x", "markdown": "", "template": "002", "drafted_at": naive}
    with pytest.raises(sa.exc.StatementError, match="a time without a zone"), engine.begin() as connection:
        connection.execute(schema.postmortems.insert().values(row))
    engine.dispose()


async def test_a_plan_that_an_older_program_ordered_is_carried_out(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(settings_for(sqlite_url)) as tocsin:
        # The order is all that the older program did otherwise; the rest of what it wrote is as it is now.
        monkeypatch.setattr(ordering, "WORKFLOW", ordering.EARLIER)
        receipt = await tocsin.command("ben", "general", "/gw scale 5")
        await tocsin.click("ana", receipt.reply_key, "Confirm")
        plan = await tocsin.settled()
        assert plan.state is PlanState.DONE, plan.detail
    done = rows(sqlite_url, _of(sqlite_url, "function_name", f"workflow_uuid = '{plan.id}'", table="operation_outputs"))
    assert [row[0] for row in done] == ["lock", "check", "execute", "read back", "verify"]
