"""`make bench-slack`: how fast Tocsin acknowledges Slack, beside a bare slack-bolt app with an empty handler.

The bot (mode http, SQLite with synchronous=FULL), the bare app and the simulated Slack are processes of their own.
Commands (`/incident list`, from ten channels) are signed and sent here, at random moments, at a rate; the two sides
take turns in the same run. An acknowledgement is the whole answer to the request: the bot has stored the command by
then. The first visible answer is the moment at which the simulator shows it to the person who asked.

Then again while a storm of 1,000 alert messages to forty channels is taken in and sent, as fast as Slack's limits let
it be. At last a hundred incidents are declared at once: each must be complete, and no call may break a rate limit. For
that part both clocks go faster (`--speed`), since Slack allows twenty new channels a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from bench.client import BenchError
from bench.declares import declare
from bench.processes import ROOT, beside, up
from bench.signed import Sent, Side
from bench.stage import PEOPLE, bolt, bot
from tests.simulators.slack.control import RemoteSlack
from tests.simulators.slack.control import process as simulator

_RATES = (1.0, 10.0, 50.0)
_ROOMS, _ALERT_ROOMS, _ALERTS = 10, 40, 1000
_STORM_RATE = 10.0


@dataclass
class Taken:
    """What a side needed, in milliseconds."""

    acks: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)

    def p(self, percent: int, of: str = "acks") -> float:
        """A percentile; with few values the last one is the greatest."""
        values: list[float] = getattr(self, of)
        return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


@dataclass
class Stage:
    """The running processes."""

    slack: RemoteSlack
    bot: Side
    bolt: Side
    directory: Path
    turn: int = 0

    async def commands(self, number: int) -> list[dict[str, Any]]:
        """Commands from everybody everywhere, in turn."""
        share = -(-number // _ROOMS)
        found = []
        for room in range(_ROOMS):
            who, where = PEOPLE[room % len(PEOPLE)], f"team-{room}"
            found.append(await self.slack.do("typed_commands", who, "/incident", "list", channel=where, times=share))
        return [one for several in zip(*found, strict=True) for one in several][:number]

    async def answers(self, sent: Sequence[Sent]) -> list[float]:
        """Wait for the visible answer of each command; milliseconds since it left."""
        for _ in range(300):
            urls = await self.slack.do("core.state.response_urls")
            if all(urls[one.answer_to]["answered"] for one in sent):
                return [(urls[one.answer_to]["answered"] - one.at) * 1000 for one in sent]
            await asyncio.sleep(0.2)
        raise BenchError("not every command was answered")

    async def turns(self, rate: float, seconds: float, rounds: int, *, answered: bool = True) -> dict[str, Taken]:
        """Both sides, one after the other, several times."""
        taken = {self.bolt.name: Taken(), self.bot.name: Taken()}
        for _ in range(rounds):
            self.turn += 1
            for side in (self.bolt, self.bot):
                commands = await self.commands(max(int(rate * seconds), 2))
                sent = await side.at_rate(commands, rate, self.turn)
                taken[side.name].acks += [one.seconds * 1000 for one in sent]
                if side is self.bot and answered:
                    taken[side.name].answers += await self.answers(sent)
        return taken


@contextlib.asynccontextmanager
async def _stage(directory: Path) -> AsyncIterator[Stage]:
    async with simulator() as slack:
        await _furnish(slack)
        with bot(directory, slack) as bot_port, bolt(directory, slack) as bolt_port:
            await asyncio.gather(up(bot_port), up(bolt_port))
            secret = slack.signing_secret
            stage = Stage(
                slack, Side("Tocsin", bot_port, secret), Side("bare slack-bolt", bolt_port, secret), directory
            )
            yield stage
            stage.bot.close()
            stage.bolt.close()
        await _nothing_wrong(slack)


async def _furnish(slack: RemoteSlack) -> None:
    for number in range(_ROOMS):
        await slack.do("add_channel", f"team-{number}", [*PEOPLE, "tocsin"])
    for number in range(_ALERT_ROOMS):
        await slack.do("add_channel", f"alerts-{number}", [*PEOPLE, "tocsin"])


async def _nothing_wrong(slack: RemoteSlack) -> None:
    wrong = await slack.violations() + [str(one) for one in await slack.do("rate_limited")]
    if wrong:
        raise BenchError(f"the simulated Slack complains: {wrong[:3]}")


async def _warm(stage: Stage) -> list[str]:
    """Everybody is known, and every channel; the names of those for alerts."""
    rooms = [f"alerts-{number}" for number in range(_ALERT_ROOMS)]
    for room in rooms:
        for one in await stage.slack.do("typed_commands", "ana", "/incident", "list", channel=room):
            await stage.answers([await stage.bot.deliver(one)])
    await stage.turns(20, 2, 1)
    found = [await stage.slack.do("channel", room) for room in rooms]
    return [f"{one['id'].lower()}@slack:{one['team']}" for one in found]


async def _storm(stage: Stage, rooms: list[str], seconds: float) -> tuple[dict[str, Taken], int]:
    """Commands while the alerts are taken in and sent; how many alerts went out meanwhile."""
    url = f"sqlite:///{stage.directory / 'var' / 'tocsin.db'}"
    before = await _posted(stage.slack)
    rain = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.storm", url, str(_ALERTS), *rooms, cwd=ROOT
    )
    taken = await stage.turns(_STORM_RATE, seconds / 4, 4)
    if await rain.wait():
        raise BenchError("the storm did not come")
    return taken, await _posted(stage.slack) - before


async def _posted(slack: RemoteSlack) -> int:
    return sum(len(one["messages"]) for one in [await slack.do("channel", f"alerts-{n}") for n in range(_ALERT_ROOMS)])


async def _measure(
    directory: Path, options: argparse.Namespace
) -> tuple[dict[float, dict[str, Taken]], dict[str, Taken]]:
    async with _stage(directory) as stage:
        rooms = await _warm(stage)
        rates = {rate: await stage.turns(rate, options.seconds, options.rounds) for rate in _RATES}
        for rate, taken in rates.items():
            _tell(f"{rate:g} a second", taken)
        storm, sent = await _storm(stage, rooms, options.storm_seconds)
        _tell(f"in the storm, {_STORM_RATE:g} a second", storm)
        print(f"  {sent} of {_ALERTS} alerts went out meanwhile\n")
    return rates, storm


def _tell(what: str, taken: dict[str, Taken]) -> None:
    bolt_, ours = taken["bare slack-bolt"], taken["Tocsin"]
    print(f"{what}: {len(ours.acks)} commands each")
    for name, one, of in (
        ("bare slack-bolt, acknowledged", bolt_, "acks"),
        ("Tocsin, stored and acknowledged", ours, "acks"),
        ("Tocsin, first visible answer", ours, "answers"),
    ):
        ratios = f"{one.p(50, of) / bolt_.p(50):>10.2f}{one.p(99, of) / bolt_.p(99):>10.2f}"
        print(f"  {name:<34}{one.p(50, of):>10.1f}{one.p(99, of):>10.1f}{ratios}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each turn of each side, at each rate")
    parser.add_argument("--storm-seconds", type=float, default=20.0, help="of each side, in the storm")
    parser.add_argument("--declares", type=int, default=100, help="incidents at once; 0: leave that part out")
    parser.add_argument("--speed", type=float, default=10.0, help="of both clocks, while they are declared")
    options = parser.parse_args()
    print(f"{'':<36}{'p50 ms':>10}{'p99 ms':>10}{'p50 ratio':>10}{'p99 ratio':>10}")
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-", dir=beside()) as name:
        rates, storm = uvloop.run(_measure(Path(name), options))
    if options.declares:
        with tempfile.TemporaryDirectory(prefix="tocsin-bench-", dir=beside()) as name:
            print(uvloop.run(declare(Path(name), options.declares, options.speed)))
    most = rates[max(_RATES)]
    result = {
        "ack_p50_ms": round(most["Tocsin"].p(50), 2),
        "ack_p99_ms": round(most["Tocsin"].p(99), 2),
        "ack_p99_vs_bolt": round(most["Tocsin"].p(99) / most["bare slack-bolt"].p(99), 2),
        "storm_ack_p99_ms": round(storm["Tocsin"].p(99), 2),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
