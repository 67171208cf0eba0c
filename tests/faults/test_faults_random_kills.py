"""kill -9 at random moments of a whole incident, typed by people who press Send again: the end is the same.

On Postgres two replicas serve the console, and each kill takes one of them, the other, or both. TOCSIN_KILLS says how
many kills there are to be on each database; without it there are a few.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from commands.domain.incident import RoleAssigned, Status
from commands.domain.plan import PlanState
from tests import postgres
from tests.faults.client import Refused
from tests.faults.processes import BotProcess, Scene, scene
from tests.simulators.gateway.server import gateway_simulator
from tests.waiting import eventually

A_ROUND, STEPS = 5, 10
KILLS = int(os.environ.get("TOCSIN_KILLS", A_ROUND))


@dataclass
class Crew:
    """Repeats each line, with the same delivery id, at one replica after the other, until one has taken it."""

    acting: Scene
    bots: list[BotProcess]
    killer: Killer
    deliveries: list[str] = field(default_factory=list)

    def say(self, person: str, channel: str, text: str) -> str:
        """Type a line until it is answered; the key of the answer."""
        delivery = f"delivery-{len(self.deliveries):03d}"
        self.deliveries.append(delivery)
        self.killer.step()
        self._insist(lambda bot: bot.console.command(person, channel, text, delivery=delivery))
        return self.acting.answered(delivery)

    def press(self, person: str, channel: str, message: str, label: str) -> None:
        """Press a button until the click is taken."""
        delivery = f"delivery-{len(self.deliveries):03d}"
        self.deliveries.append(delivery)
        self.killer.step()
        token = self.acting.record.token(message, label)
        self._insist(lambda bot: bot.console.click(person, channel, token, delivery=delivery))

    def _insist(self, ask: Callable[[BotProcess], dict[str, Any]]) -> None:
        turns = itertools.cycle(self.bots if len(self.deliveries) % 2 else self.bots[::-1])

        def taken() -> bool:
            try:
                return bool(ask(next(turns))["accepted"])
            except (httpx.TransportError, Refused):
                return False

        eventually(taken, "the bot takes it")


class Killer:
    """Kills bots a random moment after some of the crew's steps have begun, and starts them again."""

    def __init__(self, acting: Scene, bots: list[BotProcess], *, seed: int, kills: int) -> None:
        self._record = acting.record
        self._bots = bots
        self._random = random.Random(seed)
        self._chosen = set(self._random.sample(range(1, STEPS), kills))
        self._running: Future[None] | None = None
        self._thread = ThreadPoolExecutor(1)
        self.steps = self.kills = 0

    def step(self) -> None:
        """A step begins."""
        self.steps += 1
        if self.steps in self._chosen:
            self.wait()
            struck = self._random.sample(self._bots, self._random.randint(1, len(self._bots)))
            self._running = self._thread.submit(self._kill, struck, self._random.uniform(0, 0.15))

    def _kill(self, struck: list[BotProcess], after: float) -> None:
        threading.Event().wait(after)
        for bot in struck:
            bot.kill()
        for bot in struck:
            bot.restart_after_kill(self._record)
        self.kills += 1

    def wait(self) -> None:
        """Until the bot runs again. Raises what went wrong."""
        if self._running:
            self._running.result(90)


@pytest.mark.long
@pytest.mark.timeout(60 + 60 * KILLS)
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_an_incident_survives_kills_at_random_moments(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    done = 0
    for number in itertools.count():
        seed, kills = random.SystemRandom().randrange(2**32) if number else 20260301, min(A_ROUND, KILLS - done)
        print(f"seed {seed}: {kind}, {done} kills so far")
        with _round(request, kind, tmp_path / f"round{number}") as (acting, bots):
            crew = Crew(acting, bots, Killer(acting, bots, seed=seed, kills=kills))
            _whole_incident(crew)
            crew.killer.wait()
            assert (crew.killer.steps, crew.killer.kills) == (STEPS, kills)
            _nothing_was_lost_or_doubled(acting, crew)
        done += kills
        if done >= KILLS:
            return


@contextlib.contextmanager
def _round(request: pytest.FixtureRequest, kind: str, directory: Path) -> Iterator[tuple[Scene, list[BotProcess]]]:
    """A fresh database with its bots, all running."""
    directory.mkdir()
    with contextlib.ExitStack() as ending:
        gateway, url = ending.enter_context(gateway_simulator()), f"sqlite:///{directory / 'tocsin.db'}"
        if kind == "postgres":
            url = ending.enter_context(postgres.database(request.getfixturevalue("postgres_server")))
        acting = ending.enter_context(scene(directory, url, gateway))
        bots = [acting.bot]
        if kind == "postgres":
            bots.append(BotProcess(directory, url, gateway.url, name="two"))
            ending.callback(bots[1].stop)
            bots[1].start()
        yield acting, bots


def _whole_incident(crew: Crew) -> None:
    acting = crew.acting
    crew.say("ana", "general", "/incident declare sev1 API answers 502")
    channel = acting.record.incidents()[0].channel
    crew.say("ana", channel, "/incident role claim ic")
    crew.say("ana", channel, "/incident role tech @ben")
    crew.say("ben", channel, "/gw status")
    crew.say("ana", channel, "/incident status identified")
    crew.say("ben", channel, "/incident note the pool is too small")
    shown = crew.say("ben", channel, "/gw scale 8")
    crew.press("ana", channel, shown, "Confirm")
    plan_id = acting.record.plans()[0].id
    eventually(lambda: acting.record.ended(plan_id), "the scale ends")
    crew.say("ana", channel, "/incident severity sev2")
    crew.say("ana", channel, "/incident resolve more workers")
    eventually(lambda: acting.record.rows("SELECT * FROM tocsin_postmortems"), "the postmortem is drafted")


def _nothing_was_lost_or_doubled(acting: Scene, crew: Crew) -> None:
    record = acting.record
    eventually(record.at_rest, "everything is answered")
    assert len(record.incidents()) == 1
    assert len(record.plans()) == 1
    incident, plan = record.incidents()[0], record.plans()[0]
    assert (incident.status, incident.severity) == (Status.RESOLVED, "SEV2")
    events = Counter(type(entry.event).__name__ for entry in record.timeline(incident.id))
    assert events["RoleAssigned"] == 2
    assert set(events.values()) <= {1, 2}
    assert [one for one in events if events[one] == 2] == [RoleAssigned.__name__], events
    if acting.gateway.state.effects[plan.id]:
        assert (plan.state, acting.gateway.state.desired) == (PlanState.DONE, 8)
        assert acting.gateway.state.effects[plan.id] == 1
    else:  # killed between the intent and the request
        assert (plan.state, acting.gateway.state.desired) == (PlanState.INTERRUPTED, 3)
    record.check_plan(plan, began=True)
    inbox = record.rows("SELECT id FROM tocsin_inbox ORDER BY id")
    assert [row.id for row in inbox] == [f"console:{delivery}" for delivery in crew.deliveries]
    keys = record.messages(incident.channel)
    assert len(keys) == len(set(keys))
