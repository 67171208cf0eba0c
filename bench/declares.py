"""Many incidents declared at once in a simulated Slack: each must be complete, and no call may come too fast."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bench.client import BenchError
from bench.processes import up
from bench.stage import PEOPLE, bot
from tests.simulators.slack.control import RemoteSlack
from tests.simulators.slack.control import process as simulator

_WITHIN_SECONDS = 1200.0
_UNFINISHED = """
SELECT (SELECT count(*) FROM tocsin_channels WHERE arranged < wish AND platform LIKE 'slack:%')
     + (SELECT count(*) FROM tocsin_messages m JOIN tocsin_channels c ON c.name = m.channel
        WHERE m.delivered < m.change AND c.platform LIKE 'slack:%')
     + (SELECT count(*) FROM tocsin_arrivals WHERE finished_at IS NULL)
"""


async def declare(directory: Path, number: int, speed: float) -> str:
    """Declare them, wait, look; a sentence about it. Raises BenchError where anything is missing."""
    async with simulator("--speed", str(speed)) as slack:
        with bot(directory, slack, speed=speed) as port:
            await up(port)
            await slack.do("send_to", f"http://127.0.0.1:{port}/slack/events")
            await _until_quiet(directory)
            began = time.perf_counter()
            acks = await asyncio.gather(*(_one(slack, place) for place in range(number)))
            await _until_quiet(directory)
            seconds = time.perf_counter() - began
            wrong = [str(one) for one in acks if not one["ok"]] + await _wrong(slack, number)
            if wrong:
                raise BenchError(f"{len(wrong)} of {number} declares went wrong: {wrong[:5]}")
            calls = Counter(one["method"] for one in await slack.calls())
    return (
        f"{number} incidents declared at once: all complete after {seconds * speed / 60:.1f} minutes by Slack's clock "
        f"({seconds:.0f} s at {speed:g} times its pace), {sum(calls.values())} calls, none too fast, "
        f"{calls['conversations.create']} of them conversations.create at 20 a minute\n"
    )


async def _one(slack: RemoteSlack, place: int) -> dict[str, Any]:
    who = PEOPLE[place % len(PEOPLE)]
    return await slack.slash(who, "/incident", f"declare sev2 service {place} is slow", channel="general")


async def _until_quiet(directory: Path) -> None:
    """Until nothing waits to be worked, sent or arranged, by the record; and still so a moment later."""
    deadline, quiet = time.monotonic() + _WITHIN_SECONDS, 0
    with contextlib.closing(sqlite3.connect(f"file:{directory / 'var' / 'tocsin.db'}?mode=ro", uri=True)) as record:
        while quiet < 3:
            quiet = 0 if record.execute(_UNFINISHED).fetchone()[0] else quiet + 1
            await asyncio.sleep(0.5)
            if time.monotonic() > deadline:
                raise BenchError("the incidents are not complete")


async def _wrong(slack: RemoteSlack, number: int) -> list[str]:
    """What is missing or doubled, in words."""
    team = (await slack.do("core.state.teams"))[slack.address["team_id"]]
    users = {one["name"]: one["id"] for one in team["users"].values()}
    found = [one for one in team["channels"].values() if one["name"].startswith("incident-")]
    announced = await slack.transcript("incidents")
    wrong = [f"{len(found)} channels"] if len(found) != number else []
    for one in found:
        wrong += [f"{one['name']}: {what}" for what in _missing(one, users) if what]
        if announced.count(one["name"]) < 1:
            wrong.append(f"{one['name']}: no announcement")
    wrong += [f"too fast: {one['method']}" for one in await slack.do("rate_limited")]
    return wrong + await slack.violations()


def _missing(channel: dict[str, Any], users: dict[str, str]) -> list[str]:
    title = next((one["text"] for one in channel["messages"] if "is slow" in one["text"]), "")
    place = int(title.partition("service ")[2].partition(" ")[0] or 0)
    wanted = {users["ana"], users["ben"], users[PEOPLE[place % len(PEOPLE)]], users["tocsin"]}
    return [
        "" if len(channel["pins"]) == 1 else f"{len(channel['pins'])} pins",
        "" if channel["topic"]["value"] else "no topic",
        "" if wanted <= set(channel["members"]) else f"members {channel['members']}",
    ]
