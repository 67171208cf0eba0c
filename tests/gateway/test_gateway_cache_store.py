"""The store: its budget, what makes room for what, purging; an answer on its way to a client that is slow."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
import yaml
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from gateway.cache.collapsing import Collapsing
from gateway.cache.entries import Entry
from gateway.cache.eviction import ORDERS
from gateway.cache.policy import Terms
from gateway.cache.selection import Asked
from gateway.cache.settings import CacheProfiles, CacheSettings
from gateway.cache.slices import at_once
from gateway.cache.snapshots import NotRestorable, described, restored
from gateway.cache.store import Recording, Store
from gateway.proxy.exchange import Exchange
from gateway.proxy.kept_leg import KeptLeg
from gateway.settings import Settings
from tests.gateway.running import settings_for
from tests.gateway.stage import until

BODY = 10_000


def entry(name: str, *, size: int = BODY, variant: str | None = None, tags: str = "", at: float = 0.0) -> Entry:
    terms = Terms(60.0, 0.0, False, False, False, 0.0, 0.0)
    headers = [(b"cache-tag", tags.encode())] if tags else []
    selection = ((b"x-a", variant.encode() if variant else None),)
    key = b"http://h/" + name.encode()
    return Entry(key, "r", selection, 200, b"OK", headers, b"x" * size, terms, at, at)


def store(kind: str, budget: int = 4 * 13_000, variants: int = 10) -> Store:
    return Store(budget, ORDERS[kind](), max_variants=variants)


def names(one: Store) -> set[str]:
    return {item.key.decode().rpartition("/")[2] for item in one.entries()}


@pytest.mark.parametrize(("kind", "left"), [("lru", "acde"), ("lfu", "abde"), ("fifo", "bcde")])
def test_what_makes_room(kind: str, left: str) -> None:
    kept = store(kind)
    found = {name: entry(name) for name in "abcde"}
    for name in "abcd":
        assert kept.put(found[name])
    for name in "bbbacddac":
        kept.hit(found[name])
    kept.hit(found["a"])
    if kind == "lfu":
        kept.hit(found["d"])
    assert kept.put(found["e"])
    assert (names(kept), kept.evicted) == (set(left), 1)


def test_old_uses_count_less_after_an_optimisation() -> None:
    kept = store("lfu")
    old, new = entry("old"), entry("new")
    kept.put(old)
    for _ in range(5):
        kept.hit(old)
    kept.put(new)
    for _ in range(3):
        kept.hit(new)
    for _ in range(3):
        assert at_once(kept.optimizing(0.0)) == (0, 0)
    kept.hit(new)
    kept.put(entry("c"))
    kept.hit(next(iter(kept.variants(b"http://h/c"))))
    kept.put(entry("d"))
    kept.put(entry("e", size=30))
    kept.put(entry("f"))
    assert "old" not in names(kept)
    assert "new" in names(kept)


_NAMES = st.sampled_from("abcde")
_SIZES = st.integers(0, 30_000)
_BUDGET = 60_000


class Books(RuleBasedStateMachine):
    """Whatever happens to a store, its sums are those of what is in it, and within its budget."""

    kind = "lru"

    def __init__(self) -> None:
        super().__init__()
        self.kept = store(self.kind, _BUDGET, 2)
        self.recordings: list[Recording] = []
        self.now = 0.0

    def of(self, name: str) -> list[Entry]:
        return list(self.kept.variants(b"http://h/" + name.encode()))

    @rule(name=_NAMES, size=_SIZES)
    def put(self, name: str, size: int) -> None:
        self.now += 10
        self.kept.put(entry(name, size=size, variant=str(size % 3), tags=name, at=self.now))

    @rule(name=_NAMES)
    def hit(self, name: str) -> None:
        for one in self.of(name):
            self.kept.hit(one)

    @rule(name=_NAMES, tag=_NAMES, size=_SIZES)
    def update(self, name: str, tag: str, size: int) -> None:
        def change(one: Entry) -> None:
            one.headers, one.received = [(b"cache-tag", tag.encode()), (b"x-a", b"y" * size)], self.now
            one.describe()

        for one in self.of(name):
            self.kept.update(one, change)

    @rule(name=_NAMES, size=_SIZES)
    def record(self, name: str, size: int) -> None:
        self.recordings.append(self.kept.record(b"http://h/" + name.encode()))
        self.kept.reserve(self.recordings[-1], size)

    @rule()
    def release(self) -> None:
        if self.recordings:
            self.kept.release(self.recordings.pop())

    @rule(name=_NAMES, soft=st.booleans())
    def purge(self, name: str, soft: bool) -> None:
        key = b"http://h/" + name.encode()
        at_once(self.kept.purging(lambda one: one == key, "url", soft_at=self.now if soft else None))
        assert all(one.purged is not None for one in self.of(name))

    @rule(tag=_NAMES)
    def purge_tag(self, tag: str) -> None:
        at_once(self.kept.purging_tag(tag.encode()))
        assert all(tag.encode() not in one.tags for one in self.kept.entries())

    @rule()
    def optimize(self) -> None:
        self.now += 30
        at_once(self.kept.optimizing(self.now))

    @invariant()
    def holds(self) -> None:
        held = sum(recording.reserved for recording in self.recordings)
        entries = list(self.kept.entries())
        assert self.kept.used == held + sum(one.size for one in entries) <= _BUDGET
        assert self.kept.size == len(entries)
        mean = sum(self.now - one.received for one in entries) / len(entries) if entries else 0.0
        assert self.kept.average_age(self.now) == pytest.approx(mean)


@pytest.mark.parametrize("kind", ["lru", "lfu", "fifo"])
def test_the_books_are_right_whatever_happens(kind: str) -> None:
    machine = type("BooksOfOneKind", (Books,), {"kind": kind})
    run_state_machine_as_test(machine, settings=settings(max_examples=15, stateful_step_count=40, deadline=None))


def test_what_is_purged_while_it_arrives_is_void() -> None:
    kept = store("lru")
    one, other, third = (kept.record(b"http://h/" + name) for name in (b"a", b"b", b"c"))
    kept.invalidate(b"http://h/a", "unsafe")
    assert (one.void, other.void) == (True, False)
    at_once(kept.purging(lambda key: key.endswith(b"b"), "prefix"))
    assert (other.void, third.void) == (True, False)
    at_once(kept.purging_tag(b"any"))
    assert third.void


def test_a_recording_that_is_too_much_gets_no_room() -> None:
    kept = store("fifo", 20_000)
    kept.put(entry("a"))
    recording = kept.record(b"k")
    assert kept.reserve(recording, 15_000)
    assert not kept.reserve(recording, 6000)
    assert not kept.put(entry("b"))
    kept.release(recording)
    kept.release(recording)
    assert (kept.used, names(kept)) == (0, set())


# Snapshots.


def test_an_entry_comes_back_as_it_was_and_older() -> None:
    before = entry("a", variant="1", tags="t1, t2", at=100.0)
    after = restored(described(before, 110.0), now=5.0, date=50.0, elapsed=20.0)
    assert (after.key, after.selection, after.body, after.head) == (
        before.key, before.selection, before.body, before.head,
    )  # fmt: skip
    assert (after.age(5.0), after.tags) == (30.0, (b"t1", b"t2"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"headers": [["x-a", "b\r\nset-cookie: c"]]}, {"headers": [["x a", "b"]]}, {"headers": "x"}, {"url": "/a"},
        {"url": "http://h/ b"}, {"status": 304}, {"status": "200"}, {"status": 100}, {"body": "?"}, {"lifetime": -1},
        {"age": "1"}, {"reason": "a\nb"}, {"selection": [["x"]]}, {"stale_if_error": float("nan")}, {"shared": ...},
        {"headers": [["content-length", "1"]]}, {"headers": [["transfer-encoding", "chunked"]]},
        {"headers": [["set-cookie", "a=b"]]}, {"status": 204, "body": "YQ=="},
    ],
)  # fmt: skip
def test_what_is_no_entry_is_not_restored(wrong: dict[str, Any]) -> None:
    told = {**described(entry("a"), 0.0), **wrong}
    if told["shared"] is ...:
        del told["shared"]
    with pytest.raises(NotRestorable):
        restored(told, now=0.0, date=0.0, elapsed=0.0)


# Settings.


def test_words_and_units_of_the_runbook() -> None:
    found = CacheSettings.model_validate(
        {"cache_size": "128MB", "default_ttl": "15m", "max_entry_bytes": "1.5 mb", "stale_if_error": "long"}
    )
    assert (found.cache_size, found.default_ttl) == (128 * 1024 * 1024, 900)
    assert (found.max_entry_bytes, found.stale_if_error) == (1_572_864, 3600)
    # As runbook 003 calculates it: `echo "$current_cache_size * 1.2" | bc`.
    assert CacheSettings.model_validate({"cache_size": "80530636.8"}).cache_size == 80_530_636


@pytest.mark.parametrize(
    "wrong",
    [{"cache_size": "huge"}, {"cache_size": 1}, {"default_ttl": "1d"}, {"default_ttl": -1}, {"eviction_policy": "mru"},
     {"cache_size": "small", "max_entry_bytes": "large"}, {"profile": "fast"}],
)  # fmt: skip
def test_what_means_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|Input should|more than"):
        CacheSettings.model_validate(wrong)


#: As runbook 003 writes it.
RUNBOOK = """
cache_optimization:
  high_traffic_low_latency:
    cache_size: "large"
    ttl: "short"
    eviction_policy: "lru"
  medium_traffic_balanced:
    cache_size: "medium"
    ttl: "medium"
    eviction_policy: "lfu"
  low_traffic_high_throughput:
    cache_size: "small"
    ttl: "long"
    eviction_policy: "fifo"
"""


def test_the_runbooks_own_profiles_are_the_defaults() -> None:
    document = {**settings_for("http://127.0.0.1:1"), **yaml.safe_load(RUNBOOK)}
    assert Settings.model_validate(document).cache_optimization == CacheProfiles()


def test_the_keys_of_the_runbooks_are_those_of_the_section() -> None:
    section = {"enabled": True, "cache_size": "96636764.16", "default_ttl": "15m", "eviction_policy": "fifo"}
    document = settings_for("http://127.0.0.1:1", cache=section)
    found = Settings.model_validate(document).cache
    assert (found.enabled, found.cache_size, found.default_ttl) == (True, 96_636_764, 900)


@pytest.mark.parametrize(
    ("profile", "found"),
    [
        ("high_traffic_low_latency", (256, 60, "lru")),
        ("medium_traffic_balanced", (64, 300, "lfu")),
        ("low_traffic_high_throughput", (16, 3600, "fifo")),
    ],
)
def test_profiles(profile: str, found: tuple[int, float, str]) -> None:
    chosen = CacheSettings.model_validate({"profile": profile, "enabled": True}).by_profile(CacheProfiles())
    assert (chosen.cache_size // 1024**2, chosen.default_ttl, chosen.eviction_policy, chosen.enabled) == (*found, True)


# Legs.


class Reader:
    """An exchange whose client reads when a test says so."""

    encoder = None

    def __init__(self) -> None:
        self.client_is_full = False
        self.encoder = None
        self.got = list[int]()
        self.ended = False

    def answer_body(self, chunk: bytes) -> None:
        self.got.append(len(chunk))
        self.client_is_full = len(self.got) == 2

    def kept_ended(self) -> None:
        self.ended = True


async def test_a_slow_client_is_not_written_to() -> None:
    reader = Reader()
    leg = KeptLeg(cast(Exchange, reader), b"x" * 600_000, "backend")
    leg.resume_answer()
    await until(lambda: len(reader.got) == 2)
    leg.pause_answer()
    for _ in range(5):
        await asyncio.sleep(0)
    assert (reader.got, reader.ended) == ([262_144, 262_144], False)
    reader.client_is_full = False
    leg.resume_answer()
    await until(lambda: reader.ended)
    assert sum(reader.got) == 600_000
    assert (leg.connecting, leg.connected, leg.full, leg.service) == (False, False, False, "backend")


async def test_a_client_that_has_left_is_not_written_to() -> None:
    reader = Reader()
    leg = KeptLeg(cast(Exchange, reader), b"x" * 600_000, None)
    leg.resume_answer()
    leg.conclude()
    for _ in range(5):
        await asyncio.sleep(0)
    leg.resume_answer()
    assert (reader.got, reader.ended) == ([262_144], False)


def test_fruitless_fetches_are_remembered_for_a_while_and_only_so_many() -> None:
    now = [0.0]
    collapsing = Collapsing(lambda: now[0], 5.0)
    first = asked("a")
    for number in range(10_001):
        collapsing.filled(asked("a" if not number else str(number)), object(), fruitful=False)
    collapsing.fetching(first, 1)
    assert collapsing.is_fetched(first), "the oldest is forgotten"
    collapsing.fetching(asked("5"), 2)
    assert not collapsing.is_fetched(asked("5"))
    now[0] = 11.0
    collapsing.fetching(asked("5"), 3)
    assert collapsing.is_fetched(asked("5"))
    assert not collapsing.is_under_way(asked("6"))


def asked(name: str) -> Asked:
    return Asked(name.encode(), {}, cast(Any, {}), False, False)
