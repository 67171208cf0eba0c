"""A console on fakes for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.console.serving import Stage


@pytest.fixture
def stage() -> Stage:
    """A console with one open channel, one message in it, and a private channel of Ana's."""
    made = Stage()
    made.record.room("operations", "Day to day")
    made.record.room("secret", members=frozenset({"ana"}))
    made.record.put("operations", "hello", author="ben", key="hello")
    return made


@pytest.fixture
async def ana(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """Ana's browser: hers is the first page of a demo."""
    async with stage.visitor() as client:
        yield client


@pytest.fixture
async def ben(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """Ben's browser."""
    async with stage.visitor("ben") as client:
        yield client
