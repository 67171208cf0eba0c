"""Connections, transactions and their failures; SQLite and Postgres by one URL.

Transactions are synchronous functions that run in worker threads: one writer on SQLite (which has one
anyway), several on Postgres. A transaction that lost a race is run again from its start.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
import tenacity
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DatabaseError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from bot.store.checkpoints import LAST_RESORT_PAGES, Checkpoints
from bot.store.errors import AlreadyRunning, StoreUnavailable
from bot.store.writers import Writers

T = TypeVar("T")
Operation = Callable[[sa.Connection], T]

_RACES = ("40001", "40P01")  # Postgres: serialization failure, deadlock
_READ_ONLY = "25006"  # Postgres: a server that follows another one


def make_engine(url: str, *, busy_timeout: float, pool_size: int = 8) -> sa.Engine:
    """An engine with what durable.md asks for: WAL and synchronous=FULL on SQLite, checked connections."""
    if url.startswith("sqlite"):
        engine = sa.create_engine(url, pool_size=pool_size, max_overflow=0, connect_args={"check_same_thread": False})
        _prepare_sqlite(engine, busy_timeout)
        return engine
    return sa.create_engine(_with_driver(url), pool_size=pool_size, max_overflow=4, pool_pre_ping=True)


def _with_driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1).replace("postgres://", "postgresql+psycopg://", 1)


def _prepare_sqlite(engine: sa.Engine, busy_timeout: float) -> None:
    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, explicitly
        for pragma in (
            f"busy_timeout={int(busy_timeout * 1000)}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"wal_autocheckpoint={LAST_RESORT_PAGES}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # A writer that starts as a reader can fail half way with "database is locked"; so it starts as a writer.
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    _end_statements(engine)


def _end_statements(engine: sa.Engine) -> None:
    """A transaction takes its statements along when it ends.

    A result that was not read to its end, and that the traceback of an error keeps alive, would go on reading
    an old state: the next writer on that connection is told "database is locked" at once.
    """

    @event.listens_for(engine, "after_cursor_execute")
    def _note(connection: sa.Connection, cursor: Any, *_: Any) -> None:
        if cursor.description is not None:
            connection.info.setdefault("open", []).append(cursor)

    def _close(connection: sa.Connection) -> None:
        for cursor in connection.info.pop("open", ()):
            cursor.close()

    event.listen(engine, "commit", _close)
    event.listen(engine, "rollback", _close)


class Database:
    """The one place where a transaction begins and ends."""

    def __init__(self, url: str, *, busy_timeout: float = 30.0) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self._lock = FileLock(url) if self.is_sqlite else None
        self.engine = make_engine(url, busy_timeout=busy_timeout)
        self._writers = Writers(1 if self.is_sqlite else 6, self.write_now, self.engine if self.is_sqlite else None)
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="store-read")
        file = file_of(url)
        self._checkpoints = Checkpoints(file) if file else None
        if self._checkpoints:
            event.listen(self.engine, "commit", self._checkpoints.written)

    async def write(self, operation: Operation[T], *, urgent: bool = False, later: bool = False) -> T:
        """Run in one transaction, in a worker thread; before all others where somebody waits for it at this moment.

        `later`: after all others, for what comes in any number. Raises StoreUnavailable; refusals pass through.
        """
        done: T = await asyncio.wrap_future(self._writers.submit(operation, urgent=urgent, later=later))
        return done

    async def read(self, operation: Operation[T]) -> T:
        """Run on a snapshot: what it reads is of one moment. In a worker thread; raises StoreUnavailable."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, operation)

    async def lend(self, work: Callable[[], T]) -> T:
        """For a library that brings its own tables and uses `engine`: in a worker thread. Raises StoreUnavailable."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, _explaining, work)

    def write_now(self, operation: Operation[T]) -> T:
        """As `write`, in the calling thread."""
        try:
            return _insist(lambda: self._once(operation))
        except SQLAlchemyError as error:
            raise _told(error) from error

    def read_now(self, operation: Operation[T]) -> T:
        """As `read`, in the calling thread."""
        try:
            return read_on(self.engine, operation)
        except SQLAlchemyError as error:
            raise _told(error) from error

    def _once(self, operation: Operation[T]) -> T:
        with self.engine.begin() as connection:
            return operation(connection)

    def close(self) -> None:
        """End the threads, then the connections, then let go of the file."""
        self._writers.close()
        self._readers.shutdown()
        if self._checkpoints:
            self._checkpoints.close()
        self.engine.dispose()
        if self._lock:
            self._lock.release()


def _explaining(work: Callable[[], T]) -> T:
    try:
        return work()
    except SQLAlchemyError as error:
        raise _told(error) from error


@contextlib.contextmanager
def snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction whose statements all see the same moment: Postgres has to be asked, SQLite has no other."""
    once = {"reading": True} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with engine.connect() as connection, connection.execution_options(**once).begin():
        yield connection


def read_on(engine: sa.Engine, operation: Operation[T]) -> T:
    """Run on a snapshot; again, on a newer one, when a row that was to be locked has changed since."""

    def once() -> T:
        with snapshot(engine) as connection:
            return operation(connection)

    return _insist(once)


def _insist(work: Callable[[], T]) -> T:
    """Again only where a race was lost, which is rare: most transactions do without the means for it."""
    try:
        return work()
    except SQLAlchemyError as error:
        if not _lost_a_race(error):
            raise
    result: T = _retrying(work)
    return result


class Lender(Protocol):
    """A database for a library that brings its own tables."""

    @property
    def engine(self) -> sa.Engine:
        """Used within `lend` only."""

    async def lend(self, work: Callable[[], T]) -> T:
        """Do work with the engine in a thread. Raises StoreUnavailable."""


class Glance:
    """A look at a database that a bot may be using. Raises StoreUnavailable when it is not there or does not answer."""

    def __init__(self, url: str, *, busy_timeout: float) -> None:
        if not self.is_there(url):
            raise StoreUnavailable("There is no database yet.")
        self.engine = make_engine(url, busy_timeout=busy_timeout, pool_size=1)

    @staticmethod
    def is_there(url: str) -> bool:
        """Whether there is a file; a server has its own answer."""
        file = sa.make_url(url).database if url.startswith("sqlite") else None
        return not file or Path(file).exists()

    async def lend(self, work: Callable[[], T]) -> T:
        """See Lender."""
        return await asyncio.to_thread(_explaining, work)

    async def answers(self) -> None:
        """Raises StoreUnavailable."""
        await self.lend(lambda: self.engine.connect().close())

    def close(self) -> None:
        """Let go."""
        self.engine.dispose()


def insert_once(connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> bool:
    """Insert a row; False, and nothing, when a row with one of its unique keys is there (committed or coming)."""
    return connection.execute(_insert_once(table, connection.dialect.name), row).first() is not None


@cache
def _insert_once(table: sa.Table, dialect_name: str) -> sa.Executable:
    """The statement, built once a table. Postgres's driver reports no count for it, so what was stored is returned."""
    dialect = sqlite if dialect_name == "sqlite" else postgresql
    once: sa.Executable = dialect.insert(table).on_conflict_do_nothing().returning(sa.literal_column("1"))
    return once


def _lost_a_race(error: BaseException) -> bool:
    if isinstance(error, IntegrityError):
        return True
    return isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) in _RACES


_retrying = tenacity.Retrying(
    retry=tenacity.retry_if_exception(_lost_a_race),
    stop=tenacity.stop_after_attempt(20),
    wait=tenacity.wait_random_exponential(multiplier=0.005, max=0.25),
    reraise=True,
)


def is_gone(error: SQLAlchemyError) -> bool:
    """Whether the database is the reason. Anything else is a fault of ours, which trying again would only repeat."""
    if isinstance(error, OperationalError | InterfaceError | NoConnectionFree):
        return True
    # SQLite says of a file that is damaged, or is none of its own, no more than this.
    return type(error) is DatabaseError or getattr(getattr(error, "orig", None), "sqlstate", None) == _READ_ONLY


def _told(error: SQLAlchemyError) -> Exception:
    return StoreUnavailable(explained(error)) if is_gone(error) else error


def reason(error: SQLAlchemyError) -> str:
    """The database's own words, one line of them."""
    said = getattr(error, "orig", None) or error
    return (str(said).splitlines() or [""])[0] or type(said).__name__


def explained(error: SQLAlchemyError) -> str:
    """What went wrong and what to do, for people."""
    text = reason(error)
    for sign, words in _REASONS.items():
        if sign in text:
            return f"{words} Nothing was stored and nothing was changed; send it again. ({text})"
    return f"The database did not take it. Nothing was changed; send it again. ({text})"


_REASONS = {
    "disk is full": "The disk of the database is full: free some space.",
    "disk I/O error": "The disk of the database fails or is full: check it.",
    "database is locked": "The database is locked by another program: close it.",
    "readonly database": "The database file is read-only: check its owner and permissions.",
    "not a database": "The file is no database: check database_url.",
    "malformed": "The database file is damaged: restore a backup.",
    "QueuePool": "All connections to the database are busy.",
    "connection": "The database cannot be reached.",
}


def check_url(url: str) -> None:
    """Raises ValueError for what is no address of a database that we can use."""
    allowed = "allowed: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise ValueError(f"it is no address of a database; {allowed}") from None
    if parsed.drivername not in {"sqlite", "postgresql", "postgres", "postgresql+psycopg"}:
        raise ValueError(f"{parsed.drivername} is no database that Tocsin uses; {allowed}")
    if not parsed.database or parsed.database == ":memory:":
        raise ValueError(f"it names no {'file' if parsed.drivername == 'sqlite' else 'database'}; {allowed}")


def directory_of(url: str) -> Path:
    """Where a SQLite file is; `var` when the database is elsewhere."""
    file = file_of(url)
    return file.parent if file else Path("var")


def file_of(url: str) -> Path | None:
    """The file of an SQLite database; None for any other."""
    name = sa.make_url(url).database if url.startswith("sqlite") else None
    return Path(name.removeprefix("file:")) if name and name != ":memory:" else None


class FileLock:
    """One process on a SQLite file (durable.md, pitfall 5), held until the process ends, however it ends."""

    def __init__(self, url: str) -> None:
        path = file_of(url)
        self._file = None
        if path:
            try:
                self._file = _hold_alone(path)
            except OSError as error:
                raise StoreUnavailable(f"The database file {path} cannot be used: {error.strerror}.") from None

    def release(self) -> None:
        """Let go."""
        if self._file:
            self._file.close()


def _hold_alone(path: Path) -> Any:
    """The incidents of a company are not for every user of the machine, however the file was made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    held = _hold(path.with_name(f"{path.name}.lock"), path)
    try:
        path.touch(mode=0o600)
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except OSError:
        held.close()
        raise
    return held


def _hold(lock: Path, database: Path) -> Any:
    import fcntl
    import os

    file = lock.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read(40).strip() or "unknown"
        file.close()
        raise AlreadyRunning(
            f"Another Tocsin (process {holder}) already uses {database}. Stop it, or give this one its own "
            "database_url; several on one database need Postgres."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
