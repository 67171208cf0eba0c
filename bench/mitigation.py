"""`make bench-mitigation`: from `/gw scale 10` to the plan, and from Confirm to the request at the API server.

The bot (Slack in mode http, SQLite with synchronous=FULL), the simulated Slack and the simulated cluster are processes
of their own; the gateway is a Deployment. Each round types a signed command, waits for the plan, presses Confirm and
waits for the end, in another channel each time, as Slack's limits want it. The plan is there when Slack has its
message; the dispatch ends when the request that scales arrives at the API server. Right after each part, the official
client by itself sends the same requests to the same server, one after the other, in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from bench.bareapi import BareApi
from bench.client import BenchError
from bench.processes import beside, process, up
from bench.signed import Side
from bench.stage import bot
from tests.contract.clusters import DEPLOYMENT, SPACE
from tests.simulators.slack.control import RemoteSlack
from tests.simulators.slack.control import process as simulator

_ROOMS, _PATIENCE = 12, 60.0
#: Seconds between two looks at what Slack shows. The servers tell when something came, so a look need not be soon.
_GLANCE = 0.25
_WORKERS, _BETWEEN = (10, 4), 7
_SCALES = "update deployments/scale"


@dataclass
class Taken:
    """Milliseconds of each round: of Tocsin, and of the bare client with the same requests; and until the first one."""

    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    begun: list[float] = field(default_factory=list)


@dataclass
class Stage:
    """The running processes."""

    slack: RemoteSlack
    bot: Side
    calls: Path
    bare: BareApi

    async def round(self, number: int, plan: Taken, dispatch: Taken) -> None:
        """One change, from the line that is typed to its end."""
        room, wanted = f"team-{number % _ROOMS}", _WORKERS[number % len(_WORKERS)]
        (typed,) = await self.slack.do("typed_commands", "ana", "/gw", f"scale {wanted}", channel=room)
        sent = await self.bot.deliver(typed)
        card = await self._shown(room, lambda one: float(one["ts"]) > sent.at and "Confirm" in json.dumps(one))
        shown = float(card["ts"])
        await self._add(plan, shown - sent.at, self._asked(sent.at, shown))
        clicked = time.time()
        await self.slack.do("click", "ana", card["ts"], "Confirm", channel=room)
        await self._shown(room, lambda one: one["ts"] == card["ts"] and "Done" in one["text"].partition("\n")[0])
        scaled = next(one for one in self._asked(clicked, time.time()) if one["what"] == _SCALES)
        asked = self._asked(clicked, scaled["at"])
        dispatch.begun.append((asked[0]["at"] - clicked) * 1000)
        await self._add(dispatch, scaled["at"] - clicked, asked)

    async def _add(self, taken: Taken, seconds: float, asked: list[dict[str, Any]]) -> None:
        taken.ours.append(seconds * 1000)
        taken.bare.append(await asyncio.to_thread(self.bare.send, asked) * 1000)
        taken.requests.append(len(asked))

    async def _shown(self, room: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for a message. Raises BenchError."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            known = (await self.slack.do("channel", room))["messages"]
            for one in reversed(known):
                if holds(one):
                    return dict(one)
            await asyncio.sleep(_GLANCE)
        raise BenchError(f"a message did not come; the last in {room}: {known[-1:]}")

    def _asked(self, since: float, until: float) -> list[dict[str, Any]]:
        """What the bot asked the API server in between, in its order."""
        lines = self.calls.read_text(encoding="utf-8").splitlines()
        known = sorted((json.loads(line) for line in lines), key=lambda one: float(one["at"]))
        return [one for one in known if one["agent"] == "tocsin" and since <= one["at"] <= until]


@contextlib.asynccontextmanager
async def _stage(directory: Path) -> AsyncIterator[Stage]:
    kubeconfig, calls = directory / "kubeconfig", directory / "calls.jsonl"
    command = (sys.executable, "-m", "bench.cluster", str(kubeconfig), str(calls))
    with process(directory, "cluster", *command):
        await _written(kubeconfig)
        async with simulator() as slack:
            for number in range(_ROOMS):
                await slack.do("add_channel", f"team-{number}", ["ana", "tocsin"])
            with bot(directory, slack, more=_settings(kubeconfig)) as port:
                await up(port)
                slack_of = await _delivering(slack, port)
                with BareApi(kubeconfig, _BETWEEN) as bare:
                    yield Stage(slack, slack_of, calls, bare)
                slack_of.close()
            wrong = await slack.violations()
        if wrong:
            raise BenchError(f"the simulated Slack complains: {wrong[:3]}")


async def _delivering(slack: RemoteSlack, port: int) -> Side:
    """Clicks go from the simulated Slack to the bot; commands are signed and sent here."""
    urls = await slack.do("core.http.urls")
    await slack.do("send_to", *urls, f"http://127.0.0.1:{port}/slack/events")
    return Side("Tocsin", port, slack.signing_secret)


async def _written(file: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not file.exists():  # noqa: ASYNC240 - a stat
        if time.monotonic() > deadline:
            raise BenchError("the cluster did not start")
        await asyncio.sleep(0.1)


def _settings(kubeconfig: Path) -> dict[str, Any]:
    """A cluster and no admin API: nothing is measured there, so a second of looking for figures will do."""
    return {
        "kubernetes": {"clusters": {"production": {"kubeconfig": str(kubeconfig), "namespace": SPACE}}},
        "gateway": {"kubernetes": {"deployment": DEPLOYMENT}},
        "adapters": dict.fromkeys(("deployments", "telemetry", "logs"), "kubernetes"),
        "verify": {"within_seconds": 1, "every_seconds": 0.5},
    }


async def _measure(directory: Path, rounds: int) -> tuple[Taken, Taken]:
    plan, dispatch = Taken(), Taken()
    async with _stage(directory) as stage:
        for number in range(-_ROOMS // 4, rounds):
            if number == 0:
                plan, dispatch = Taken(), Taken()
            await stage.round(number, plan, dispatch)
    return plan, dispatch


def _p(percent: int, values: list[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _tell(what: str, ours: list[float], bare: list[float], requests: list[int]) -> None:
    ratios = f"{_p(50, ours) / _p(50, bare):>10.2f}{_p(99, ours) / _p(99, bare):>10.2f}"
    print(f"{what:<44}{_p(50, ours):>9.1f}{_p(99, ours):>9.1f}{ratios}")
    asked = f"  the same {statistics.median(requests):g} requests, by the bare client"
    print(f"{asked:<44}{_p(50, bare):>9.1f}{_p(99, bare):>9.1f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-", dir=beside()) as name:
        plan, dispatch = uvloop.run(_measure(Path(name), rounds))
    print(f"{rounds} changes{'':<34}{'p50 ms':>9}{'p99 ms':>9}{'p50 ratio':>10}{'p99 ratio':>10}")
    _tell("/gw scale: typed until the plan is shown", plan.ours, plan.bare, plan.requests)
    _tell("Confirm: clicked until the API server has it", dispatch.ours, dispatch.bare, dispatch.requests)
    print(f"{'  of it, until the work begins':<44}{_p(50, dispatch.begun):>9.1f}{_p(99, dispatch.begun):>9.1f}")
    both = [one + other for one, other in zip(plan.bare, dispatch.bare, strict=True)]
    result = {
        "plan_p99_ms": round(_p(99, plan.ours), 1),
        "dispatch_p99_ms": round(_p(99, dispatch.ours), 1),
        "kubernetes_p99_ms": round(_p(99, both), 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
