"""The circuit breaker of an upstream (runbook 001): its states, and what clients and operators see of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.proxy.breaker import CircuitBreaker, CircuitState
from gateway.supervisor import circuits as circuits_of
from gateway.upstreams.settings import CircuitBreakerSettings
from tests.gateway.running import running, settings_for, wait_for
from tests.gateway.stage import Stage, staged
from tests.gateway.upstream import ControlledUpstream

THRESHOLDS = CircuitBreakerSettings(enabled=True, failure_threshold=3, success_threshold=2, timeout_secs=10)


class Breaking(RuleBasedStateMachine):
    """Requests come, end in any order, or are given up, while time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.turns: list[CircuitState] = []
        self.breaker = CircuitBreaker(THRESHOLDS, lambda: self.now, self.turns.append)
        self.under_way: list[int] = []
        self.opened_at = 0.0

    @rule()
    def comes(self) -> None:
        before = self.breaker.state
        ticket = self.breaker.enter()
        if before is CircuitState.CLOSED:
            assert ticket is not None
        if before is CircuitState.OPEN and self.now < self.opened_at + THRESHOLDS.timeout_secs:
            assert ticket is None
        if ticket is not None:
            self.under_way.append(ticket)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), end=st.sampled_from(["succeeded", "failed", "gave_up"]))
    def ends(self, data: st.DataObject, end: str) -> None:
        ticket = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        turns = len(self.turns)
        getattr(self.breaker, end)(ticket)
        if CircuitState.OPEN in self.turns[turns:]:
            self.opened_at = self.now

    @rule(seconds=st.sampled_from([1.0, 9.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def one_is_tried_at_a_time(self) -> None:
        probes = [one for one in self.under_way if one == self.breaker._round]
        assert self.breaker.state is not CircuitState.HALF_OPEN or len(probes) <= 1

    def teardown(self) -> None:
        """Whatever happened, a healthy upstream is trusted again: nothing sticks."""
        for ticket in self.under_way:
            self.breaker.gave_up(ticket)
        self.now += THRESHOLDS.timeout_secs
        for _ in range(THRESHOLDS.success_threshold):
            ticket = self.breaker.enter()
            assert ticket is not None
            self.breaker.succeeded(ticket)
        assert self.breaker.state is CircuitState.CLOSED


TestBreaking = Breaking.TestCase
TestBreaking.settings = settings(max_examples=50)


def test_failures_in_a_row_open_it_and_a_success_between_does_not() -> None:
    breaker = CircuitBreaker(THRESHOLDS, lambda: 100.0)
    for end in ("failed", "failed", "succeeded", "failed", "failed"):
        ticket = breaker.enter()
        assert ticket is not None
        getattr(breaker, end)(ticket)
    assert (breaker.state, breaker.failures) == (CircuitState.CLOSED, 2)
    last = breaker.enter()
    assert last is not None
    breaker.failed(last)
    assert (breaker.state, breaker.enter(), breaker.retry_after) == (CircuitState.OPEN, None, 10)


def test_what_began_before_it_opened_says_nothing_about_afterwards() -> None:
    now = [0.0]
    breaker = CircuitBreaker(THRESHOLDS, lambda: now[0])
    early = [breaker.enter() for _ in range(4)]
    for ticket in early[:3]:
        assert ticket is not None
        breaker.failed(ticket)
    now[0] = 10.0
    probe = breaker.enter()
    assert probe is not None
    assert early[3] is not None
    breaker.failed(early[3])
    assert breaker.state is CircuitState.HALF_OPEN, "one that has hung since then is not held against it"
    breaker.succeeded(probe)
    assert breaker.enter() is not None


def test_one_that_never_ends_holds_up_nobody() -> None:
    now = [0.0]
    breaker = CircuitBreaker(THRESHOLDS, lambda: now[0])
    for _ in range(3):
        ticket = breaker.enter()
        assert ticket is not None
        breaker.failed(ticket)
    assert breaker.shown is CircuitState.OPEN
    now[0] = 10.0
    assert breaker.shown is CircuitState.HALF_OPEN, "also where nobody comes"
    dripping = breaker.enter()
    assert dripping is not None
    assert (breaker.enter(), breaker.retry_after) == (None, 1)
    now[0] = 20.0
    assert breaker.enter() is not None
    breaker.failed(dripping)
    assert breaker.state is CircuitState.HALF_OPEN, "what came of it too late is void"


def test_the_worst_of_all_workers_is_told() -> None:
    reports = [{"breakers": {"a": (0, 4), "b": (0, 0)}}, {"breakers": {"a": (2, 3), "b": (1, 0)}}]
    found = circuits_of.worst(reports)
    assert found == {"a": (2, 4), "b": (1, 0)}
    assert json.loads(circuits_of.told(found, {}))["state"] == "open"


def metric(client: httpx.Client, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(name)).rsplit(" ", 1)[1])


def circuits(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/circuit-breaker/status").json()
    return found


def test_an_upstream_that_fails_is_left_alone_and_then_trusted_again(
    upstream: ControlledUpstream, tmp_path: Path
) -> None:
    section = {"enabled": True, "failure_threshold": 3, "success_threshold": 2, "timeout_secs": 1}
    document = settings_for(upstream.url, circuit_breaker=section)
    with running(document, tmp_path) as gateway, gateway.client() as client:
        assert [client.get("/status-503").status_code for _ in range(3)] == [503, 503, 503]
        asked = len(upstream.requests)
        refused = client.get("/anything")
        assert (refused.status_code, refused.json()["error"], refused.headers["retry-after"]) == (
            503,
            "circuit_open",
            "1",
        )
        assert len(upstream.requests) == asked, "it is left alone"
        wait_for(lambda: metric(client, "circuit_breaker_state{") == 2, what="the gauge")
        assert metric(client, "circuit_breaker_rejected_total{") == 1
        said = circuits(client)
        assert said == {
            "state": "open",
            "failure_count": 3,
            "upstreams": {"backend": {"state": "open", "failure_count": 3}},
        }
        wait_for(lambda: client.get("/back").status_code == 200, what="the first that is let through")
        assert client.get("/again").status_code == 200
        wait_for(lambda: circuits(client)["state"] == "closed", what="the end of it")
        assert circuits(client)["failure_count"] == 0
    told = [json.loads(line) for line in gateway.log_path.read_text().splitlines() if "circuit_turned" in line]
    assert [one["state"] for one in told] == ["open", "half_open", "closed"]


async def statuses(stage: Stage, *targets: str) -> list[int]:
    """What is answered, each on a connection of its own."""
    found = []
    for target in targets:
        async with stage.caller() as caller:
            found.append((await caller.get(target)).status)
    return found


def told_of(stage: Stage) -> dict[str, Any]:
    """What the page of one worker's breakers says."""
    found: dict[str, Any] = json.loads(circuits_of.told(circuits_of.worst([{"breakers": stage.plane.breakers()}]), {}))
    return found


async def test_an_upstream_that_is_not_there_opens_it_too() -> None:
    document = settings_for("http://127.0.0.1:1", circuit_breaker={"enabled": True, "failure_threshold": 2})
    async with staged(document) as stage:
        assert await statuses(stage, "/", "/", "/") == [502, 502, 503]


async def test_what_clients_do_wrong_is_not_held_against_the_upstream(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url, circuit_breaker={"enabled": True, "failure_threshold": 3})
    async with staged(document) as stage:
        assert set(await statuses(stage, *["/status-404"] * 6)) == {404}
        assert set(await statuses(stage, *["/status-501"] * 6)) == {501}
        assert told_of(stage)["state"] == "closed"


async def test_answers_that_break_off_open_it(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url, circuit_breaker={"enabled": True, "failure_threshold": 3})
    async with staged(document) as stage:
        for _ in range(3):
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await statuses(stage, "/truncated")
        assert await statuses(stage, "/") == [503]


async def test_each_upstream_has_its_own(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url, circuit_breaker={"enabled": True, "failure_threshold": 1})
    unguarded = {"id": "dead", "base_url": "http://127.0.0.1:1", "circuit_breaker": {"enabled": False}}
    document["upstreams"].append(unguarded)
    document["routes"].append({"id": "dead", "path": "/dead", "upstream_id": "dead"})
    async with staged(document) as stage:
        assert await statuses(stage, "/dead", "/dead", "/dead") == [502, 502, 502]
        assert await statuses(stage, "/status-500", "/") == [500, 503]
        assert list(told_of(stage)["upstreams"]) == ["backend"]


@pytest.mark.parametrize("wrong", [{"failure_threshold": 0}, {"timeout_secs": 0}, {"thresholds": 5}])
def test_wrong_settings_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CircuitBreakerSettings.model_validate(wrong)
