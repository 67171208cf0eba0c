"""Fixtures that more than one folder uses."""

from __future__ import annotations

import gc
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from _pytest.fixtures import FuncFixtureInfo
from _pytest.nodeid import NodeId

from tests import compiled, postgres
from tests.migrated import make_tables
from tests.world import World, settings_for, world

compiled.share()
gc.set_threshold(50_000, 20, 20)  # the memory of a worker grows with the tests, and looking through it often costs much

#: What makes a bot or a gateway for all tests of a module, without being of the module itself.
_SHARED = {"acting", "sqlite_acting"}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Tests that share something run in one worker, so that it is made once. The largest groups begin, then long tests.

    One that takes long and comes last has one worker at work, and all others at rest.
    """
    for item in items:
        if _shares(item) and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    yield
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    if getattr(config.option, "loadgroup", False):
        for item in items:
            _name_by_group(item)


def pytest_collection_finish() -> None:
    """What is there now stays until the end; no collection has to look through it."""
    gc.collect()
    gc.freeze()


def _shares(item: pytest.Item) -> bool:
    info: FuncFixtureInfo = getattr(item, "_fixtureinfo")  # noqa: B009 - there is no public way to ask for scopes
    made = {name for name, found in info.name2fixturedefs.items() if any(one.scope == "module" for one in found)}
    return bool(made or _SHARED & set(info.names_closure))


def _name_by_group(item: pytest.Item) -> None:
    """xdist knows the group of a test by its name. It sets what pytest 9.2 no longer looks at, and groups nothing."""
    group = item.get_closest_marker("xdist_group")
    if group and "@" not in item.nodeid.rpartition("]")[2].rpartition("::")[2]:
        setattr(item, "_id", NodeId.parse(f"{item.nodeid}@{group.args[0]}"))  # noqa: B010


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
