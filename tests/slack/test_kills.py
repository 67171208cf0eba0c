"""kill -9 of the real bot at random moments of a whole incident in Slack: the same end, nothing lost or doubled.

TOCSIN_KILLS says how many kills there are to be; without it there are a few.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from commands.domain.incident import Status
from commands.domain.plan import PlanState
from tests import postgres
from tests.faults.record import Record
from tests.simulators.gateway.server import GatewaySimulator, gateway_simulator
from tests.slack import story
from tests.slack.beside import Beside, Killer, bot_beside, channel_today, end_of, slack_by_the_wall

pytestmark = [pytest.mark.filterwarnings("ignore:unclosed"), pytest.mark.xdist_group("kills")]

KILLS, A_ROUND = int(os.environ.get("TOCSIN_KILLS", "1")), 6


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """How the incident ends where nothing is killed."""
    directory = tmp_path_factory.mktemp("clean")
    end, _, _ = asyncio.run(_round(f"sqlite:///{directory / 'clean.db'}", "http", directory / "bot", seed=0, kills=0))
    return end


@pytest.mark.timeout(60 + 60 * KILLS)
@pytest.mark.parametrize(
    ("mode", "kind"), [("http", "sqlite"), pytest.param("socket", "postgres", marks=pytest.mark.postgres)]
)
async def test_an_incident_survives_kills_at_random_moments(
    mode: str, kind: str, expected: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    done = number = 0
    while done < KILLS:
        seed, most = random.SystemRandom().randrange(2**32), min(A_ROUND, KILLS - done)
        print(f"seed {seed}: {kind}, {mode}, {done} kills so far")
        with _database(request, kind, tmp_path, number) as url:
            found, kills, plan = await _round(url, mode, tmp_path / f"round{number}", seed=seed, kills=most)
        done, number = done + max(kills, 1), number + 1
        if plan is PlanState.INTERRUPTED:  # killed between the intent and the request: said, and not done by itself
            story.same(_without_the_plan(expected), _without_the_plan(found))
        else:
            story.same(expected, found)


def _database(request: pytest.FixtureRequest, kind: str, tmp_path: Path, number: int) -> AbstractContextManager[str]:
    """A fresh one for each round."""
    if kind == "sqlite":
        return nullcontext(f"sqlite:///{tmp_path / f'tocsin{number}.db'}")
    return postgres.database(request.getfixturevalue("postgres_server"))


async def _round(url: str, mode: str, directory: Path, *, seed: int, kills: int) -> tuple[str, int, PlanState]:
    """One incident; how it ended, how often it was killed, and what became of the plan."""
    await asyncio.to_thread(directory.mkdir)
    with gateway_simulator() as gateway:
        async with slack_by_the_wall() as slack:
            bot = bot_beside(slack, mode, directory, url, gateway)
            record: Record | None = None
            try:
                await asyncio.to_thread(bot.start)  # makes the tables
                record = Record(url)
                killer = Killer([bot], record, seed=seed, kills=kills)
                killer.begin()
                crew, where = Beside(slack, record, killer), channel_today()
                await story.whole_incident(crew, where)
                await killer.stop()
                await crew.rested()
                story.nothing_twice(slack)
                return end_of(slack, record, where), killer.kills, _checked(record, gateway, where)
            finally:
                await asyncio.to_thread(bot.stop)
                if record:
                    record.close()


def _checked(record: Record, gateway: GatewaySimulator, where: str) -> PlanState:
    record.check()
    incident, plan = record.incidents()[0], record.plans()[0]
    assert (len(record.incidents()), len(record.plans())) == (1, 1)
    assert (incident.id, incident.status) == (where, Status.RESOLVED)
    assert gateway.state.effects[plan.id] == (0 if plan.state is PlanState.INTERRUPTED else 1)
    record.check_plan(plan, began=True)
    return plan.state


def _without_the_plan(end: str) -> str:
    told = re.compile(r"Scale gateway|workers ready|did not happen|^Target|asked by|^Tocsin:$")
    return "\n".join(line for line in end.split("\n") if not told.search(line))
