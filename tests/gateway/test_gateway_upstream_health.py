"""Upstreams with several targets: who is not well is left out, by what requests and checks find, and comes back."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from gateway.proxy.pool import UpstreamPool
from gateway.settings import Settings
from gateway.supervisor.health_checks import HealthChecks
from gateway.upstreams.health import HealthBook
from tests.gateway.certificates import Authority
from tests.gateway.stage import staged, until
from tests.gateway.targets import asked, document_for, failures, nobody, sent, shares, targets, told
from tests.gateway.upstream_http2 import Http2Upstream


async def test_who_refuses_connections_is_left_out_for_every_method_and_comes_back() -> None:
    with targets(1) as (well,), socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        dead = f"127.0.0.1:{held.getsockname()[1]}"
        async with staged(document_for(dead, well)) as stage:
            assert (await sent(stage, "POST", b"pay once")).status == 200, "nothing of it was sent before"
            assert await asked(stage, 5) == [200] * 5
            assert (await sent(stage, "POST", b"pay again")).status == 200
            assert failures(stage) == {"backend/blue connect_failed": 1}, "no further request went there"
            assert [one.method for one in well.requests].count("POST") == 2
            assert [one["target"] for one in told(stage, "target_unreachable")] == ["blue"]
            assert stage.plane.target_states()["backend"]["blue"][3] == "unreachable"
            held.listen()
            pool = stage.plane._pools["backend"]

            def reached() -> bool:
                pool.tick(stage.plane.clock() + 3600)
                return stage.plane.target_states()["backend"]["blue"][3] is None

            await until(reached, "a connection")
            assert [one["target"] for one in told(stage, "target_reachable")] == ["blue"]


async def test_a_target_that_is_not_there_at_all_is_a_502_where_there_is_no_other() -> None:
    with nobody() as first, nobody() as second:
        async with staged(document_for(first, second)) as stage:
            assert await asked(stage, 3) == [502] * 3
            assert set(failures(stage)) == {"backend/blue connect_failed", "backend/green connect_failed"}


async def test_a_target_that_was_being_tried_is_tried_by_the_pool_that_follows() -> None:
    with nobody() as dead:
        settings = Settings.model_validate(document_for(dead, dead.replace("127.0.0.1", "127.0.0.2"))).upstreams[0]
        now, book = [100.0], HealthBook()
        before = UpstreamPool(settings, lambda: now[0], book=book)
        before.failed(before.targets[0], unreachable=True)
        now[0] += 2
        before.tick(now[0])
        before.close()
        after = UpstreamPool(settings, lambda: now[0], book=book)
        assert after.targets[0].health.why(now[0]) == "unreachable"
        after.tick(now[0])
        assert after.targets[0] in after._trying
        after.close()


@pytest.mark.parametrize("protocol", ["http1", "http2"])
async def test_a_name_that_no_resolver_takes_is_a_502_too(protocol: str) -> None:
    document = document_for("service..example:80", "x" * 70 + ".example:80", protocol=protocol)
    async with staged(document) as stage:
        async with stage.caller() as caller:
            answer = await caller.get("/")
        assert (answer.status, answer.json()["error"]) == (502, "connect_failed")
        assert set(failures(stage)) == {"backend/blue connect_failed", "backend/green connect_failed"}


async def test_who_takes_connections_and_says_nothing_costs_its_time_once(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate = authority.signs("service.example")
    # With TLS, a connection is there when both sides have agreed; nobody accepts this one, so nobody says a word.
    with socket.socket() as silent, Http2Upstream(certificate.server("h2")) as well:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        addresses = [f"127.0.0.1:{silent.getsockname()[1]}", f"127.0.0.1:{well.port}"]
        document = document_for(*addresses, connect_timeout_secs=1.5, tls={"ca_path": str(authority.path)})
        document["upstreams"][0] |= {"base_url": "https://service.example", "protocol": "http2"}
        async with staged(document) as stage:
            assert await asked(stage, 2) == [200, 200]
            assert failures(stage) == {"backend/blue connect_timeout": 1}
            assert await asked(stage, 10) == [200] * 10
            assert failures(stage) == {}, "nobody waits for it any more"


async def test_outliers_are_left_out_and_then_tried_again() -> None:
    with targets(2) as upstreams:
        ill = upstreams[0]
        ill.always = "status-500"
        section = {"consecutive_failures": 2, "base_ejection_secs": 0.2}
        async with staged(document_for(*upstreams, outlier_detection=section)) as stage:
            statuses = await asked(stage, 4)
            assert sorted(statuses) == [200, 200, 500, 500]
            (ejected,) = told(stage, "target_ejected")
            assert (ejected["service"], ejected["target"], ejected["ejected_secs"]) == ("backend", "blue", 0.2)
            ill.always = None

            def returned() -> bool:
                stage.plane.tick()
                return stage.plane.target_states()["backend"]["blue"][3] is None

            await until(returned, "the end of it")
            before = len(ill.requests)
            assert await asked(stage, 2) == [200, 200]
            assert len(ill.requests) == before + 1


async def test_a_good_answer_makes_up_for_failures() -> None:
    with targets(2) as upstreams:
        section = {"consecutive_failures": 2, "base_ejection_secs": 60}
        async with staged(document_for(*upstreams, outlier_detection=section, retry={"max_retries": 0})) as stage:
            for _ in range(4):
                await asked(stage, 2, "/status-500")
                await asked(stage, 2)
            assert told(stage, "target_ejected") == []


async def test_who_checks_find_ill_is_left_out_and_all_are_tried_when_all_are_ill() -> None:
    with targets(2) as upstreams:
        async with staged(document_for(*upstreams)) as stage:
            stage.plane.targets_checked({"backend": {"blue": False, "green": True}})
            await asked(stage, 3)
            assert shares(upstreams) == [0, 3]
            assert stage.plane.target_states()["backend"]["blue"][3] == "unhealthy"
            stage.plane.targets_checked({"backend": {"blue": False, "green": False}})
            assert await asked(stage, 4) == [200] * 4
            assert shares(upstreams) == [2, 5]


async def test_checks_find_who_is_ill_and_who_is_well_again() -> None:
    with targets(2) as upstreams, nobody() as dead:
        blue, _ = upstreams
        check = {"path": "/status-204", "interval_secs": 0.02, "unhealthy_threshold": 2, "expected_statuses": [204]}
        document = document_for(*upstreams, dead, health_check=check)
        log: list[tuple[Any, ...]] = []
        changes: list[dict[str, dict[str, bool]]] = []
        checks = HealthChecks(
            log=lambda *words, **_: log.append(words), changed=lambda: changes.append(checks.for_workers())
        )
        settings = Settings.model_validate(document).upstreams
        checks.follow(settings)
        try:
            await until(lambda: checks.for_workers().get("backend") == {"blue": True, "green": True, "red": False})
            blue.always = "status-500"
            await until(lambda: checks.for_workers()["backend"]["blue"] is False)
            found = checks.of("backend", f"127.0.0.1:{blue.port}")
            assert found is not None
            assert found.last is not None
            assert (found.last["healthy"], found.last["error"]) == (False, "status 500")
            checks.follow(settings)
            assert checks.for_workers()["backend"]["blue"] is False, "it is remembered"
            blue.always = None
            await until(lambda: checks.for_workers()["backend"]["blue"])
            kinds = [words[1] for words in log if "blue" in words[2]]
            assert kinds == ["target_healthy", "target_unhealthy", "target_healthy"]
            assert {"backend": {"blue": False, "green": True, "red": False}} in changes
            assert blue.requests[0].header("user-agent") == ["tocsin-gateway-health-check"]
        finally:
            checks.stop()


async def test_a_check_that_cannot_even_be_asked_has_failed_and_the_next_one_comes() -> None:
    checks = HealthChecks(log=lambda *_, **__: None, changed=lambda: None)
    document = document_for("service..example:80", health_check={"interval_secs": 0.01, "unhealthy_threshold": 3})
    checks.follow(Settings.model_validate(document).upstreams)
    try:
        await until(lambda: checks.for_workers() == {"backend": {"blue": False}})
    finally:
        checks.stop()
