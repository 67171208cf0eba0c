"""Bots as processes beside a simulated Slack, and people who do again what failed before their eyes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from tests.faults.processes import BotProcess, free_port
from tests.faults.record import Record
from tests.simulators.gateway.server import GatewaySimulator
from tests.simulators.slack import Slack
from tests.simulators.slack.clock import SystemClock
from tests.slack import story
from tests.slack.stage import PEOPLE, section

T = TypeVar("T")
RETRIES = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)

_BEHIND = (
    "SELECT 1 FROM tocsin_arrivals WHERE finished_at IS NULL UNION ALL "
    "SELECT 1 FROM tocsin_inbox WHERE state = 'received' UNION ALL "
    "SELECT 1 FROM tocsin_messages m JOIN tocsin_channels c ON c.name = m.channel "
    "WHERE m.delivered < m.change AND c.platform LIKE 'slack:%' UNION ALL "
    "SELECT 1 FROM tocsin_channels WHERE arranged < wish AND platform LIKE 'slack:%'"
)


@asynccontextmanager
async def slack_by_the_wall() -> AsyncIterator[Slack]:
    """A Slack whose clock is the wall's, with the story's people; events come again soon."""
    async with Slack.start(clock=SystemClock(), retries=RETRIES) as slack:
        story.furnish(slack)
        slack.server.tick()
        yield slack
    assert slack.violations == []


def bot_beside(
    slack: Slack, mode: str, directory: Path, url: str, gateway: GatewaySimulator, *, name: str = "bot"
) -> BotProcess:
    """A bot that is not started yet."""
    bot, port = BotProcess(directory, url, gateway.url, name=name), free_port()
    chat = section(slack, mode, port=port)
    bot.settings |= {"people": PEOPLE, "on_call": {"gateway": ["ana"]}, "platforms": {"slack": chat}, **story.SETTINGS}
    if mode == "http":
        slack.send_to(*slack.core.http.urls, f"http://127.0.0.1:{port}/slack/events")
    else:
        slack.use_sockets()
    return bot


class Killer:
    """kill -9 at random moments, and a new start after each; until it has had enough, or the story is over."""

    def __init__(self, bots: list[BotProcess], record: Record, *, seed: int, kills: int) -> None:
        self._bots = bots
        self._record = record
        self._random = random.Random(seed)
        self._most = kills
        self.kills = 0
        self.is_up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """From now on; the bots run."""
        self.is_up.set()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self.kills < self._most:
            await asyncio.sleep(self._random.uniform(0.05, 2.5))
            bot = self._random.choice(self._bots)
            if len(self._bots) == 1:
                self.is_up.clear()
            await asyncio.to_thread(bot.restart_after_kill, self._record)
            self.kills += 1
            self.is_up.set()

    async def stop(self) -> None:
        """No more of it. Raises what went wrong."""
        self._most = self.kills
        if self._task:
            await self._task


class Beside:
    """The crew of bots that die. What Slack took is never typed again; what failed is, unless it is stored."""

    def __init__(self, slack: Slack, record: Record, killer: Killer) -> None:
        self.slack = slack
        self._record = record
        self._killer = killer

    async def slash(self, who: str, line: str, channel: str = "general") -> None:
        """See Crew."""
        command, _, text = line.partition(" ")
        await self._insist(lambda: self.slack.slash(who, command, text, channel=channel))

    async def click(self, who: str, channel: str, label: str) -> None:
        """See Crew."""
        message = self.slack.message(channel, f"[{label}]")
        await self._insist(lambda: self.slack.click(who, message, label, channel=channel))

    async def _insist(self, act: Callable[[], Any]) -> None:
        while True:
            ack = await act()
            sent = reversed(self.slack.core.deliveries.sent)
            trigger = next(one.payload["trigger_id"] for one in sent if one.kind != "event")
            if (ack.ok and not ack.body) or await self._stored(trigger):
                break
            await self._killer.is_up.wait()
        await self.rested()

    async def _stored(self, trigger: str) -> bool:
        found = "SELECT 1 FROM tocsin_arrivals WHERE id LIKE :ending"
        return bool(await asyncio.to_thread(self._record.rows, found, ending=f"%{trigger}"))

    async def rested(self, *, within: float = 180) -> None:
        """Until Slack has delivered, and all that was taken is worked and said."""

        async def at_rest() -> bool:
            deliveries = self.slack.core.deliveries
            if deliveries._tasks or deliveries.next_due() is not None:
                return False
            return not await asyncio.to_thread(self._record.rows, _BEHIND)

        await until(at_rest, within=within)

    async def scaled(self) -> None:
        """See Crew."""

        async def ended() -> bool:
            plans = await asyncio.to_thread(self._record.plans)
            return await asyncio.to_thread(self._record.at_rest) and plans[0].outcome not in {"", None}

        await until(ended)
        await self.rested()

    async def drafted(self) -> None:
        """See Crew."""

        async def there() -> bool:
            return bool(await asyncio.to_thread(self._record.rows, "SELECT 1 FROM tocsin_postmortems"))

        await until(there)
        await self.rested()


async def until(holds: Callable[[], Any], *, within: float = 180) -> None:
    """Wait for other processes; they may be killed as often as the killer likes, and take their time to start."""
    async with asyncio.timeout(within):
        while not await holds():  # noqa: ASYNC110 - another process makes it so
            await asyncio.sleep(0.05)


def channel_today() -> str:
    """The first incident's, by the wall's clock."""
    return f"incident-{datetime.now(UTC):%Y%m%d}-001"


def end_of(slack: Slack, record: Record, where: str) -> str:
    """How it ended, to compare."""
    return story.shown(slack, record.look(lambda tx: story.timeline(tx, where)))
