"""Circuit breakers that operators force open or closed, or enable (runbook 004): with an expiry, and an undo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.proxy.breaker import CircuitBreaker, CircuitState
from gateway.proxy.forced import CircuitOrders
from gateway.proxy.pool import UpstreamPool
from gateway.supervisor.circuit_overrides import CircuitOverrides
from gateway.upstreams.settings import CircuitBreakerSettings, UpstreamSettings
from tests.gateway.running import RunningGateway, running, settings_for, wait_for
from tests.gateway.upstream import ControlledUpstream

THRESHOLDS = CircuitBreakerSettings(enabled=True, failure_threshold=2, timeout_secs=10)


class Guarded:
    """One upstream with a breaker of its own, and one without, at a time that tests set."""

    def __init__(self) -> None:
        self.now = 100.0
        self.own = self.made("own")
        upstreams = [UpstreamSettings(id=name, base_url="http://127.0.0.1:1") for name in ("own", "none")]
        self.pools = {
            "own": UpstreamPool(upstreams[0], self.clock, self.own),
            "none": UpstreamPool(upstreams[1], self.clock, None),
        }
        self.orders = CircuitOrders(self.pools, self.clock, self.made)

    def clock(self) -> float:
        return self.now

    def made(self, _: str) -> CircuitBreaker:
        return CircuitBreaker(THRESHOLDS, self.clock)

    def order(self, **orders: list[tuple[str, float]]) -> None:
        self.orders.replace(orders, self.now)

    def breaker(self, name: str) -> CircuitBreaker:
        found = self.pools[name].breaker
        assert found is not None
        return found


def test_forced_open_lets_nothing_through_until_it_expires() -> None:
    guarded = Guarded()
    guarded.order(own=[("open", 130.0)], none=[("open", 120.0)])
    for name, left in (("own", 30), ("none", 20)):
        forced = guarded.breaker(name)
        assert (forced.enter(), forced.shown, forced.retry_after) == (None, CircuitState.OPEN, left)
    guarded.now = 120.0
    guarded.orders.tick(120.0)
    assert guarded.pools["none"].breaker is None
    assert guarded.breaker("own").enter() is None
    guarded.now = 130.0
    guarded.orders.tick(130.0)
    assert guarded.breaker("own") is guarded.own


def test_forced_closed_lets_all_through_and_the_own_one_goes_on_where_it_was() -> None:
    guarded = Guarded()
    for _ in range(2):
        ticket = guarded.own.enter()
        assert ticket is not None
        guarded.own.failed(ticket)
    assert guarded.own.enter() is None
    guarded.order(own=[("closed", 101.0)])
    forced = guarded.breaker("own")
    for _ in range(5):
        ticket = forced.enter()
        assert ticket is not None
        forced.failed(ticket)
        forced.succeeded(ticket)
        forced.gave_up(ticket)
    assert (forced.shown, forced.failures) == (CircuitState.CLOSED, 0)
    guarded.order()
    assert guarded.breaker("own") is guarded.own
    assert guarded.own.enter() is None, "it has not forgotten"


def test_enabled_is_by_the_thresholds_of_the_settings() -> None:
    guarded = Guarded()
    guarded.order(own=[("enabled", 200.0)], none=[("enabled", 200.0)])
    assert guarded.breaker("own") is guarded.own
    made = guarded.breaker("none")
    for _ in range(2):
        ticket = made.enter()
        assert ticket is not None
        made.failed(ticket)
    assert made.enter() is None
    guarded.order(own=[("enabled", 200.0)], none=[("enabled", 200.0)])
    assert guarded.breaker("none") is made, "an order that is told again changes nothing"


def test_when_the_first_order_is_over_the_next_one_holds() -> None:
    guarded = Guarded()
    guarded.order(own=[("open", 110.0), ("closed", 120.0)])
    assert guarded.breaker("own").enter() is None
    guarded.now = 110.0
    guarded.orders.tick(110.0)
    assert guarded.breaker("own").enter() is not None
    assert guarded.breaker("own") is not guarded.own


def test_an_order_for_one_goes_before_one_for_all_and_what_cannot_be_recorded_is_not_done() -> None:
    told, written = list[int](), list[tuple[Any, ...]]()

    def record(*change: Any) -> None:
        if change[2] == "no room":
            raise OSError("no space left")
        written.append(change)

    overrides = CircuitOverrides(["a", "b"], record=record, changed=lambda: told.append(1))
    who: dict[str, Any] = {"expires_in_seconds": 60, "actor": "ana", "reason": "drill"}
    every = overrides.order(upstream="*", state="enabled", **who)
    one = overrides.order(upstream="a", state="open", **who)
    assert {name: item.state for name, item in overrides.of_upstreams().items()} == {"a": "open", "b": "enabled"}
    assert [state for state, _ in overrides.for_workers()["a"]] == ["open", "enabled"]
    again = overrides.order(upstream="a", state="closed", **who)
    assert written[-1][3] == one.described(), "what held before"
    assert (overrides.get(one.id), overrides.get(again.id)) == (None, again)
    overrides.undo(again, "ben")
    assert overrides.active() == [every]
    with pytest.raises(OSError, match="no space"):
        overrides.order(upstream="b", state="open", **{**who, "reason": "no room"})
    assert (overrides.active(), len(told)) == ([every], 4)
    overrides.order(upstream="b", state="open", **{**who, "expires_in_seconds": -1})
    assert overrides.active() == [every], "that one is over"


def test_an_operator_forces_one_and_undoes_it(upstream: ControlledUpstream, tmp_path: Path) -> None:
    with running(settings_for(upstream.url), tmp_path) as gateway, gateway.client() as client:
        admin = gateway.admin
        assert status(client) == {"state": "disabled", "failure_count": 0, "upstreams": {}}, "without one it says so"
        enabled = admin.post("/admin/circuit-breaker/enable")
        assert (enabled.status_code, enabled.json()["upstream"], enabled.json()["state"]) == (201, "*", "enabled")
        wait_for(lambda: "backend" in status(client)["upstreams"], what="the breaker")
        body = {"upstream": "backend", "state": "open", "expires_in_seconds": 600, "actor": "ana", "reason": "drill"}
        forced = admin.post("/admin/circuit-breaker/overrides", json=body).json()
        wait_for(lambda: client.get("/").status_code == 503, what="the open breaker")
        refused = client.get("/")
        assert refused.json()["error"] == "circuit_open"
        assert 500 < int(refused.headers["retry-after"]) <= 600
        gateway.change("restart")
        assert client.get("/").status_code == 503, "a new worker knows it, too"
        wait_for(lambda: status(client)["state"] == "open", what="the status")
        told = status(client)["upstreams"]["backend"]["forced"]
        assert told == {"state": "open", "until": forced["expires_at"]}
        assert [one["state"] for one in overrides(gateway)] == ["open", "enabled"]
        assert admin.delete(f"/admin/circuit-breaker/overrides/{forced['id']}").status_code == 204
        wait_for(lambda: client.get("/").status_code == 200, what="the undo")
        assert admin.delete(f"/admin/circuit-breaker/overrides/{forced['id']}").status_code == 404
        for wrong in ({"upstream": "other"}, {"state": "ajar"}, {"expires_in_seconds": 0}, {"actor": ""}):
            assert admin.post("/admin/circuit-breaker/overrides", json={**body, **wrong}).status_code == 422
        changes = admin.get("/admin/history").json()["changes"]
        made = [(one["kind"], one["actor"], one["reason"]) for one in changes if one["kind"].startswith("circuit")]
        assert made == [
            ("circuit_order_undone", "admin-api", ""),
            ("circuit_ordered", "ana", "drill"),
            ("circuit_ordered", "admin-api", ""),
        ]


def status(client: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/circuit-breaker/status").json()
    return found


def overrides(gateway: RunningGateway) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = gateway.admin.get("/admin/circuit-breaker/overrides").json()["overrides"]
    return found
