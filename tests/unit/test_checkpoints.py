"""What SQLite's log holds gets into the file beside those who write, and the log does not grow for ever."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.store.checkpoints import LAST_RESORT_PAGES, Checkpoints
from bot.store.database import Database
from tests.waiting import eventually

_PAGE = 4096


def words(file: Path) -> list[str]:
    """What a file holds by itself, without its log; nothing while it is being written to."""
    alone = Path(shutil.copy(file, file.with_suffix(".copy")))
    with closing(sqlite3.connect(alone)) as connection, contextlib.suppress(sqlite3.DatabaseError):
        return [row[0] for row in connection.execute("SELECT word FROM said")]
    return []


async def test_what_is_committed_gets_into_the_file_while_the_bot_runs(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.db"
    database = Database(f"sqlite:///{file}")
    try:
        await database.write(lambda c: c.exec_driver_sql("CREATE TABLE said (word TEXT)"))
        await database.write(lambda c: c.exec_driver_sql("INSERT INTO said VALUES ('kept')"))
        limit = await database.read(lambda c: c.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar_one())
        assert limit == LAST_RESORT_PAGES, "no writer copies it"
        eventually(lambda: words(file) == ["kept"], "it is copied")
    finally:
        database.close()


def test_the_log_begins_anew_while_one_goes_on_writing(tmp_path: Path) -> None:
    file = tmp_path / "busy.db"
    checkpoints = Checkpoints(file, pause=0, long=50)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for pragma in ("journal_mode=WAL", "synchronous=OFF", "wal_autocheckpoint=0"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE said (word BLOB)")
        log, written = file.with_name("busy.db-wal"), 0

        def write_on() -> bool:
            nonlocal written
            for _ in range(50):
                connection.execute("INSERT INTO said VALUES (zeroblob(3000))")
                checkpoints.written(None)
                written += 1
            return written * _PAGE > 4 * log.stat().st_size

        eventually(write_on, "less is in the log than was written")
        checkpoints.close()
        assert connection.execute("SELECT count(*) FROM said").fetchone() == (written,)
