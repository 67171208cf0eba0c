"""kill -9 at random moments of a whole incident, typed by people who press Send again: the end is the same."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from commands.domain.incident import RoleAssigned, Status
from commands.domain.plan import PlanState
from tests.faults.client import Refused
from tests.faults.processes import Scene, scene
from tests.simulators.gateway.server import GatewaySimulator
from tests.waiting import eventually

KILLS, STEPS = 5, 10


@dataclass
class Crew:
    """Repeats each line, with the same delivery id, until the bot has taken it."""

    acting: Scene
    killer: Killer
    deliveries: list[str] = field(default_factory=list)

    def say(self, person: str, channel: str, text: str) -> str:
        """Type a line until it is answered; the key of the answer."""
        delivery = f"delivery-{len(self.deliveries):03d}"
        self.deliveries.append(delivery)
        self.killer.step()
        self._insist(lambda: self.acting.bot.console.command(person, channel, text, delivery=delivery))
        return self.acting.answered(delivery)

    def press(self, person: str, channel: str, message: str, label: str) -> None:
        """Press a button until the click is taken."""
        delivery = f"delivery-{len(self.deliveries):03d}"
        self.deliveries.append(delivery)
        self.killer.step()
        token = self.acting.record.token(message, label)
        self._insist(lambda: self.acting.bot.console.click(person, channel, token, delivery=delivery))

    def _insist(self, ask: Callable[[], dict[str, Any]]) -> None:
        def taken() -> bool:
            try:
                return bool(ask()["accepted"])
            except (httpx.TransportError, Refused):
                return False

        eventually(taken, "the bot takes it")


class Killer:
    """Kills the bot a random moment after some of the crew's steps have begun, and starts it again."""

    def __init__(self, acting: Scene, seed: int) -> None:
        self._acting = acting
        self._random = random.Random(seed)
        self._chosen = set(self._random.sample(range(1, STEPS), KILLS))
        self._running: Future[None] | None = None
        self._thread = ThreadPoolExecutor(1)
        self.steps = self.kills = 0

    def step(self) -> None:
        """A step begins."""
        self.steps += 1
        if self.steps in self._chosen:
            self.wait()
            self._running = self._thread.submit(self._kill, self._random.uniform(0, 0.15))

    def _kill(self, after: float) -> None:
        threading.Event().wait(after)
        self._acting.bot.restart_after_kill(self._acting.record)
        self.kills += 1

    def wait(self) -> None:
        """Until the bot runs again. Raises what went wrong."""
        if self._running:
            self._running.result(90)


@pytest.mark.parametrize("seed", [20260301])
def test_an_incident_survives_kills_at_random_moments(
    tmp_path: Path, database_url: str, gateway: GatewaySimulator, seed: int
) -> None:
    with scene(tmp_path, database_url, gateway) as acting:
        crew = Crew(acting, Killer(acting, seed))
        _whole_incident(crew)
        crew.killer.wait()
        assert (crew.killer.steps, crew.killer.kills) == (STEPS, KILLS)
        _nothing_was_lost_or_doubled(acting, crew)


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
