"""What operators order of a large cache is done in slices: clients are answered meanwhile, and nothing is left out."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cache import slices
from gateway.cache.entries import Entry
from gateway.cache.eviction import Lfu
from gateway.cache.orders import CacheOrders
from gateway.cache.policy import Terms
from gateway.cache.slices import at_once, in_slices
from gateway.cache.store import Store
from tests.gateway.caching import Scene, scene

#: So few that they are one page of a snapshot.
ENTRIES = 150


def entry(number: int, *, tags: str = "all", at: float = 0.0, lifetime: float = 60.0) -> Entry:
    terms = Terms(lifetime, 0.0, False, False, False, 0.0, 0.0)
    headers = [(b"cache-tag", tags.encode())]
    return Entry(b"http://h/%d" % number, "default", (), 200, b"OK", headers, b"x", terms, at, at)


def full(kind: type[Lfu] = Lfu) -> Store:
    store = Store(10_000_000, kind(), max_variants=10)
    for number in range(ENTRIES):
        store.put(entry(number))
    return store


async def turns_of(work: asyncio.Task[Any]) -> int:
    """How many turns the loop has until it is done."""
    turns = 0
    while not work.done():
        turns += 1
        await asyncio.sleep(0)
    return turns


@pytest.mark.parametrize(
    "order",
    [
        {"do": "purge", "by": "all", "value": "", "soft": False},
        {"do": "purge", "by": "all", "value": "", "soft": True},
        {"do": "purge", "by": "prefix", "value": "/", "soft": False},
        {"do": "purge", "by": "tag", "value": "all", "soft": False},
        {"do": "optimize"},
        {"do": "snapshot", "id": "1", "after": {}},
    ],
    ids=["all", "softly", "prefix", "tag", "optimize", "snapshot"],
)
async def test_the_loop_has_its_turns_meanwhile(order: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    # A patch: what is a slice depends on how fast the machine is.
    monkeypatch.setattr(slices, "_AT_ONCE", 0.0)
    async with scene() as here:
        _fill(here)
        one = CacheOrders(here.stage.cache, "w1", partial(here.stage.cache.warm, here.stage.plane))
        work = asyncio.create_task(one.obey(order))
        assert await turns_of(work) >= ENTRIES
        found = work.result()
        assert found.get("purged", ENTRIES) == ENTRIES
        assert len(found.get("entries", range(ENTRIES))) == ENTRIES
        if order["do"] == "snapshot":
            taken = {"do": "restore", "entries": found["entries"], "elapsed": 0}
            await one.obey({"do": "purge", "by": "all", "value": "", "soft": False})
            work = asyncio.create_task(one.obey(taken))
            assert await turns_of(work) >= ENTRIES
            assert work.result() == {"worker": "w1", "restored": ENTRIES}


def _fill(here: Scene) -> None:
    for number in range(ENTRIES):
        here.stage.cache.store.put(entry(number, at=here.clock.now))


async def test_a_few_steps_are_one_turn() -> None:
    assert await turns_of(asyncio.create_task(in_slices(full().purging(lambda _: False, "all")))) == 1


def test_what_comes_and_goes_while_a_purge_is_under_way() -> None:
    store = full()
    before = store.record(b"http://h/0")
    purge = store.purging(lambda _: True, "all")
    next(purge)
    assert before.void, "what was asked for before is of before"
    later = store.record(b"http://h/0")
    store.put(entry(ENTRIES + 1))
    store.invalidate(b"http://h/149", "unsafe")
    assert at_once(purge) == ENTRIES - 1, "what has gone by itself is not counted"
    assert ({one.key for one in store.entries()}, later.void) == ({b"http://h/%d" % (ENTRIES + 1)}, False)
    assert store.take_counts() == {"invalidation:unsafe": 1, "invalidation:all": ENTRIES - 1}


def test_what_is_freed_is_told_once() -> None:
    store = full()
    for number in range(5):
        store.put(entry(1000 + number, lifetime=1.0))
    optimizing = store.optimizing(30.0)
    next(optimizing)
    store.invalidate(b"http://h/1003", "unsafe")
    removed, freed = at_once(optimizing)
    assert removed == 4
    assert freed > 4 * 1000
    assert (store.size, store.used) == (ENTRIES, sum(one.size for one in store.entries()))


@given(st.lists(st.integers(0, 7), max_size=60), st.lists(st.integers(0, 7), max_size=20))
def test_old_uses_count_half_and_the_least_goes_first(uses: list[int], meanwhile: list[int]) -> None:
    order, known = Lfu(), [entry(number) for number in range(8)]
    for one in known:
        order.add(one)
    for number in uses:
        order.used(known[number])
    counts = {number: 1 + uses.count(number) for number in range(8)}
    aging = order.aging()
    for number in meanwhile:
        next(aging, None)
        order.used(known[number])
    at_once(aging)
    left = []
    while (victim := order.victim()) is not None:
        order.remove(victim)
        left.append(known.index(victim))
    assert sorted(left) == list(range(8))
    if not meanwhile:
        halved = [max(1, counts[number] // 2) for number in left]
        assert halved == sorted(halved)
        assert left == sorted(left, key=lambda number: max(1, counts[number] // 2)) or len(set(halved)) < 8
