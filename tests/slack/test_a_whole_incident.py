"""A whole incident in Slack: word for word; and the same end when calls fail in every way that the simulator has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from commands.domain.incident import Status
from tests.fakes import FakeClock
from tests.simulators.slack import Slack
from tests.slack import story
from tests.slack.clocks import Fast
from tests.slack.stage import MODES, PATIENT_SECONDS, SlackWorld, slack_world
from tests.slack.story import INCIDENT

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")


class Together:
    """The crew in one process with the bot: everything that follows from an act has happened before the next."""

    def __init__(self, stage: SlackWorld) -> None:
        self._stage = stage
        self.slack = stage.slack

    async def slash(self, who: str, line: str, channel: str = "general") -> None:
        """See Crew."""
        await self._stage.slash(who, line, channel)

    async def click(self, who: str, channel: str, label: str) -> None:
        """See Crew."""
        await self._stage.click(who, channel, label)

    async def scaled(self) -> None:
        """See Crew."""
        await self._stage.world.settled()
        await self._stage.settled()

    async def drafted(self) -> None:
        """See Crew."""
        app = self._stage.world.app

        async def there() -> str | None:
            return await app.store.look(lambda tx: tx.postmortems.get(INCIDENT))

        await self._stage.world.until(there)
        await self._stage.settled()


#: A verdict is waited for, however slow the machine is beside a clock that runs many times faster.
_PATIENT = {"poll_seconds": 0.01, "every_seconds": 1, "within_seconds": 3600, "effect_within_seconds": 3600}


@asynccontextmanager
async def workspace(url: str, mode: str, clock: FakeClock) -> AsyncIterator[SlackWorld]:
    """A bot in the story's workspace."""
    async with Slack.start(clock=clock, ack_timeout=PATIENT_SECONDS) as slack:
        story.furnish(slack)
        settings = story.SETTINGS | {"verify": _PATIENT}
        async with slack_world(url, mode=mode, slack=slack, clock=clock, overrides=settings) as stage:
            yield stage


#: Times, durations, numbers of plans and sizes of files are left out.
GOLDEN = Path(__file__).with_name("whole_incident.txt")


@pytest.mark.parametrize("mode", MODES)
async def test_an_incident_word_for_word(sqlite_url: str, mode: str) -> None:
    async with workspace(sqlite_url, mode, FakeClock()) as stage:
        await story.whole_incident(Together(stage))
        found = story.apart(story.smooth(stage.slack.transcript(INCIDENT)))
    assert found == story.apart(GOLDEN.read_text(encoding="utf-8").strip())


# ---------------------------------------------------------------- when calls fail


async def _state(stage: SlackWorld) -> str:
    """Slack and the record, to compare."""
    return story.shown(stage.slack, await stage.world.app.store.look(lambda tx: story.timeline(tx, INCIDENT)))


@pytest.mark.parametrize(("mode", "seed"), [("http", 1), ("socket", 2)])
async def test_it_ends_the_same_when_one_call_in_twenty_fails_in_each_way(
    sqlite_url: str, mode: str, seed: int, tmp_path: Path
) -> None:
    """A third of all calls fails, then: slowly, before their effect or after it, with 429, 500, 503 and nonsense.

    What only one person sees cannot be looked up in Slack, so it is said at least once, and perhaps again.
    """
    async with workspace(f"sqlite:///{tmp_path / 'clean.db'}", mode, Fast()) as stage:
        await story.whole_incident(Together(stage))
        expected = await _state(stage)
    async with workspace(sqlite_url, mode, Fast()) as stage:
        slack = stage.slack
        slack.faults.reseed(seed)
        slack.faults.all_ways(0.05)
        slack.faults.duplicate(probability=0.2)
        slack.faults.reorder(probability=0.1)
        await story.whole_incident(Together(stage))
        slack.faults.clear()
        await stage.settled()
        story.nothing_twice(slack)
        story.same(expected, await _state(stage))
        assert any("works in an incident's channel only" in words for words in story.whispers(slack))
        assert (await stage.world.incident(INCIDENT)).status is Status.RESOLVED
        assert stage.world.gateway.asked == ["scale"]
        failed = [call for call in slack.calls if call.fault]
        assert len(failed) > len(slack.calls) / 10
        assert slack.violations == []
