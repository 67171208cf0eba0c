"""Keys that nothing else sets to another value than their default: each does what its comment says."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio

from gateway.auth.jwks import KeySource
from gateway.auth.keys import Keys
from gateway.auth.settings import AuthSettings
from gateway.sinks.files import LogFile
from gateway.sinks.lines import Line
from gateway.sinks.settings import FileSettings
from gateway.supervisor.health_checks import CheckedTarget
from gateway.upstreams.health import OutlierDetection, TargetHealth
from gateway.upstreams.settings import HealthCheckSettings, OutlierDetectionSettings
from tests.gateway.one_worker import one_worker
from tests.gateway.running import settings_for
from tests.gateway.signing import SECRET, ec_key, jwk, token
from tests.gateway.sinking import NOON, line
from tests.gateway.stage import Answer, staged, until
from tests.gateway.targets import asked, document_for, targets
from tests.gateway.upstream import ControlledUpstream
from tests.gateway.valkey import valkey


async def answers(document: dict[str, Any], target: str, *each: dict[str, str]) -> list[Answer]:
    """Of one worker, to requests with these fields."""
    async with one_worker(document) as worker, worker.caller() as caller:
        return [await caller.get(target, **fields) for fields in each]


def statuses(found: list[Answer]) -> list[int]:
    return [one.status for one in found]


FROM = [{"x_forwarded_for": f"2001:db8:1:{number}::1"} for number in (1, 2, 2)]


@pytest.mark.parametrize(("prefix", "expected"), [(64, [200, 200, 429]), (48, [200, 429, 429])])
async def test_ipv6_prefix(shared_upstream: ControlledUpstream, prefix: int, expected: list[int]) -> None:
    document = settings_for(
        shared_upstream.url,
        server={"trusted_proxies": ["127.0.0.0/8"]},
        rate_limiting={"ipv6_prefix": prefix, "default_limit": {"limit": 1, "window_secs": 3600}},
    )
    assert statuses(await answers(document, "/x", *FROM)) == expected


async def test_max_keys(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(
        shared_upstream.url,
        server={"trusted_proxies": ["127.0.0.0/8"]},
        rate_limiting={"max_keys": 100, "default_limit": {"limit": 1, "window_secs": 3600}},
    )
    first = {"x_forwarded_for": "192.0.2.1"}
    others = [{"x_forwarded_for": f"198.51.100.{number}"} for number in range(100)]
    assert statuses(await answers(document, "/x", first, first, *others, first)) == [200, 429, *[200] * 101]


async def test_redis_key_prefix(shared_upstream: ControlledUpstream) -> None:
    with valkey() as url:
        section = {"redis_url": url, "redis_timeout_secs": 10, "redis_key_prefix": "ours:"}
        limit = {"limit": 1, "window_secs": 3600}
        document = settings_for(shared_upstream.url, rate_limiting={**section, "default_limit": limit})
        assert statuses(await answers(document, "/x", {}, {})) == [200, 429]
        async with redis.asyncio.from_url(url) as client:
            assert {key[:5] for key in await client.keys("*")} == {b"ours:"}


async def test_key_prefix_of_sessions(shared_upstream: ControlledUpstream) -> None:
    with valkey() as url:
        sessions = {"redis_url": url, "timeout_secs": 5, "key_prefix": "theirs:"}
        document = settings_for(shared_upstream.url, auth={"token_format": "opaque", "sessions": sessions})
        document["routes"][0]["auth_required"] = True
        async with redis.asyncio.from_url(url) as client:
            key = f"theirs:{hashlib.sha256(b'a-random-word').hexdigest()}"
            await client.set(key, json.dumps({"sub": "ana", "exp": time.time() + 60}))
        sent = [{"authorization": f"Bearer {word}"} for word in ("a-random-word", "another-word")]
        assert statuses(await answers(document, "/x", *sent)) == [200, 401]


async def test_max_token_bytes(shared_upstream: ControlledUpstream) -> None:
    sent = token()
    for most, expected in ((len(sent), 200), (len(sent) - 1, 401)):
        document = settings_for(shared_upstream.url, auth={"jwt_secret": SECRET, "max_token_bytes": most})
        document["routes"][0]["auth_required"] = True
        assert statuses(await answers(document, "/x", {"authorization": f"Bearer {sent}"})) == [expected]


async def test_max_age_secs_of_a_preflight(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url, cors={"allow_origins": ["https://a.example"], "max_age_secs": 77})
    async with one_worker(document) as worker, worker.caller() as caller:
        caller.send(
            "OPTIONS /x HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n\r\n"
        )
        assert (await caller.answer()).headers["access-control-max-age"] == "77"


async def test_bypass_header(shared_upstream: ControlledUpstream) -> None:
    bypass = {"bypass_header": "x-let-me-pass", "bypass_token": "a-token-of-testers"}
    document = settings_for(shared_upstream.url, maintenance={"enabled": True, **bypass})
    found = await answers(document, "/x", {}, {"x_let_me_pass": "a-token-of-testers"})
    assert statuses(found) == [503, 200]
    assert "x-let-me-pass" not in dict(found[1].json()["headers"])


async def test_health_enabled(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url, observability={"health_enabled": False})
    [health] = await answers(document, "/health", {})
    assert health.json()["target"] == "/health", "it is the upstream's own"


async def test_max_header_bytes_and_max_target_bytes(shared_upstream: ControlledUpstream) -> None:
    server = {"max_header_bytes": 1024, "max_target_bytes": 256}
    document = settings_for(shared_upstream.url, server=server)
    for target, filler, expected in (("/x", "a" * 900, 200), ("/x", "a" * 1024, 431), (f"/{'a' * 256}", "a", 414)):
        assert statuses(await answers(document, target, {"x_filler": filler})) == [expected]


async def test_encodings(shared_upstream: ControlledUpstream) -> None:
    section = {"enabled": True, "encodings": ["gzip"], "min_length": 1}
    document = settings_for(shared_upstream.url, compression=section)
    async with one_worker(document) as worker, worker.caller() as caller:
        caller.send("HEAD /x HTTP/1.1\r\nHost: h\r\nAccept-Encoding: zstd, br, gzip;q=0.1\r\n\r\n")
        assert (await caller.answer(to_head=True)).headers["content-encoding"] == "gzip"


async def test_success_threshold(shared_upstream: ControlledUpstream) -> None:
    for threshold, expected in ((1, 0), (3, 1)):
        section = {"enabled": True, "failure_threshold": 1, "success_threshold": threshold, "timeout_secs": 0.02}
        document = settings_for(shared_upstream.url, circuit_breaker=section)
        async with staged(document) as stage, stage.caller() as caller, asyncio.timeout(60):
            assert (await caller.get("/status-500")).status == 500
            while (await caller.get("/x")).status == 503:
                pass
            assert stage.plane.breakers()["backend"][0] == expected, "0 is closed, 1 half open"


async def test_health_sampling_rate(shared_upstream: ControlledUpstream) -> None:
    for rate, expected in ((0.0, []), (1.0, ["/health"])):
        document = settings_for(shared_upstream.url, logging={"health_sampling_rate": rate})
        async with staged(document) as stage, stage.caller() as caller:
            await caller.get("/health")
            assert [one["path"] for one in stage.records()] == expected


@pytest.mark.parametrize(("hours", "rotated"), [(None, 0), (1, 1), (24, 0)])
def test_rotate_hours(tmp_path: Path, hours: int | None, rotated: int) -> None:
    now = [NOON]
    path = tmp_path / "gateway.log"
    settings = FileSettings.model_validate({"path": str(path), "rotate_hours": hours})
    file = LogFile(settings, lambda one: one.json, lambda: now[0])
    for number in (1, 2):
        file.deliver([Line(line(number, at=now[0]))])
        now[0] += 3700
    file.close()
    assert len([one for one in tmp_path.iterdir() if one != path]) == rotated


async def test_jwks_refresh_secs_jwks_retry_secs_and_jwks_timeout_secs() -> None:
    section = {"jwks_refresh_secs": 111, "jwks_retry_secs": 22, "jwks_timeout_secs": 3}
    settings = AuthSettings.model_validate({"jwt_algorithm": "ES256", "jwks_url": "http://keys.example", **section})
    good = {"keys": [jwk(ec_key(), "first")]}
    outcomes: list[Any] = [good, OSError("no route"), good]
    pauses: list[float] = []

    async def fetch(_url: str, timeout: float) -> Any:
        assert timeout == 3
        found = outcomes.pop(0)
        if isinstance(found, OSError):
            raise found
        return found

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if not outcomes:
            raise EOFError

    now = [0.0]
    source = KeySource(settings, Keys(settings), clock=lambda: now[0], tell=lambda *_: None, fetch=fetch, pause=pause)
    with pytest.raises(EOFError):
        await source.keep_fresh()
    assert pauses == [111, 22, 111]
    now[0] = 21.9
    assert not source.worth_asking
    now[0] = 22
    assert source.worth_asking


@pytest.mark.parametrize("most", [1, 3])
async def test_pool_max_idle_per_host(shared_upstream: ControlledUpstream, most: int) -> None:
    document = settings_for(
        shared_upstream.url, upstream={"pool_max_idle_per_host": most, "pool_idle_timeout_secs": 600}
    )
    shared_upstream.release.clear()
    waiting = shared_upstream.seen["waiting"]
    async with staged(document) as stage, stage.caller() as one, stage.caller() as two, stage.caller() as three:
        for caller in (one, two, three):
            caller.send("GET /deaf HTTP/1.1\r\nHost: h\r\n\r\n")
        await until(lambda: shared_upstream.seen["waiting"] == waiting + 3)
        shared_upstream.release.set()
        assert [(await caller.answer()).status for caller in (one, two, three)] == [200] * 3
        [(active, idle, *_)] = stage.plane.target_states()["backend"].values()
        assert (active, idle) == (0, most)


@pytest.mark.parametrize(("timeout", "idle"), [(4, 0), (10, 1)])
async def test_pool_idle_timeout_secs(shared_upstream: ControlledUpstream, timeout: float, idle: int) -> None:
    later = [0.0]
    document = settings_for(shared_upstream.url, upstream={"pool_idle_timeout_secs": timeout})
    async with staged(document, clock=lambda: time.monotonic() + later[0]) as stage, stage.caller() as caller:
        assert (await caller.get("/x")).status == 200
        later[0] = 5
        stage.plane.tick()
        assert [found[1] for found in stage.plane.target_states()["backend"].values()] == [idle]


@pytest.mark.parametrize(("listed", "expected"), [([502], [200, 501]), ([501], [200, 200])])
async def test_statuses_of_retry(listed: list[int], expected: list[int]) -> None:
    with targets(2) as upstreams:
        upstreams[0].always = "status-501"
        async with staged(document_for(*upstreams, retry={"statuses": listed})) as stage:
            assert sorted(await asked(stage, 2)) == expected


async def test_request_timeout_secs(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url, server={"request_timeout_secs": 0.2})
    [late] = await answers(document, "/silent", {})
    assert late.status == 504


@pytest.mark.parametrize(("percent", "expected"), [(24, 0), (25, 1), (100, 4)])
def test_max_ejected_percent(percent: int, expected: int) -> None:
    settings = OutlierDetectionSettings(consecutive_failures=1, max_ejected_percent=percent)
    every = [TargetHealth(failures=1) for _ in range(4)]
    detection = OutlierDetection(settings, every)
    assert sum(detection.ejects(one, now=100.0) for one in every) == expected


def test_healthy_threshold_and_unhealthy_threshold() -> None:
    checked = CheckedTarget(HealthCheckSettings(healthy_threshold=1, unhealthy_threshold=4))
    found = []
    for good in (True, False, False, False, False, True, False):
        checked.judge(good=good)
        found.append(checked.well)
    assert found == [True, True, True, True, False, True, True]
