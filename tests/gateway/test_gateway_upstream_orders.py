"""Upstreams with several targets: what operators may order, and what they see of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.supervisor.operations import OutOfLimitsError
from gateway.supervisor.target_overrides import TargetOverrides
from tests.gateway.running import running, wait_for
from tests.gateway.stage import staged, until
from tests.gateway.targets import asked, document_for, targets
from tests.gateway.upstream import ControlledUpstream


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
