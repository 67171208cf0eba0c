"""Moves what SQLite's log holds into the file, beside those who write: by itself SQLite makes one of them wait for it.

A commit appends to the log (the WAL). When that has grown, SQLite has the next writer copy all of it into the file and
wait for the disk twice more: a hundred milliseconds at a bad moment. A copy that another connection makes holds nobody
up (sqlite.org/wal.html).
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

log = logging.getLogger(__name__)

#: SQLite's own way is left as the last resort: so many pages of 4 KiB.
LAST_RESORT_PAGES = 32_768
#: Begun anew above so many pages; for that, writers wait until the rest is copied.
_LONG_PAGES = 4_000
_PAUSE_SECONDS, _PATIENCE_SECONDS = 0.5, 0.05


class Checkpoints:
    """A thread of its own, asleep while nothing is written. `pause` in seconds, `long` in pages of the log."""

    def __init__(self, file: Path, *, pause: float = _PAUSE_SECONDS, long: int = _LONG_PAGES) -> None:
        self._file = file
        self._pause, self._long = pause, long
        self._written, self._ending = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-checkpoint", daemon=True)
        self._thread.start()

    def written(self, _connection: object) -> None:
        """The log has grown. From any thread; does not block."""
        self._written.set()

    def close(self) -> None:
        """End, before the connections do: the last of them copies what is left."""
        self._ending.set()
        self._written.set()
        self._thread.join()

    def _run(self) -> None:
        while self._written.wait() and not self._ending.wait(self._pause):
            self._written.clear()
            try:
                with closing(
                    sqlite3.connect(self._file, timeout=_PATIENCE_SECONDS, isolation_level=None)
                ) as connection:
                    _copy(connection, self._long)
            except sqlite3.Error as error:
                log.info("the log of %s was not copied; it is tried again: %s", self._file, error)


def _copy(connection: sqlite3.Connection, long: int) -> None:
    """All that no reader needs as it was; then, where the log is long, the rest, so that it begins anew."""
    _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if pages > long:
        connection.execute("PRAGMA wal_checkpoint(RESTART)")
