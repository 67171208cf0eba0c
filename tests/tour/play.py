"""What people do on the tour, and what they read because of it; by the name of each part."""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.platforms.console.settings import ConsoleSettings
from commands.cards import Card
from commands.domain.plan import FINAL
from commands.mitigation import leasing
from commands.ports import Change
from tests.fakes import START
from tests.scenario.stage import Stage, Still, stable
from tests.slack.stage import PEOPLE, SlackWorld, slack_world
from tests.tour.gateway import Struggling, bad

POLICY = """
people_sets:
  operators: {roles: [operator, admin]}
rules:
- {name: undo, effect: allow, commands: [gw undo], who: {sets: [operators]}}
- {name: two-people, effect: allow, commands: [gw scale], who: {sets: [operators]},
   approvals: {count: 1, who: {sets: [operators]}}}
"""
_CHART = re.compile(r"^  \[Errors and p95 of .*\]$", re.MULTILINE)
_ASKED = re.compile(r"\n  \(@[^:]+: /[^)]*\)$")
_VERIFY = {"poll_seconds": 0.01, "every_seconds": 1, "within_seconds": 20, "effect_within_seconds": 600}
#: How many of all requests fail while the new workers come, minute by minute.
_RECOVERY = (0.31, 0.14, 0.03, 0.002)


@dataclass
class Tour:
    """The bot, the Slack that it is in, and what was said so far."""

    slack: SlackWorld
    gateway: Struggling
    stage: Stage
    settings: ConsoleSettings = field(default_factory=ConsoleSettings)
    room: str = ""
    parts: dict[str, list[str]] = field(default_factory=dict)
    cards: dict[str, tuple[datetime, Card]] = field(default_factory=dict)

    # ------------------------------------------------------------ in the console

    async def types(self, part: str, who: str, line: str, *, where: str = "", known: bool = False) -> str:
        """Type a line; the key of what answers it. An answer that is `known` by now is not written down again."""
        receipt = await self.slack.world.command(who, where or self.room, line)
        self.writes(part, stable(f"{who}> {line}"))
        if not known:
            await self.reads(part, receipt.reply_key, who)
        return receipt.reply_key

    async def presses(self, part: str, who: str, key: str, label: str) -> None:
        """Press a button; where somebody is answered apart from the message, that is read."""
        receipt = await self.stage.clicks(who, await self.slack.world.message(key, who), label)
        self.writes(part, f"{who} presses {label}")
        if receipt.reply_key and receipt.reply_key != key:
            await self.reads(part, receipt.reply_key, who)

    async def reads(self, part: str, key: str, who: str = "ana") -> None:
        """A message as it is now."""
        message = await self.slack.world.message(key, who)
        self.writes(part, stable(_briefly(part, await self.slack.world.read(key, who))))
        if message.card:
            self.cards[part] = (self.slack.world.clock.now(), message.card)

    async def told(self, key: str, words: str) -> None:
        """Wait until a message says something."""

        async def says() -> bool:
            return words in await self.slack.world.read(key)

        await self.slack.world.until(says)

    async def measured(self, *rates: float) -> None:
        """The watch has kept so much, one reading a minute, the last a minute ago."""
        well = self.gateway.reading_now
        await self.stage.measured(*(well.model_copy(update=bad(rate)) for rate in rates))

    def writes(self, part: str, text: str) -> None:
        """One more thing that happened."""
        self.parts.setdefault(part, []).append(text)

    async def over(self, key: str) -> None:
        """Wait for the end of a plan."""
        plan = key.partition(":")[0]

        async def ended() -> bool:
            return (await self.slack.world.plan(plan)).state in FINAL

        await self.slack.world.until(ended)

    # ------------------------------------------------------------ in Slack

    async def slash(self, part: str, who: str, line: str, channel: str, *, only: str = "") -> None:
        """Type a line in Slack; what is said in every channel, or in one."""
        self.writes(part, f"{who}> {line}")
        await self.hears(part, self.slack.slash(who, line, channel), only=only)

    async def clicks(self, part: str, who: str, label: str, channel: str) -> None:
        """Press a button in Slack."""
        self.writes(part, f"{who} presses {label}")
        await self.hears(part, self.slack.click(who, channel, label))

    async def hears(self, part: str, act: Awaitable[None], *, only: str = "") -> None:
        """What is new in Slack's channels, or another than before, as people see it there."""
        before = self._shown()
        await act
        for (channel, _), text in _news(before, self._shown()):
            if only in {"", channel}:
                self.writes(part, f"#{channel} {stable(text)}")

    def _shown(self) -> dict[tuple[str, str], str]:
        """Every message of the channels by its place."""
        core = self.slack.slack.core
        return {
            (channel.name, one.ts): "\n".join(core.transcripts.message(channel, one))
            for team in core.state.teams.values()
            for channel in team.channels.values()
            for one in channel.messages
            if one.bot_id
        }


def _news(before: dict[tuple[str, str], str], after: dict[tuple[str, str], str]) -> list[tuple[tuple[str, str], str]]:
    """What people would notice: a mark of having been edited alone is nothing."""
    same = {place: text.replace("(edited) ", "") for place, text in before.items()}
    return [(place, text) for place, text in after.items() if same.get(place) != text.replace("(edited) ", "")]


def _briefly(part: str, text: str) -> str:
    """A chart's words are read where it is spoken of; whose question it was stands above already."""
    text = _ASKED.sub("", text)
    return text if part in {"changes", "verified"} else _CHART.sub("  [chart]", text)


@asynccontextmanager
async def opened(at: datetime = START) -> AsyncIterator[Tour]:
    """Fresh, with twenty minutes behind it: well at first, then a third of the requests fail."""
    clock = Still(at)
    gateway = Struggling(clock)
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder) / "policy.yaml"
        policy.write_text(POLICY, encoding="utf-8")
        known = {"policy": {"file": str(policy)}, "people": PEOPLE, "verify": _VERIFY}
        url = f"sqlite:///{Path(folder) / 'tocsin.db'}"
        async with slack_world(url, clock=clock, gateway=gateway, overrides=known) as slack:
            stage = Stage(slack.world)
            tour = Tour(slack, gateway, stage)
            why = {"kind": "config", "before": "timeout 5 s", "after": "timeout 1 s", "outcome": "done"}
            gateway.changes.append(Change(at=at - timedelta(minutes=9), actor="root", reason="", **why))
            await tour.measured(*[0.002] * 12, 0.02, 0.11, 0.24, *[0.31] * 5)
            yield tour


async def played(tour: Tour, *, midway: Callable[[Tour], Awaitable[None]] | None = None) -> None:
    """The whole tour; `midway` is when the change has been made and verified."""
    for part in (_declare, _look, _plan):
        await part(tour)
    if midway:
        await midway(tour)
    for part in (_veto, _drift, _lease, _undo, _freeze, _glass, _audit, _in_slack):
        await part(tour)


async def _declare(tour: Tour) -> None:
    await tour.types("declare", "ana", "/incident declare sev1 API answers 502", where="general")
    tour.room = (await tour.slack.world.app.store.look(lambda tx: tx.incidents.recent(open_only=True, limit=1)))[0].id
    await tour.types("declare", "ana", "/incident role claim ic")
    await tour.reads("declare", f"{tour.room}:card")


async def _look(tour: Tour) -> None:
    for line in ("/gw status", "/gw metrics", "/gw pods", "/gw changes 30m"):
        await tour.types("look", "ben", line)


async def _plan(tour: Tour) -> None:
    key = await tour.types("plan", "ben", "/gw scale 10")
    await tour.presses("approval", "ben", key, "Approve")
    tour.gateway.most_ready = 7
    await tour.presses("approval", "ana", key, "Approve")

    await tour.told(key, "7 of 10")
    await tour.reads("approval", key)
    tour.stage.later(minutes=len(_RECOVERY))
    await tour.measured(*_RECOVERY)
    tour.gateway.most_ready = 100
    await tour.over(key)
    await tour.reads("verified", key)


async def _veto(tour: Tour) -> None:
    key = await tour.types("stopped", "ben", "/gw scale 20", known=True)
    await tour.presses("stopped", "carla", key, "Veto")
    await tour.reads("stopped", key)


async def _drift(tour: Tour) -> None:
    key = await tour.types("stopped", "ben", "/gw scale 12", known=True)
    tour.gateway.by_hand(8, before=10, actor="root")
    tour.writes("stopped", "(somebody scales the gateway to 8 past Tocsin)")
    await tour.presses("stopped", "ana", key, "Approve")
    await tour.over(key)
    await tour.reads("stopped", key)


async def _lease(tour: Tour) -> None:
    key = await tour.types("lease", "ben", "/gw scale 12 --for 30m", known=True)
    await tour.presses("lease", "ana", key, "Approve")
    await tour.over(key)
    await tour.reads("lease", key)
    plan = key.partition(":")[0]
    tour.writes("lease", "(25 minutes later)")
    tour.stage.later(minutes=25)
    await tour.slack.world.app.store.transact("timer", lambda tx: leasing.notice(plan, 1, tx))
    notice = await tour.stage.message_with("Take back now", tour.room)
    await tour.reads("lease", notice.key)


async def _undo(tour: Tour) -> None:
    key = await tour.types("undo", "ben", "/gw undo", known=True)
    await tour.presses("undo", "ben", key, "Confirm")
    await tour.over(key)
    await tour.reads("undo", key)


async def _freeze(tour: Tour) -> None:
    await tour.types("freeze", "root", "/tocsin freeze the deploy pipeline is broken")
    await tour.types("freeze", "ben", "/gw scale 15")
    await tour.types("freeze", "root", "/tocsin thaw")


async def _glass(tour: Tour) -> None:
    tour.stage.later(seconds=1)
    key = await tour.types("glass", "ben", '/gw scale 15 --break-glass "nobody else is awake"')
    await tour.presses("glass", "ben", key, "Confirm")
    await tour.over(key)
    await tour.reads("glass", f"{key.removesuffix(':card')}:glass")
    await tour.types("glass", "ana", "/reviews")
    await tour.types("glass", "ana", f"/review {key.removesuffix(':card')} it was right")


async def _in_slack(tour: Tour) -> None:
    room, slack = tour.room.removesuffix("001") + "002", tour.slack.slack
    await tour.slash("slack", "ana", "/incident declare sev2 Checkout is slow", "general", only="general")
    await slack.join("ben", room)
    await tour.slash("slack", "ben", "/gw scale 18", room)
    await tour.clicks("slack", "ben", "Approve", room)
    tour.gateway.most_ready = 16
    tour.writes("slack", "ana presses Approve")
    await tour.hears(
        "slack", _until(tour.slack.click("ana", room, "Approve"), slack.until_shown(room, "16 of 18", seconds=60))
    )
    tour.gateway.most_ready = 100
    await tour.hears("slack", _until(tour.slack.world.settled(), tour.slack.settled()))


async def _until(*acts: Awaitable[Any]) -> None:
    for one in acts:
        await one


async def _audit(tour: Tour) -> None:
    await tour.types("glass", "root", "/audit verify")
