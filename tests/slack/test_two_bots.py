"""Two bots on one Postgres, both in the same Slack: nothing is done twice, and either may die at any moment."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from commands.domain.incident import Role
from commands.domain.plan import PlanState
from tests.faults.processes import BotProcess
from tests.faults.record import Record
from tests.simulators.gateway.server import GatewaySimulator, gateway_simulator
from tests.simulators.slack import Slack
from tests.slack import story
from tests.slack.beside import Beside, Killer, bot_beside, channel_today, slack_by_the_wall
from tests.slack.stage import MODES

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.filterwarnings("ignore:unclosed"),
    pytest.mark.xdist_group("two-bots"),
    pytest.mark.timeout(300),
]


@dataclass
class Pair:
    """Two processes, what they share, and people."""

    slack: Slack
    gateway: GatewaySimulator
    record: Record
    bots: list[BotProcess]

    def crew(self, *, kills: int = 0, seed: int = 0) -> tuple[Beside, Killer]:
        """People, and what happens to the bots meanwhile."""
        killer = Killer(self.bots, self.record, seed=seed, kills=kills)
        killer.begin()
        return Beside(self.slack, self.record, killer), killer


@asynccontextmanager
async def pair(mode: str, directory: Path, url: str) -> AsyncIterator[Pair]:
    """Both running."""
    with gateway_simulator() as gateway:
        async with slack_by_the_wall() as slack:
            bots = [bot_beside(slack, mode, directory, url, gateway, name=name) for name in ("one", "two")]
            try:
                await asyncio.gather(*(asyncio.to_thread(bot.start) for bot in bots))
                if mode == "socket":
                    await slack.until(lambda: len(slack.sockets.alive) >= 4, seconds=30)
                made = Pair(slack, gateway, Record(url), bots)
                yield made
                made.record.close()
            finally:
                await asyncio.gather(*(asyncio.to_thread(bot.stop) for bot in bots))


@pytest.mark.parametrize("mode", MODES[1:])
async def test_what_reaches_both_is_done_once(mode: str, tmp_path: Path, postgres_url: str) -> None:
    """Every delivery goes to every address or socket: the same declaration, click and event, twice at once."""
    async with pair(mode, tmp_path, postgres_url) as two:
        slack, where = two.slack, channel_today()
        crew, _ = two.crew()
        slack.faults.to_all(probability=1.0)
        await story.whole_incident(crew, where)
        story.nothing_twice(slack)
        assert len(two.record.incidents()) == 1
        plan = two.record.plans()[0]
        assert (plan.state, two.gateway.state.effects[plan.id]) == (PlanState.DONE, 1)
        two.record.check_plan(plan, began=True)
        said = slack.transcript("general")
        assert said.count("Declared: ") == 1
        assert slack.transcript("incidents").count("opened #") == 1


async def test_somebody_whom_only_one_of_them_has_met_is_known_to_both(tmp_path: Path, postgres_url: str) -> None:
    """Dora is in no settings: one bot meets her, the other, which may be the one that speaks, calls her by name."""
    async with pair("http", tmp_path, postgres_url) as two:
        slack, where = two.slack, channel_today()
        crew, _ = two.crew()
        first, second = list(slack.core.http.urls)
        slack.send_to(first)
        await crew.slash("dora", "/incident declare sev2 checkout is slow")
        assert "dora" in [slack.user(one).name for one in slack.channel(where).members]
        slack.send_to(second)
        await crew.slash("ana", "/incident role ic @dora", where)
        incident = two.record.incidents()[0]
        assert incident.holder(Role.COMMANDER) == incident.declared_by
        assert "IC Dora Diaz" in slack.channel(where).topic.value
        assert "@Dora Diaz" in slack.transcript(where)
        assert "(only Dora Diaz sees this)" not in slack.transcript("incidents")


@pytest.mark.parametrize("mode", MODES[:1])
async def test_either_may_die_at_any_moment(mode: str, tmp_path: Path, postgres_url: str) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}: {mode}")
    async with pair(mode, tmp_path, postgres_url) as two:
        slack, where = two.slack, channel_today()
        crew, killer = two.crew(kills=4, seed=seed)
        slack.faults.to_all(probability=0.3)
        await story.whole_incident(crew, where)
        await killer.stop()
        await crew.rested()
        story.nothing_twice(slack)
        plan = two.record.plans()[0]
        assert (len(two.record.incidents()), len(two.record.plans())) == (1, 1)
        assert plan.state in {PlanState.DONE, PlanState.INTERRUPTED}
        assert two.gateway.state.effects[plan.id] == (1 if plan.state is PlanState.DONE else 0)
        two.record.check_plan(plan, began=True)
        shown = slack.transcript(where)
        for words in ("Resolved after", "Postmortem of", "<file: Postmortem", "(pinned)", "the pool is <too> small"):
            assert words in shown
        assert "resolved · IC Ben Brook · Tech Ben Brook" in slack.channel(where).topic.value
