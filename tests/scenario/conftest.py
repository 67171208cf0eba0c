"""The bot on a stage: a clock that stands still, and transcripts."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.gateway.running import RunningGateway
from tests.scenario.drilling import Ground, ground
from tests.scenario.stage import Stage, Still
from tests.scenario.stakeholders import Told, listening, telling
from tests.scenario.steering import Steered, gateway_process, steered
from tests.scenario.upkeep import Works, working
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
async def shared(tmp_path_factory: pytest.TempPathFactory, sqlite_with_tables: Path) -> AsyncIterator[Stage]:
    """On SQLite, one for all tests of a module: for those that stand on nothing which others leave behind."""
    file = shutil.copy(sqlite_with_tables, tmp_path_factory.mktemp("shared") / "tocsin.db")
    async with world(settings_for(f"sqlite:///{file}"), clock=Still()) as running:
        yield Stage(running)


@pytest.fixture
async def drills(sqlite_url: str) -> AsyncIterator[Ground]:
    """On SQLite, with a gateway that can be broken on purpose."""
    async with ground(sqlite_url) as found:
        yield found


@pytest.fixture
async def works(sqlite_url: str) -> AsyncIterator[Works]:
    """On SQLite, with a page outside that planned work is shown on."""
    async with working(sqlite_url) as found:
        yield found


@pytest.fixture
def wires() -> Iterator[dict[str, Any]]:
    """Teams and a webhook, on the wire."""
    with listening() as found:
        yield found


@pytest.fixture
async def told(sqlite_url: str, wires: dict[str, Any]) -> AsyncIterator[Told]:
    """On SQLite, with stakeholders of each kind."""
    async with telling(sqlite_url, wires) as running:
        yield running


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """A real gateway, for all tests of a module."""
    with gateway_process(tmp_path_factory.mktemp("steered")) as found:
        yield found


@pytest.fixture
async def here(process: RunningGateway, sqlite_url: str) -> AsyncIterator[Steered]:
    """The bot of a real gateway, of which nothing is ordered yet."""
    async with steered(process, sqlite_url) as found:
        yield found
