"""Tocsin in a simulated Slack: the real bootstrap, Slack's own wire, and one clock for both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bot.platforms.slack.platform import Slack as SlackPlatform
from tests.fakes import FakeClock, FakeGateway
from tests.simulators.slack import Slack
from tests.world import World, settings_for, world

#: The console's five and the people of the simulated Acme, by their addresses.
PEOPLE = [
    {"id": "ana", "name": "Ana Alvarez", "roles": ["operator"], "email": "ana@acme.example"},
    {"id": "ben", "name": "Ben Brook", "roles": ["operator"], "email": "ben@acme.example"},
    {"id": "carla", "name": "Carla Costa", "roles": ["responder"], "email": "carla@acme.example"},
    {"id": "root", "name": "Root", "roles": ["admin"]},
]
MODES = ("http", "socket")
#: Slack would wait for three seconds; these stories are not about how fast the machine is.
PATIENT_SECONDS = 20.0


def section(slack: Slack, mode: str, **more: Any) -> dict[str, Any]:
    """The settings of the platform, for a simulated Slack."""
    return {
        "mode": mode,
        "bot_token": slack.bot_token,
        "app_token": slack.app_token,
        "signing_secret": slack.signing_secret,
        "api_base_url": slack.api_url,
        "port": 0,
        **more,
    }


@dataclass(repr=False)
class SlackWorld:
    """A running bot and the Slack that it is in."""

    world: World
    slack: Slack
    platform: SlackPlatform

    async def settled(self) -> None:
        """Until Slack has delivered, the bot has worked, and everything is said."""
        await self.slack.settle()
        await self.platform.intake.drain()
        await self.world.app.pipeline.drain()
        await self.platform.intake.drain()
        await self.world.until(self._said)
        await self.slack.settle()

    async def _said(self) -> bool:
        from bot.store import outgoing

        read = self.world.app.store.database.read
        return not await read(lambda c: outgoing.busy_channels(c, {"slack"}))

    async def slash(self, who: str, line: str, channel: str = "general") -> None:
        """Somebody types a command; everything that follows has happened."""
        command, _, text = line.partition(" ")
        await self.slack.slash(who, command, text, channel=channel)
        await self.settled()

    async def click(self, who: str, channel: str, label: str) -> None:
        """Somebody presses the newest button with a label in a channel."""
        message = next(
            one
            for one in reversed(self.slack.messages(channel))
            if f"[{label}]" in "\n".join(self.slack.core.transcripts.message(self.slack.channel(channel), one))
        )
        await self.slack.click(who, message, label, channel=channel)
        await self.settled()


@asynccontextmanager
async def slack_world(
    database_url: str,
    *,
    mode: str = "http",
    slack: Slack | None = None,
    clock: FakeClock | None = None,
    gateway: FakeGateway | None = None,
    overrides: Mapping[str, Any] | None = None,
    **more: Any,
) -> AsyncIterator[SlackWorld]:
    """The bot in a Slack; ended on the way out, and then the simulator is asked whether all was right.

    `overrides` are settings of the bot, `more` those of its platform.
    """
    clock = clock or FakeClock()
    if slack is None:
        async with (
            Slack.start(clock=clock, ack_timeout=PATIENT_SECONDS) as started,
            slack_world(
                database_url, mode=mode, slack=started, clock=clock, gateway=gateway, overrides=overrides, **more
            ) as running,
        ):
            yield running
        return
    values = {"people": PEOPLE, "on_call": {"gateway": ["ana"]}, "platforms": {"slack": section(slack, mode, **more)}}
    settings = settings_for(database_url, **(values | dict(overrides or {})))
    async with world(settings, clock=clock, gateway=gateway) as bot:
        platform = bot.app.platforms["slack"]
        assert isinstance(platform, SlackPlatform)
        await _meet(slack, platform, mode)
        running = SlackWorld(bot, slack, platform)
        await running.settled()
        yield running
    assert slack.violations == []


async def _meet(slack: Slack, platform: SlackPlatform, mode: str) -> None:
    if mode == "http":
        slack.send_to(*slack.core.http.urls, f"{platform.http_address}/slack/events")
    else:
        slack.use_sockets()
        await slack.until(lambda: slack.sockets.connections)
