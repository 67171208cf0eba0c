"""Many requests of few clients in one call to Redis: they are decided in their order, as one call each would."""

from __future__ import annotations

import random
from typing import Any

import pytest
from redis import Redis

from gateway.limits.algorithms import ALGORITHMS
from gateway.limits.redis_script import SCRIPT, described
from gateway.limits.settings import RateLimit
from tests.gateway.valkey import valkey

YEARS = 2_678_400


@pytest.mark.parametrize("seed", range(6))
def test_requests_of_the_same_clients_are_decided_one_after_the_other(seed: int) -> None:
    chance = random.Random(seed)
    with valkey() as url, Redis.from_url(url) as redis:
        limits = {
            f"{name}{number}": RateLimit.model_validate({"limit": 4 + number, "window_secs": YEARS, "algorithm": name})
            for name in sorted(ALGORITHMS)
            for number in range(2)
        }
        now, states = float(redis.time()[0]), dict[str, Any]()
        for _ in range(4):
            asked = [chance.sample(sorted(limits), chance.randint(1, 3)) for _ in range(chance.randint(1, 12))]
            text = b" ".join(described(limits[key] for key in keys) for keys in asked)
            flat = [key for keys in asked for key in keys]
            found = redis.eval(SCRIPT, len(flat), *flat, text)
            expected = [decision for keys in asked for decision in _decided(keys, limits, states, now)]
            assert [(found[n] == 1, found[n + 1]) for n in range(0, len(found), 3)] == expected
        kept = {key.decode() for key in redis.scan_iter()}
        assert kept == {key for key, state in states.items() if state is not None}
        assert all(redis.pttl(key) > 0 for key in kept)


def _decided(
    keys: list[str], limits: dict[str, RateLimit], states: dict[str, Any], now: float
) -> list[tuple[bool, int]]:
    """What the process decides of one request; what one limit refuses counts in none."""
    decisions = [
        ALGORITHMS[limits[key].algorithm](states.get(key), now, limits[key].limit, limits[key].window_secs)
        for key in keys
    ]
    if all(decision[0] for decision in decisions):
        states.update((key, decision[1]) for key, decision in zip(keys, decisions, strict=True))
    return [(decision[0], decision[2]) for decision in decisions]
