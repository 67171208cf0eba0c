"""Fixtures that more than one folder uses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests import postgres
from tests.world import World, settings_for, world


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


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A fresh SQLite file."""
    return f"sqlite:///{tmp_path / 'tocsin.db'}"


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
