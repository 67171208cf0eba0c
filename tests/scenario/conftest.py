"""The bot on a stage: a clock that stands still, and transcripts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.scenario.stage import Stage, Still
from tests.world import settings_for, world


@pytest.fixture
async def stage(sqlite_url: str) -> AsyncIterator[Stage]:
    """On SQLite."""
    async with world(settings_for(sqlite_url), clock=Still()) as running:
        yield Stage(running)


@pytest.fixture
async def stage_on(database_url: str) -> AsyncIterator[Stage]:
    """On both kinds of database."""
    async with world(settings_for(database_url), clock=Still()) as running:
        yield Stage(running)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """On SQLite, one for all tests of a module: for those that stand on nothing which others leave behind."""
    file = tmp_path_factory.mktemp("shared") / "tocsin.db"
    async with world(settings_for(f"sqlite:///{file}"), clock=Still()) as running:
        yield Stage(running)
