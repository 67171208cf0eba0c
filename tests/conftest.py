"""Fixtures that more than one folder uses."""

from __future__ import annotations

import gc
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests import compiled, postgres
from tests.migrated import make_tables
from tests.world import World, settings_for, world

compiled.share()
gc.set_threshold(50_000, 20, 20)  # the memory of a worker grows with the tests, and looking through it often costs much

#: What the tests of a module share and what takes long to make: they run in one worker, so that it is made once.
_SHARED = {"shared", "process", "browser", "acting", "sqlite_acting", "running_pair"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups are begun with, the largest first."""
    for item in items:
        if _SHARED & set(getattr(item, "fixturenames", ())) and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session")
def postgres_server(testrun_uid: str) -> Iterator[str]:
    """One Postgres for the run."""
    with postgres.server(testrun_uid) as address:
        yield address


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A fresh Postgres database."""
    with postgres.database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables and nothing in them."""
    file = tmp_path_factory.mktemp("tables") / "tocsin.db"
    make_tables(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_with_tables: Path) -> str:
    """A fresh SQLite file."""
    return f"sqlite:///{shutil.copy(sqlite_with_tables, tmp_path / 'tocsin.db')}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """Both kinds of database, one after the other."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def tocsin(sqlite_url: str) -> AsyncIterator[World]:
    """The bot on SQLite."""
    async with world(settings_for(sqlite_url)) as running:
        yield running


@pytest.fixture
async def tocsin_on(database_url: str) -> AsyncIterator[World]:
    """The bot on both kinds of database."""
    async with world(settings_for(database_url)) as running:
        yield running
