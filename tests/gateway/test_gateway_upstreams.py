"""Upstreams with several targets: who gets requests, what is tried elsewhere, and what operators may order."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.proxy.pool import UpstreamPool
from gateway.settings import Settings
from gateway.supervisor.health_checks import HealthChecks
from gateway.supervisor.operations import OutOfLimitsError
from gateway.supervisor.target_overrides import TargetOverrides
from gateway.upstreams.health import HealthBook
from tests.gateway.certificates import Authority
from tests.gateway.running import running, wait_for
from tests.gateway.stage import Answer, Stage, staged, until
from tests.gateway.targets import document_for, nobody, shares, targets
from tests.gateway.upstream import ControlledUpstream
from tests.gateway.upstream_http2 import Http2Upstream


async def asked(stage: Stage, times: int, target: str = "/x", **headers: str) -> list[int]:
    """The statuses of so many requests on one connection."""
    async with stage.caller() as caller:
        return [(await caller.get(target, **headers)).status for _ in range(times)]


async def sent(stage: Stage, method: str, body: bytes, target: str = "/x") -> Answer:
    async with stage.caller() as caller:
        caller.send(f"{method} {target} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        return await caller.answer()


def told(stage: Stage, kind: str) -> list[dict[str, Any]]:
    return [one for one in stage.records() if one["event_type"] == kind]


def failures(stage: Stage) -> dict[str, int]:
    counted = stage.plane.tally.take()["upstream_failures"]
    return {f"{place} {kind}": count for place, kind, count in counted}


# Spreading.


async def test_weights_share_requests_and_all_targets_are_named_as_one_service() -> None:
    with targets(3) as upstreams:
        document = document_for(*upstreams, weights=(3, 1, 0))
        async with staged(document) as stage:
            assert await asked(stage, 40) == [200] * 40
        assert shares(upstreams) == [30, 10, 0]
        assert upstreams[0].requests[0].header("host") == ["service.example"]


async def test_a_switch_from_blue_to_green_is_one_order_and_ends_by_itself() -> None:
    with targets(2) as upstreams:
        blue, green = upstreams
        async with staged(document_for(blue, green, weights=(1, 0))) as stage:
            await asked(stage, 4)
            orders = stage.plane.target_orders
            orders.replace({"backend": [[{"blue": 0, "green": 1}, [], 2000.0, False]]}, 1000.0)
            await asked(stage, 4)
            assert shares(upstreams) == [4, 4]
            orders.tick(1999.0)
            await asked(stage, 1)
            assert shares(upstreams) == [4, 5]
            orders.tick(2000.0)
            await asked(stage, 1)
            assert shares(upstreams) == [5, 5]


async def test_orders_that_leave_nobody_when_another_one_expires_are_not_followed() -> None:
    with targets(2) as upstreams:
        async with staged(document_for(*upstreams, weights=(1, 0))) as stage:
            stage.plane.target_orders.replace({"backend": [[{"blue": 0}, [], 2000.0, False]]}, 1000.0)
            assert await asked(stage, 2) == [200, 200]
            assert shares(upstreams) == [2, 0], "as the settings say"


async def test_the_own_zone_comes_first_until_too_little_of_it_is_well() -> None:
    with targets(3) as upstreams:
        document = document_for(*upstreams)
        document["server"]["zone"] = "east"
        for place, zone in zip(document["upstreams"][0]["targets"], ("east", "east", "west"), strict=True):
            place["zone"] = zone
        document["upstreams"][0]["load_balancing"] = {"zone_min_healthy_percent": 60}
        async with staged(document) as stage:
            await asked(stage, 6)
            assert shares(upstreams) == [3, 3, 0]
            stage.plane.targets_checked({"backend": {"blue": False}})
            await asked(stage, 6)
            assert shares(upstreams) == [3, 6, 3]
            stage.plane.targets_checked({"backend": {"blue": True}})
            await asked(stage, 2)
            assert shares(upstreams) == [4, 7, 3]


async def test_least_connections_passes_by_who_is_busy() -> None:
    with targets(2) as upstreams:
        document = document_for(*upstreams, load_balancing={"algorithm": "least_connections"})
        async with staged(document) as stage, stage.caller() as waiting:
            waiting.send("GET /deaf HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: sum(one.seen["waiting"] for one in upstreams) == 1)
            busy = next(one for one in upstreams if one.seen["waiting"])
            assert await asked(stage, 6) == [200] * 6
            assert len(busy.requests) == 1
            busy.release.set()
            assert (await waiting.answer()).status == 200


@pytest.mark.parametrize(
    ("hash_on", "headers"),
    [("header:x-tenant", {"x_tenant": "{}"}), ("cookie:session", {"cookie": "a=1; session={}"})],
)
async def test_a_consistent_hash_keeps_a_client_at_its_target(hash_on: str, headers: dict[str, str]) -> None:
    with targets(3) as upstreams:
        document = document_for(*upstreams, load_balancing={"algorithm": "consistent_hash", "hash_on": hash_on})
        async with staged(document) as stage:
            for client in range(20):
                before = shares(upstreams)
                assert await asked(stage, 3, **{name: value.format(client) for name, value in headers.items()})
                gained = [now - then for now, then in zip(shares(upstreams), before, strict=True)]
                assert sorted(gained) == [0, 0, 3]
            assert min(shares(upstreams)) > 0


async def test_a_clients_address_is_hashed_by_default() -> None:
    with targets(3) as upstreams:
        document = document_for(*upstreams, load_balancing={"algorithm": "consistent_hash"})
        async with staged(document) as stage:
            await asked(stage, 5)
            await asked(stage, 5)
            assert sorted(shares(upstreams)) == [0, 0, 10]


# Who is not well.


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


# Retries.


async def test_what_may_be_repeated_is_tried_elsewhere() -> None:
    with targets(2) as upstreams:
        ill, well = upstreams
        for does in ("status-503", "vanish", "garbage"):
            ill.always = does
            async with staged(document_for(*upstreams)) as stage:
                assert await asked(stage, 4) == [200] * 4
                counted = stage.plane.tally.take()
                assert ["backend", "retried", 2] in counted["upstream_retries"]
                told_of = [one for one in stage.records() if one["event_type"] == "request" and one.get("retries")]
                assert [(one["target"], one["retries"]) for one in told_of] == [("green", 1)] * 2
        assert len(well.requests) == 12


async def test_what_has_an_effect_is_not_sent_twice() -> None:
    with targets(2) as upstreams:
        ill, _ = upstreams
        ill.always = "status-503"
        async with staged(document_for(*upstreams)) as stage:
            statuses = [(await sent(stage, "POST", b"x")).status for _ in range(4)]
            assert sorted(statuses) == [200, 200, 503, 503]
        ill.always = "vanish"
        async with staged(document_for(*upstreams)) as stage:
            statuses = [(await sent(stage, "POST", b"x")).status for _ in range(4)]
            assert sorted(statuses) == [200, 200, 502, 502]


async def test_a_short_body_is_sent_again_and_a_long_one_is_not() -> None:
    with targets(2) as upstreams:
        ill, well = upstreams
        ill.always = "status-503"
        async with staged(document_for(*upstreams, retry={"max_body_bytes": 1000})) as stage:
            for _ in range(2):
                answer = await sent(stage, "PUT", b"y" * 1000)
                assert (answer.status, answer.json()["body_size"]) == (200, 1000)
            long = [(await sent(stage, "PUT", b"y" * 1001)).status for _ in range(2)]
            assert sorted(long) == [200, 503]
            assert {one.body_hash for one in well.requests if one.body_size == 1000} == {well.requests[0].body_hash}


async def test_an_answer_that_has_begun_is_not_repeated() -> None:
    with targets(2) as upstreams:
        upstreams[0].always = "truncated"
        async with staged(document_for(*upstreams)) as stage:
            outcomes = []
            for _ in range(2):
                async with stage.caller() as caller:
                    try:
                        outcomes.append((await caller.get("/x")).status)
                    except asyncio.IncompleteReadError:
                        outcomes.append(0)
            assert sorted(outcomes) == [0, 200]


async def test_who_is_silent_is_given_up_for_another_in_time() -> None:
    with targets(2) as upstreams:
        upstreams[0].always = "silent"
        async with staged(document_for(*upstreams, timeout_secs=1.5)) as stage:
            async with _ticking(stage):
                assert await asked(stage, 2) == [200, 200]
            assert failures(stage) == {"backend/blue timeout": 1}


async def test_retries_have_a_budget_and_then_the_answer_is_passed_on() -> None:
    with targets(2) as upstreams:
        upstreams[0].always = "status-503"
        retry = {"budget_percent": 0, "budget_min_per_sec": 0.1}
        async with staged(document_for(*upstreams, retry=retry)) as stage:
            assert sorted(await asked(stage, 6)) == [200, 200, 200, 200, 503, 503]
            counted = {result: count for _, result, count in stage.plane.tally.take()["upstream_retries"]}
            assert counted == {"retried": 1, "over_budget": 2}


async def test_where_no_other_is_left_the_answer_is_passed_on() -> None:
    with targets(2) as upstreams:
        for one in upstreams:
            one.always = "status-503"
        async with staged(document_for(*upstreams, retry={"max_retries": 5})) as stage:
            assert await asked(stage, 1) == [503]
            assert shares(upstreams) == [1, 1]


async def test_who_was_ill_is_asked_when_all_fail_that_are_well() -> None:
    with targets(2) as upstreams, nobody() as gone:
        back, fails = upstreams
        fails.always = "status-503"
        async with staged(document_for(back, fails, gone, retry={"max_retries": 2})) as stage:
            stage.plane.targets_checked({"backend": {"blue": False, "green": True, "red": False}})
            assert await asked(stage, 3) == [200] * 3, "no check has seen yet that it is back"
            assert shares(upstreams) == [3, 3]
            assert (await sent(stage, "POST", b"x")).status == 503
            back.always = "status-503"
            assert await asked(stage, 1) == [502], "and the last one is not there at all"


@contextlib.asynccontextmanager
async def _ticking(stage: Stage) -> AsyncIterator[None]:
    """Deadlines are checked by ticks."""

    async def tick() -> None:
        while True:
            await asyncio.sleep(0.02)
            stage.plane.tick()

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()


# What operators order.


async def test_a_target_is_drained_and_says_when_it_is_empty() -> None:
    with targets(2) as upstreams:
        blue, green = upstreams
        async with staged(document_for(*upstreams, weights=(1, 0))) as stage, stage.caller() as waiting:
            await asked(stage, 2)
            waiting.send("GET /deaf HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: blue.seen["waiting"] == 1)
            drain = [[{"green": 1}, ["blue"], 2000.0, False]]
            stage.plane.target_orders.replace({"backend": drain}, 1000.0)
            assert await asked(stage, 3) == [200] * 3
            assert len(green.requests) == 3
            await until(lambda: stage.plane.target_states()["backend"]["blue"][:3] == [1, 0, 1])
            blue.release.set()
            assert (await waiting.answer()).status == 200, "what was under way ends"
            await until(lambda: stage.plane.target_states()["backend"]["blue"][:3] == [0, 0, 0])
            drain.insert(0, [{}, ["green"], 2000.0, True])
            stage.plane.target_orders.replace({"backend": drain}, 1000.0)
            async with stage.caller() as caller:
                refused = await caller.get("/")
            assert (refused.status, refused.json()["error"]) == (503, "no_target")


def test_orders_that_make_no_sense_are_refused_and_the_newest_holds() -> None:
    written: list[tuple[Any, ...]] = []
    overrides = TargetOverrides(record=lambda *one: written.append(one), changed=lambda: None)
    overrides.weights = {"s": {"blue": 1, "green": 0}, "t": {"one": 1}}
    who: dict[str, Any] = {"expires_in_seconds": 60, "actor": "ana", "reason": "release"}
    for upstream, weights, drain, said in (
        ("u", {"blue": 1}, [], "allowed: s, t"),
        ("s", {"red": 1}, [], "allowed: blue, green"),
        ("s", {}, [], "each of them once"),
        ("s", {"blue": 1}, ["blue"], "each of them once"),
    ):
        with pytest.raises(OutOfLimitsError, match=said):
            overrides.order(upstream=upstream, weights=dict(weights), drain=list(drain), **who)
    assert written == []
    switch = overrides.order(upstream="s", weights={"blue": 0, "green": 5}, drain=[], **who)
    drain_blue = overrides.order(upstream="s", weights={}, drain=["blue"], **who)
    assert written[-1][3] == {"blue": {"weight": 0, "drain": False, "order": switch.id}}, "what held before"
    assert overrides.for_workers()["s"] == [
        ({}, ["blue"], drain_blue.expires_at, False), ({"blue": 0, "green": 5}, [], switch.expires_at, False),
    ]  # fmt: skip
    overrides.undo(drain_blue, "ben")
    assert (overrides.weight("s", "blue"), overrides.weight("s", "green")) == (0, 5)
    overrides.undo(switch, "ben")
    assert (overrides.weight("s", "blue"), overrides.for_workers()) == (1, {})


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


def test_operators_see_switch_and_drain_targets(tmp_path: Path) -> None:
    with targets(2) as upstreams:
        blue, green = upstreams
        check = {"path": "/status-200", "interval_secs": 0.1, "healthy_threshold": 1}
        document = document_for(blue, green, weights=(1, 0), health_check=check)
        with running(document, tmp_path) as gateway, gateway.client() as client:
            admin = gateway.admin

            def target(name: str) -> dict[str, Any]:
                found = admin.get("/admin/upstreams/backend").json()["targets"]
                return next(dict(one) for one in found if one["target"] == name)

            assert client.get("/a").status_code == 200
            wait_for(lambda: target("blue")["last_check"], what="a check")
            seen = target("blue")
            assert (seen["state"], seen["why"], seen["weight"]) == ("healthy", None, 1)
            assert seen["last_check"]["healthy"] is True
            assert target("green")["state"] == "standby"
            order = {"upstream": "backend", "weights": {"blue": 0, "green": 1}, "expires_in_seconds": 600}
            who = {"actor": "ana", "reason": "release 7"}
            assert (
                admin.post("/admin/upstreams/overrides", json={**order, **who, "weights": {"red": 1}}).status_code
                == 422
            )
            made = admin.post("/admin/upstreams/overrides", json={**order, **who})
            assert made.status_code == 201
            wait_for(lambda: client.get("/b").status_code == 200 and _asked_for(green, "/b"), what="green")
            drained = admin.post("/admin/upstreams/overrides", json={**order, **who, "weights": {}, "drain": ["blue"]})
            wait_for(lambda: target("blue")["state"] == "drained", what="an empty target")
            assert target("blue")["order"]["id"] == drained.json()["id"]
            gateway.change("restart")
            assert client.get("/c").status_code == 200
            assert _asked_for(green, "/c"), "a new worker knows it, too"
            page = client.get("/metrics").text
            assert 'upstream_target_weight{service="backend",target="green"} 1.0' in page
            assert 'upstream_target_up{service="backend",target="blue"} 0.0' in page
            assert 'upstream_in_flight{service="backend",target="green"} 0.0' in page
            assert "# TYPE upstream_retries_total counter" in page
            for one in admin.get("/admin/upstreams/overrides").json()["overrides"]:
                assert admin.delete(f"/admin/upstreams/overrides/{one['id']}").status_code == 204
            wait_for(lambda: client.get("/d").status_code == 200 and _asked_for(blue, "/d"), what="the undo")
            assert admin.delete(f"/admin/upstreams/overrides/{made.json()['id']}").status_code == 404
            assert admin.get("/admin/upstreams/other").status_code == 404
            assert [one["id"] for one in admin.get("/admin/upstreams").json()["upstreams"]] == ["backend"]
            kinds = [one["kind"] for one in admin.get("/admin/history").json()["changes"]]
            assert kinds[-2:] == ["target_ordered", "target_ordered"]
            assert kinds[:2] == ["target_order_undone"] * 2
    assert "target_healthy" in json.dumps([one["event_type"] for one in gateway.log_records()])


def _asked_for(upstream: ControlledUpstream, target: str) -> bool:
    return any(one.target == target for one in upstream.requests)
