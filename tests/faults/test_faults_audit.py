"""The audit is verified while others write: no false alarm, and nobody waits for it."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from bot.cli import app
from bot.store import audit
from bot.store.audit import SqlAudit, verify, verify_at
from bot.store.database import Database
from bot.store.errors import StoreUnavailable
from bot.store.migrations import migrate
from commands.cards import card
from tests.world import World


def test_a_walk_beside_an_appender_finds_no_change(database_url: str) -> None:
    database = Database(database_url)
    migrate(database.engine)
    ended = threading.Event()

    def append_on() -> None:
        while not ended.is_set():
            database.write_now(lambda c: SqlAudit(c, datetime.now(UTC)).append("x", actor="a", subject="s", detail={}))

    with ThreadPoolExecutor(1) as pool:
        appending = pool.submit(append_on)
        try:
            walks = [(database.read_now(verify), verify_at(database_url, busy_timeout=30)) for _ in range(60)]
        finally:
            ended.set()
            appending.result()
    database.close()
    assert {report.why for pair in walks for report in pair} == {""}
    assert walks[-1][0].entries > walks[0][0].entries


async def test_a_walk_in_chat_holds_up_nobody_who_writes(tocsin: World, monkeypatch: pytest.MonkeyPatch) -> None:
    walking, go_on = threading.Event(), threading.Event()
    whole = audit.verify_chain

    def slowly(*given: Any) -> Any:
        walking.set()
        assert go_on.wait(20)
        return whole(*given)

    monkeypatch.setattr(audit, "verify_chain", slowly)  # a walk over millions of entries, without them
    asked = asyncio.create_task(tocsin.say("eve", "general", "/audit verify"))
    assert await asyncio.to_thread(walking.wait, 20)
    try:
        await asyncio.wait_for(
            tocsin.app.store.transact("beside", lambda tx: tx.messages.post("general", card("beside"), key="b")), 10
        )
    finally:
        go_on.set()
    assert (await asked).startswith("The audit is intact")


@pytest.fixture
def printed(tmp_path: Path) -> Any:
    """`tocsin audit verify` on a database."""

    def run(url: str) -> tuple[int, str]:
        file = tmp_path / "tocsin.yaml"
        file.write_text(yaml.safe_dump({"database_url": url}), encoding="utf-8")
        done = CliRunner().invoke(app, ["audit", "verify", "--config", str(file)])
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done.exit_code, done.output

    return run


def test_the_command_line_reads_and_makes_nothing(tmp_path: Path, printed: Any) -> None:
    missing, empty, other = tmp_path / "none" / "a.db", tmp_path / "empty.db", tmp_path / "other.db"
    empty.touch()
    other.write_text("no database, but quite long enough to be looked at" * 100, encoding="ascii")
    assert printed(f"sqlite:///{missing}") == (1, f"There is no database {missing}: check database_url.\n")
    assert not missing.parent.exists()
    code, said = printed(f"sqlite:///{empty}")
    assert (code, said.startswith("The database holds no audit")) == (1, True)
    assert printed(f"sqlite:///{other}") == (1, "The audit cannot be read: file is not a database.\n")
    assert printed(f"sqlite:///{tmp_path}")[0] == 1


def test_the_command_line_says_what_it_found(tmp_path: Path, printed: Any, sqlite_url: str) -> None:
    database = Database(sqlite_url)
    migrate(database.engine)
    database.write_now(lambda c: SqlAudit(c, datetime.now(UTC)).append("x", actor="a", subject="s", detail={}))
    assert printed(sqlite_url)[1].startswith("The audit is intact: 1 entry, head ")
    database.write_now(lambda c: c.exec_driver_sql("UPDATE tocsin_audit SET actor = 'mallory'"))
    assert printed(sqlite_url) == (1, "The audit was changed: entry 1: its content was changed.\n")
    database.close()


def test_a_database_that_is_not_there_is_no_traceback() -> None:
    with pytest.raises(StoreUnavailable, match="The audit cannot be read"):
        verify_at("postgresql://tocsin:secret-word@127.0.0.1:1/tocsin", busy_timeout=1)
