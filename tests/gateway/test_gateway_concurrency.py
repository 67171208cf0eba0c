"""How many requests are answered at a time: the rest waits in order, and what has no room is refused at once."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from gateway.policies.concurrency import Concurrency, Gate
from gateway.policies.settings import ConcurrencySettings
from gateway.proxy.admission import Asking
from gateway.proxy.exchange import Exchange
from gateway.proxy.message import Refused
from tests.gateway.one_worker import one_worker
from tests.gateway.running import settings_for
from tests.gateway.stage import Caller, Stage, staged, until
from tests.gateway.upstream import ControlledUpstream


class Held:
    """A rule that comes behind the gate: it holds requests until they are let go, one by one."""

    def __init__(self) -> None:
        self.arrived: list[bytes] = []
        self._gates: list[asyncio.Event] = []

    def policy(self, _: Any) -> Any:
        return (self._rule,)

    def _rule(self, exchange: Exchange) -> Asking:
        async def wait() -> None:
            gate = asyncio.Event()
            self.arrived.append(exchange.head.target)
            self._gates.append(gate)
            await gate.wait()

        return wait()

    def let_go(self) -> None:
        self._gates.pop(0).set()


def ask(caller: Caller, target: str) -> None:
    caller.send(f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n")


async def callers(stack: AsyncExitStack, stage: Stage, count: int) -> list[Caller]:
    return [await stack.enter_async_context(stage.caller()) for _ in range(count)]


async def test_the_rest_waits_in_order_and_what_has_no_room_is_refused(shared_upstream: ControlledUpstream) -> None:
    held = Held()
    gates = Concurrency(ConcurrencySettings(max_concurrency=2, queue_size=2, queue_timeout_secs=60))
    async with staged(settings_for(shared_upstream.url), gates.policy, held.policy) as stage, AsyncExitStack() as stack:
        clients = await callers(stack, stage, 5)
        for number, client in enumerate(clients[:4]):
            ask(client, f"/{number}")
            await until(lambda expected=number + 1: stage.plane.in_flight == expected)  # type: ignore[misc]
        await until(lambda: len(held.arrived) == 2)
        refused = await clients[4].get("/4")
        assert (refused.status, refused.json()["error"], refused.headers["retry-after"]) == (503, "overloaded", "1")
        for client in clients[:4]:
            await until(lambda: held._gates)
            held.let_go()
            assert (await client.answer()).status == 200
        assert held.arrived == [b"/0", b"/1", b"/2", b"/3"]
        ask(clients[4], "/5")
        await until(lambda: held.arrived[-1] == b"/5")
        held.let_go()
        assert (await clients[4].answer()).status == 200, "all places are free again"


async def test_whoever_leaves_gives_the_place_to_the_next(shared_upstream: ControlledUpstream) -> None:
    held = Held()
    gates = Concurrency(ConcurrencySettings(max_concurrency=1, queue_size=5, queue_timeout_secs=60))
    async with staged(settings_for(shared_upstream.url), gates.policy, held.policy) as stage, AsyncExitStack() as stack:
        async with stage.caller() as first, stage.caller() as second:
            ask(first, "/first")
            await until(lambda: held.arrived == [b"/first"])
            ask(second, "/second")
            await until(lambda: stage.plane.in_flight == 2)
            [third] = await callers(stack, stage, 1)
            ask(third, "/third")
            await until(lambda: stage.plane.in_flight == 3)
        await until(lambda: b"/third" in held.arrived, "those before it have left")
        held._gates[-1].set()
        assert (await third.answer()).status == 200
        assert stage.plane.in_flight == 0


async def test_who_waits_for_too_long_is_refused(shared_upstream: ControlledUpstream) -> None:
    held = Held()
    gates = Concurrency(ConcurrencySettings(max_concurrency=1, queue_size=5, queue_timeout_secs=0.05))
    async with staged(settings_for(shared_upstream.url), gates.policy, held.policy) as stage, AsyncExitStack() as stack:
        first, second = await callers(stack, stage, 2)
        ask(first, "/first")
        await until(lambda: held.arrived)
        refused = await second.get("/second")
        assert (refused.status, "in time" in refused.json()["message"]) == (503, True)
        held.let_go()
        assert (await first.answer()).status == 200


async def test_a_route_has_its_own_and_is_within_that_of_all(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url)
    document["routes"][1]["concurrency"] = {"max_concurrency": 1}
    held, gates = Held(), Concurrency(ConcurrencySettings(max_concurrency=2))
    async with staged(document, gates.policy, held.policy) as stage, AsyncExitStack() as stack:
        one, other, third = await callers(stack, stage, 3)
        ask(one, "/limited/1")
        await until(lambda: len(held.arrived) == 1)
        assert (await third.get("/limited/2")).status == 503, "the route is full"
        ask(other, "/")
        await until(lambda: len(held.arrived) == 2)
        assert (await third.get("/")).status == 503, "the gateway is full"
        held.let_go()
        assert (await one.answer()).status == 200
        ask(third, "/limited/3")
        await until(lambda: len(held.arrived) == 3, "what was refused took no place")
        held.let_go()
        held.let_go()
        assert [(await client.answer()).status for client in (other, third)] == [200, 200]


async def test_a_gate_that_becomes_wider_or_narrower_counts_on() -> None:
    def limited(most: int) -> ConcurrencySettings:
        return ConcurrencySettings(max_concurrency=most, queue_size=2, queue_timeout_secs=60)

    gate = Gate()
    gate.configure(limited(1))
    assert (gate.enter(), gate.enter()) == (True, False)
    waiting = [asyncio.create_task(gate.wait()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Refused):
        await gate.wait()
    gate.configure(limited(3))
    await asyncio.gather(*waiting)
    assert gate.within == 3
    gate.configure(limited(1))
    for left in (2, 1, 0):
        assert not gate.enter()
        gate.leave()
        assert gate.within == left
    assert gate.enter()


async def test_a_place_that_came_too_late_goes_to_the_next() -> None:
    gate = Gate()
    gate.configure(ConcurrencySettings(max_concurrency=1, queue_size=2, queue_timeout_secs=60))
    gate.enter()
    first, second = (asyncio.create_task(gate.wait()) for _ in range(2))
    await asyncio.sleep(0)
    gate.leave()
    first.cancel()
    await second
    assert gate.within == 1


async def test_the_keys_of_the_runbook_reach_the_workers(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url, concurrency={"max_concurrency": 1, "queue_size": 1})
    async with one_worker(document) as worker, worker.caller() as one, worker.caller() as other:
        shared_upstream.release.clear()
        ask(one, "/deaf")
        await until(lambda: shared_upstream.seen["waiting"])
        ask(other, "/waits")
        async with worker.caller() as third:
            while (await worker.report())["in_flight"] != 2:
                continue
            assert (await third.get("/")).status == 503
            await worker.reload({**document, "concurrency": {"max_concurrency": 3}})
            assert (await other.answer()).status == 200, "there is room now"
            assert (await third.get("/")).status == 200
        shared_upstream.release.set()
        assert (await one.answer()).status == 200
