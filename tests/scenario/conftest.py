"""The bot on a stage: a clock that stands still, and transcripts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

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
