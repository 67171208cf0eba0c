"""Two processes on one Postgres: what is done once alone is done once together."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import pytest

from commands.cards import channels_of
from commands.domain.incident import Role
from commands.domain.lease import Lease, LeaseState
from commands.domain.plan import PlanState
from tests import postgres
from tests.faults.processes import BotProcess, Scene
from tests.simulators.gateway.server import gateway_simulator
from tests.waiting import eventually

pytestmark = [pytest.mark.postgres, pytest.mark.xdist_group("replicas")]
T = TypeVar("T")


@dataclass
class Pair:
    """A scene whose bot is `one`; `two` is another process on the same database."""

    scene: Scene
    one: BotProcess
    two: BotProcess

    @property
    def both(self) -> tuple[BotProcess, BotProcess]:
        """The replicas."""
        return self.one, self.two


@pytest.fixture(scope="module")
def running_pair(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp("replicas")
    with gateway_simulator() as gateway, postgres.database(postgres_server) as url:
        one = BotProcess(directory, url, gateway.url, name="one")
        two = BotProcess(directory, url, gateway.url, name="two")
        acting = Scene(one, gateway)
        try:
            at_once([one.start, two.start])
            yield Pair(acting, one, two)
        finally:
            two.stop()
            acting.close()


@pytest.fixture
def pair(running_pair: Pair) -> Pair:
    """Both alive, on a fresh gateway."""
    running_pair.scene.gateway.reset()
    for bot in running_pair.both:
        if not bot.is_alive:
            bot.start()
    return running_pair


def at_once(works: list[Callable[[], T]]) -> list[T]:
    """Run them together."""
    with ThreadPoolExecutor(len(works)) as threads:
        return [future.result() for future in [threads.submit(work) for work in works]]


def test_the_same_delivery_given_to_both_opens_one_incident(pair: Pair) -> None:
    before = len(pair.scene.record.incidents())
    for _ in range(5):
        delivery, text = f"same-{uuid.uuid4().hex}", "/incident declare sev2 twice delivered"
        at_once([partial(bot.console.command, "ana", "general", text, delivery=delivery) for bot in pair.both])
        pair.scene.answered(delivery)
    eventually(pair.scene.record.at_rest, "all is answered")
    assert len(pair.scene.record.incidents()) == before + 5
    pair.scene.record.check()


def test_twenty_declarations_over_both_get_twenty_numbers(pair: Pair) -> None:
    deliveries = [f"storm-{uuid.uuid4().hex}" for _ in range(20)]
    before = {one.id for one in pair.scene.record.incidents()}

    def declare(number: int) -> dict[str, Any]:
        bot = pair.both[number % 2]
        return bot.console.command("ana", "general", f"/incident declare sev3 n{number}", delivery=deliveries[number])

    at_once([partial(declare, number) for number in range(20)])
    for delivery in deliveries:
        pair.scene.answered(delivery)
    opened = sorted(one.id for one in pair.scene.record.incidents() if one.id not in before)
    assert len(opened) == len(set(opened)) == 20
    numbers = sorted(int(one.rsplit("-", 1)[1]) for one in opened)
    assert numbers == list(range(numbers[0], numbers[0] + 20))
    answers = [pair.scene.record.card(f"console:{one}:reply") for one in deliveries]
    assert sorted(channel for answer in answers for channel in channels_of(answer)) == opened
    pair.scene.record.check()


def test_of_two_who_claim_command_at_once_one_wins_and_the_other_is_told(pair: Pair) -> None:
    for _ in range(4):
        unique = uuid.uuid4().hex
        channel = pair.scene.declare(f"declare-{unique}")
        claims = {"ana": (pair.one, f"ana-{unique}"), "ben": (pair.two, f"ben-{unique}")}
        receipts = at_once(
            [
                partial(bot.console.command, who, channel, "/incident role claim ic", delivery=delivery)
                for who, (bot, delivery) in claims.items()
            ]
        )
        assert sorted(one["accepted"] for one in receipts) == [False, True]
        winner, loser = ("ana", "ben") if receipts[0]["accepted"] else ("ben", "ana")
        incident = next(one for one in pair.scene.record.incidents() if one.channel == channel)
        assert incident.holder(Role.COMMANDER) == winner
        told = pair.scene.record.text(pair.scene.record.answered(claims[loser][1]))
        assert "is incident commander." in told
    pair.scene.record.check()


def test_a_double_click_through_both_confirms_once_and_scales_once(pair: Pair) -> None:
    unique = uuid.uuid4().hex
    channel = pair.scene.declare(f"declare-{unique}")
    plan_id = pair.scene.plan(channel, "/gw scale 7", delivery=f"scale-{unique}")
    token = pair.scene.record.token(pair.scene.message_of(plan_id), "Confirm")
    receipts = at_once([partial(bot.console.click, "ana", channel, token) for bot in pair.both * 2])
    assert sorted(one["accepted"] for one in receipts) == [False, False, False, True]
    plan = eventually(lambda: pair.scene.record.ended(plan_id), f"{plan_id} ends")
    assert (plan.state, pair.scene.gateway.state.effects[plan_id]) == (PlanState.DONE, 1)
    assert [one.kind for one in pair.scene.record.audit() if one.detail.get("plan") == plan_id].count("confirmed") == 1
    pair.scene.record.check_plan(plan, began=True)


def test_a_lease_that_both_may_end_is_ended_once(pair: Pair) -> None:
    unique = uuid.uuid4().hex
    channel = pair.scene.declare(f"declare-{unique}")
    plan_id = pair.scene.plan(channel, "/gw scale 6 --for 1s", delivery=f"lease-{unique}")
    pair.scene.confirm(plan_id, channel)
    ended = {LeaseState.REVERTED, LeaseState.KEPT}

    def over() -> Lease | None:
        lease = pair.scene.record.look(lambda tx: tx.leases.find(plan_id))
        return lease if lease and lease.state in ended else None

    lease = eventually(over, f"the lease of {plan_id} ends")
    reverts = [one for one in pair.scene.record.plans() if one.undoes == plan_id]
    assert (lease.state, [one.id for one in reverts]) == (LeaseState.REVERTED, [lease.revert])
    assert (pair.scene.gateway.state.effects[reverts[0].id], pair.scene.gateway.state.desired) == (1, 3)
    pair.scene.record.check_plan(reverts[0], began=True)


def test_a_replica_finishes_what_one_that_was_killed_had_begun(pair: Pair) -> None:
    """The lease is waited for: ten seconds of silence, and the other takes over."""
    unique = uuid.uuid4().hex
    channel = pair.scene.declare(f"declare-{unique}")
    plan_id = pair.scene.plan(channel, "/gw scale 9", delivery=f"scale-{unique}")
    held = pair.scene.gateway.faults.hold("POST /admin/scale", "after")
    pair.scene.confirm(plan_id, channel)
    assert held.arrived.wait(30)
    begun_by = _process_of(pair, pair.scene.record.plan(plan_id).executor)
    begun_by.kill()
    held.abandon()
    plan = eventually(lambda: pair.scene.record.ended(plan_id), f"{plan_id} ends", within=60)
    assert (plan.state, pair.scene.gateway.state.effects[plan_id]) == (PlanState.DONE, 1)
    assert "Tocsin was restarted meanwhile" in plan.detail
    pair.scene.record.check_plan(plan, began=True)


def test_a_replica_that_was_frozen_does_nothing_a_second_time(pair: Pair) -> None:
    """Silent for longer than its lease, taken over, then awake again: it finds its work done."""
    unique = uuid.uuid4().hex
    channel = pair.scene.declare(f"declare-{unique}")
    plan_id = pair.scene.plan(channel, "/gw scale 4", delivery=f"scale-{unique}")
    held = pair.scene.gateway.faults.hold("GET /admin/operations")
    pair.scene.confirm(plan_id, channel)
    assert held.arrived.wait(30)
    frozen = _process_of(pair, pair.scene.record.plan(plan_id).executor)
    os.kill(frozen.pid, signal.SIGSTOP)
    try:
        pair.scene.record.age(frozen.pid)
        held.abandon()
        plan = eventually(lambda: pair.scene.record.ended(plan_id), f"{plan_id} ends", within=60)
    finally:
        os.kill(frozen.pid, signal.SIGCONT)
    eventually(frozen.console.is_up, "the frozen replica is back")
    after = f"after-{unique}"
    pair.scene.answer("ana", channel, "/incident note awake again", delivery=after, through=frozen)
    assert pair.scene.record.plan(plan_id) == plan
    assert (plan.state, pair.scene.gateway.state.effects[plan_id]) == (PlanState.DONE, 1)
    pair.scene.record.check_plan(plan, began=True)


def _process_of(pair: Pair, executor: str | None) -> BotProcess:
    found = pair.scene.record.rows("SELECT process FROM tocsin_replicas WHERE executor = :e", e=executor)
    return next(bot for bot in pair.both if str(found[0].process).endswith(f":{bot.pid}"))
