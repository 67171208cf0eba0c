"""Bots as processes. Starting one takes a while, so the tests of a module share them where that weakens nothing.

Not those of a run: a bot that idles takes a twentieth of a core from everybody else.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests import postgres
from tests.faults.processes import Scene, scene
from tests.simulators.gateway.server import GatewaySimulator, gateway_simulator

NewDatabase = Callable[[Path], AbstractContextManager[str]]


class Pool:
    """At most one idle bot. One that a test leaves in disorder is thrown away, and the next test gets a new one."""

    def __init__(self, directory: Callable[[str], Path], database: NewDatabase) -> None:
        self._directory = directory
        self._database = database
        self._kept: tuple[Scene, contextlib.ExitStack] | None = None
        self._numbers = itertools.count()

    def take(self) -> Scene:
        """A running bot with a fresh gateway."""
        self._kept = self._kept or self._make()
        self._kept[0].gateway.come_back()
        self._kept[0].gateway.reset()
        return self._kept[0]

    def put_back(self) -> None:
        """Keep it, if it is at rest."""
        assert self._kept
        found, _ = self._kept
        found.gateway.faults.clear()
        if not (found.bot.is_alive and found.record.at_rest()):
            self.close()

    def close(self) -> None:
        """End it."""
        if self._kept:
            _, ending = self._kept
            self._kept = None
            ending.close()

    def _make(self) -> tuple[Scene, contextlib.ExitStack]:
        directory = self._directory(f"bot{next(self._numbers)}")
        with contextlib.ExitStack() as ending:
            gateway = ending.enter_context(gateway_simulator())
            url = ending.enter_context(self._database(directory))
            acting = ending.enter_context(scene(directory, url, gateway))
            return acting, ending.pop_all()
        raise AssertionError("unreachable")


@pytest.fixture(scope="module")
def sqlite_bots(tmp_path_factory: pytest.TempPathFactory, sqlite_with_tables: Path) -> Iterator[Pool]:
    """The bots of a module on SQLite."""

    def new(path: Path) -> AbstractContextManager[str]:
        return contextlib.nullcontext(f"sqlite:///{shutil.copy(sqlite_with_tables, path / 'tocsin.db')}")

    pool = Pool(tmp_path_factory.mktemp, new)
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def postgres_bots(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[Pool]:
    """The bots of a module on Postgres."""
    pool = Pool(tmp_path_factory.mktemp, lambda _: postgres.database(postgres_server))
    yield pool
    pool.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def acting(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A running bot on each kind of database; it may have served other tests before."""
    pool: Pool = request.getfixturevalue(f"{request.param}_bots")
    yield pool.take()
    pool.put_back()


@pytest.fixture
def sqlite_acting(sqlite_bots: Pool) -> Iterator[Scene]:
    """The same on SQLite alone, for what does not depend on the database."""
    yield sqlite_bots.take()
    sqlite_bots.put_back()


@pytest.fixture
def gateway() -> Iterator[GatewaySimulator]:
    """A gateway of one's own."""
    with gateway_simulator() as simulator:
        yield simulator
