"""A bot in Slack, by each way in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.slack.clocks import Fast
from tests.slack.stage import MODES, SlackWorld, slack_world


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """Both ways in."""
    return str(request.param)


@pytest.fixture
async def lasting(sqlite_url: str, mode: str) -> AsyncIterator[SlackWorld]:
    """The same for what goes on failing: time must pass while it is tried again, not because of it."""
    async with slack_world(sqlite_url, mode=mode, clock=Fast()) as running:
        yield running


@pytest.fixture
async def stage(sqlite_url: str, mode: str) -> AsyncIterator[SlackWorld]:
    """A running bot."""
    async with slack_world(sqlite_url, mode=mode) as running:
        yield running
