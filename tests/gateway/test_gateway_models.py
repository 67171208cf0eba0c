"""What decides in the data plane, held against models that are too simple to be wrong: whatever comes in what order."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from gateway.cache.entries import Entry
from gateway.cache.eviction import ORDERS, EvictionOrder
from gateway.cache.policy import Terms
from gateway.limits.algorithms import ALGORITHMS
from gateway.limits.counters import LocalCounters
from gateway.proxy.breaker import CircuitBreaker, CircuitState
from gateway.proxy.message import Headers, RequestHead
from gateway.proxy.peers import Peer
from gateway.proxy.rewriting import HOP_BY_HOP, HeaderEdits, upstream_request
from gateway.proxy.routing import NoRoute, Route, RoutingTable
from gateway.upstreams.balancing import Balancer, ConsistentHash, LeastConnections, RoundRobin
from gateway.upstreams.settings import CircuitBreakerSettings

_FEW = settings(max_examples=60, deadline=None, derandomize=True)
_STORIES = settings(max_examples=25, stateful_step_count=40, deadline=None, derandomize=True)

# Rate limits: each algorithm as its definition says it, over all that passed, with exact numbers.

LIMIT, WINDOW, MOST_KEYS = 4, 8, 3


def _bucket(passed: list[int], now: int) -> bool:
    tokens, at = Fraction(LIMIT), 0
    for moment in passed:
        tokens = min(Fraction(LIMIT), tokens + Fraction((moment - at) * LIMIT, WINDOW)) - 1
        at = moment
    return min(Fraction(LIMIT), tokens + Fraction((now - at) * LIMIT, WINDOW)) >= 1


def _fixed(passed: list[int], now: int) -> bool:
    return sum(moment // WINDOW == now // WINDOW for moment in passed) < LIMIT


def _sliding(passed: list[int], now: int) -> bool:
    number = now // WINDOW
    current, before = (sum(moment // WINDOW == one for moment in passed) for one in (number, number - 1))
    return before * (1 - Fraction(now % WINDOW, WINDOW)) + current + 1 <= LIMIT


DEFINITIONS = {"token_bucket": _bucket, "fixed_window": _fixed, "sliding_window": _sliding}


class Limiting(RuleBasedStateMachine):
    """Requests of several keys, more than are kept: who was forgotten begins anew, and nobody else does."""

    name = "token_bucket"

    def __init__(self) -> None:
        super().__init__()
        self.counters = LocalCounters(MOST_KEYS)
        self.now = 800
        self.passed: dict[str, list[int]] = {}

    @rule(key=st.sampled_from("abcd"))
    def asks(self, key: str) -> None:
        passed = self.passed.pop(key, [])
        expected = DEFINITIONS[self.name](passed, self.now)
        found = self.counters.decide(key.encode(), ALGORITHMS[self.name], float(self.now), LIMIT, WINDOW)
        assert found[0] is expected
        if expected or passed:
            self.passed[key] = [*passed, self.now] if expected else passed
        if len(self.passed) > MOST_KEYS:
            self.passed.pop(next(iter(self.passed)))

    @rule(seconds=st.integers(0, 9))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.counters) <= MOST_KEYS


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_limits_are_what_their_definitions_say(name: str) -> None:
    machine = type("LimitingByOne", (Limiting,), {"name": name})
    run_state_machine_as_test(machine, settings=_STORIES)


# Routes: the longest prefix by whole segments, then the method.

_SEGMENTS = st.lists(st.sampled_from(["a", "b", "aa", "a.b", ""]), max_size=4)
_METHODS = (b"GET", b"POST", b"PUT")
_ROUTES = st.lists(st.tuples(_SEGMENTS, st.sets(st.sampled_from(_METHODS), min_size=1), st.booleans()), max_size=8)


def _naively_found(routes: list[Route], method: bytes, path: bytes) -> str | tuple[bytes, ...]:
    """Every prefix of the path is tried, the longest first; the first prefix that any route has decides."""
    for end in range(len(path), 0, -1):
        ends_well = end == len(path) or path[end : end + 1] == b"/" or path[end - 1 : end] == b"/"
        at = [one for one in routes if one.prefix == path[:end] and ends_well]
        if at:
            chosen = [one.id for one in at if method in one.methods]
            return chosen[0] if chosen else tuple(sorted(set().union(*(one.methods for one in at))))
    return ()


@_FEW
@given(_ROUTES, _SEGMENTS, st.booleans(), st.sampled_from(_METHODS))
def test_the_route_is_the_one_that_a_plain_search_finds(
    wanted: list[tuple[list[str], set[bytes], bool]], segments: list[str], slash: bool, method: bytes
) -> None:
    def path_of(parts: list[str], ends: bool) -> bytes:
        return ("/" + "/".join(parts) + ("/" if ends else "")).encode()

    routes = [
        Route(str(number), path_of(parts, ends), frozenset(methods), "u", strip_prefix=False)
        for number, (parts, methods, ends) in enumerate(wanted)
    ]
    path = path_of(segments, slash)
    found = RoutingTable(routes).find(method, path)
    expected = _naively_found(routes, method, path)
    assert (found.allowed if isinstance(found, NoRoute) else found.id) == expected


# Headers: what is end to end goes on as it is, in its order; all else is written by the gateway.

_NAMES = st.sampled_from(
    [b"accept", b"x-a", b"x-b", b"te", b"keep-alive", b"proxy-connection", b"upgrade", b"via", b"forwarded",
     b"x-real-ip", b"x-forwarded-for", b"x-forwarded-proto", b"x-request-id", b"cookie", b"http2-settings", b"trailer"]
)  # fmt: skip
_HEADERS = st.lists(st.tuples(_NAMES, st.sampled_from([b"1", b"2", b"a, b"])), max_size=8)
_DROPPED = st.sets(st.sampled_from([b"x-a", b"x-b", b"accept"]), max_size=2)
_ADDED = st.lists(st.tuples(st.sampled_from([b"x-a", b"x-new"]), st.just(b"set")), max_size=2)
_OWN = {b"host", b"via", b"x-request-id", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"}


@_FEW
@given(_HEADERS, st.sets(_NAMES, max_size=2), _DROPPED, _ADDED, st.booleans())
def test_only_what_is_end_to_end_goes_on(
    headers: Headers, named: set[bytes], dropped: set[bytes], added: Headers, trusted: bool
) -> None:
    head = RequestHead(b"GET", b"/", b"/", "1.1", headers, b"h", None, False, True, False, frozenset(named))
    peer = Peer(b"10.0.0.1", trusted=trusted)
    edits = HeaderEdits(frozenset(dropped), tuple(added))
    wire = upstream_request(head, target=b"/", authority=b"h", peer=peer, correlation=b"c", edits=edits)
    lines = [tuple(line.split(b": ", 1)) for line in wire[:-4].split(b"\r\n")[1:]]
    gone = HOP_BY_HOP | _OWN | named | dropped | (set() if trusted else {b"forwarded", b"x-real-ip"})
    kept = [one for one in headers if one[0] not in gone]
    assert [one for one in lines if one[0] not in _OWN] == [*kept, *added]
    assert Counter(name for name, _ in lines if name in _OWN) == Counter(_OWN)
    before = b", ".join(value for name, value in headers if name == b"x-forwarded-for")
    assert dict(lines)[b"x-forwarded-for"] == (before + b", " if trusted and before else b"") + b"10.0.0.1"


# Targets: whatever is drained or weighted anew, only who may be chosen is, and by its share.


class Place:
    """A target as balancers know it."""

    def __init__(self, name: str, weight: int) -> None:
        self.name, self.weight, self.in_flight = name, weight, 0


class Balancing(RuleBasedStateMachine):
    """Targets are drained, come back and are weighted anew, while requests come and go."""

    kind: type[Any] = RoundRobin

    def __init__(self) -> None:
        super().__init__()
        self.balancer: Balancer[Place] = self.kind()
        self.every = [Place(name, 1) for name in "abc"]
        self.drained: set[str] = set()
        self.told()

    def told(self) -> None:
        self.chosen = [one for one in self.every if one.name not in self.drained]
        self.balancer.use(self.chosen, self.every)

    @rule(name=st.sampled_from("abc"))
    def drains_or_comes_back(self, name: str) -> None:
        self.drained ^= {name}
        self.told()

    @rule(name=st.sampled_from("abc"), weight=st.integers(1, 5))
    def is_weighted(self, name: str, weight: int) -> None:
        for one in self.every:
            one.weight = weight if one.name == name else one.weight
        self.told()

    @rule(key=st.one_of(st.none(), st.binary(max_size=3)), tried=st.sets(st.sampled_from("abc"), max_size=3))
    def is_asked(self, key: bytes | None, tried: set[str]) -> None:
        without = [one for one in self.every if one.name in tried]
        found = self.balancer.choose(key, without)
        left = [one for one in self.chosen if one not in without]
        assert (found in left) if left else found is None
        if found is not None and self.kind is LeastConnections:
            assert (found.in_flight + 1) / found.weight == min((one.in_flight + 1) / one.weight for one in left)
        if found is not None and self.kind is ConsistentHash and key is not None:
            assert self.balancer.choose(key, without) is found
        if found is not None:
            found.in_flight += 1

    @rule(name=st.sampled_from("abc"))
    def one_ends(self, name: str) -> None:
        for one in self.every:
            one.in_flight -= one.name == name and one.in_flight > 0

    @rule()
    def many_are_asked(self) -> None:
        if self.kind is RoundRobin and self.chosen:
            whole = sum(one.weight for one in self.chosen)
            turns = Counter(self.balancer.choose(None) for _ in range(2 * whole))
            assert turns == {one: 2 * one.weight for one in self.chosen}


@pytest.mark.parametrize("kind", [RoundRobin, LeastConnections, ConsistentHash])
def test_only_who_may_be_chosen_is(kind: type[Any]) -> None:
    run_state_machine_as_test(type("BalancingByOne", (Balancing,), {"kind": kind}), settings=_STORIES)


# What makes room in the cache: the order by its definition.


class Evicting(RuleBasedStateMachine):
    """Entries come, are used and go; the victim is the one that a search through all of them finds."""

    kind = "lru"

    def __init__(self) -> None:
        super().__init__()
        self.order: EvictionOrder = ORDERS[self.kind]()
        self.known: dict[Entry, tuple[int, int, int]] = {}
        self.step = 0

    def one(self, number: int) -> Entry | None:
        return list(self.known)[number % len(self.known)] if self.known else None

    @rule()
    def comes(self) -> None:
        self.step += 1
        terms = Terms(60.0, 0.0, False, False, False, 0.0, 0.0)
        made = Entry(b"%d" % self.step, "r", (), 200, b"OK", [], b"", terms, 0.0, 0.0)
        self.order.add(made)
        self.known[made] = (self.step, self.step, 1)

    @rule(number=st.integers(0, 20))
    def is_used(self, number: int) -> None:
        self.step += 1
        if (used := self.one(number)) is not None:
            self.order.used(used)
            came, _, uses = self.known[used]
            self.known[used] = (came, self.step, uses + 1)

    @rule(number=st.integers(0, 20))
    def goes(self, number: int) -> None:
        if (gone := self.one(number)) is not None:
            self.order.remove(gone)
            del self.known[gone]

    @invariant()
    def the_victim_is_the_right_one(self) -> None:
        by: dict[str, Any] = {
            "fifo": lambda one: self.known[one][0],
            "lru": lambda one: self.known[one][1],
            "lfu": lambda one: (self.known[one][2], self.known[one][1]),
        }
        assert self.order.victim() is min(self.known, key=by[self.kind], default=None)


@pytest.mark.parametrize("kind", sorted(ORDERS))
def test_the_victim_is_the_one_that_the_order_says(kind: str) -> None:
    run_state_machine_as_test(type("EvictingByOne", (Evicting,), {"kind": kind}), settings=_STORIES)


# The breaker, one request after the other, as runbook 001 describes it.

_THRESHOLDS = CircuitBreakerSettings(enabled=True, failure_threshold=3, success_threshold=2, timeout_secs=10)


@_FEW
@given(st.lists(st.tuples(st.sampled_from(["good", "bad", "left"]), st.sampled_from([0, 4, 10])), max_size=40))
def test_the_breaker_does_as_the_runbook_says(steps: list[tuple[str, int]]) -> None:
    now = 0
    breaker = CircuitBreaker(_THRESHOLDS, lambda: float(now))
    state, failures, successes, opened = CircuitState.CLOSED, 0, 0, 0
    for outcome, seconds in steps:
        now += seconds
        if state is CircuitState.OPEN and now >= opened + 10:
            state, successes = CircuitState.HALF_OPEN, 0
        ticket = breaker.enter()
        assert (ticket is None) == (state is CircuitState.OPEN)
        if ticket is None:
            continue
        {"good": breaker.succeeded, "bad": breaker.failed, "left": breaker.gave_up}[outcome](ticket)
        if outcome == "bad":
            failures += 1
            if state is CircuitState.HALF_OPEN or failures >= 3:
                state, opened = CircuitState.OPEN, now
        elif outcome == "good":
            failures = 0 if state is CircuitState.CLOSED else failures
            successes += 1
            if state is CircuitState.HALF_OPEN and successes == 2:
                state, failures = CircuitState.CLOSED, 0
        assert breaker.state is state
