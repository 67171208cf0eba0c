"""The admin API as its clients see it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateway.running import TOKEN, RunningGateway, running, settings_for, wait_for
from tests.gateway.upstream import ControlledUpstream


@pytest.fixture
def gateway(upstream: ControlledUpstream, tmp_path: Path) -> Iterator[RunningGateway]:
    document = settings_for(upstream.url, admin={"history_path": str(tmp_path / "var" / "history.jsonl")})
    with running(document, tmp_path) as own:
        yield own


@pytest.fixture(scope="module")
def process(shared_upstream: ControlledUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """A gateway that tests may scale and restart; see `operated`."""
    document = settings_for(shared_upstream.url, server={"drain_idle_secs": 0})
    with running(document, tmp_path_factory.mktemp("operated")) as own:
        yield own


@pytest.fixture
def operated(process: RunningGateway) -> RunningGateway:
    """It has one worker, whatever was done with it before."""
    if process.status()["replicas"] != {"desired": 1, "ready": 1}:
        assert process.change("scale", replicas=1)["state"] == "done"
    return process


def scale_body(**changes: Any) -> dict[str, Any]:
    return {"replicas": 2, "operation_id": str(uuid.uuid4()), "actor": "ana", "reason": "more load", **changes}


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}, {"authorization": f"Basic {TOKEN}"},
     {"authorization": f"Bearer {TOKEN}x"}, {"authorization": "Bearer \xe9"}],
)  # fmt: skip
def test_without_the_token_nothing_is_answered(shared: RunningGateway, headers: dict[str, str]) -> None:
    with httpx.Client(base_url=shared.ready["admin"], trust_env=False) as client:
        sent = {name: value.encode("latin-1") for name, value in headers.items()}
        for path in ("/admin/status", "/admin/nothing", "/", "/openapi.json"):
            answer = client.get(path, headers=sent)
            assert answer.status_code == 401
            assert answer.json()["error"]["code"] == "unauthorized"
        assert client.post("/admin/scale", json=scale_body(), headers=sent).status_code == 401


def test_status(shared: RunningGateway) -> None:
    status = shared.status()
    assert status["name"] == "gateway"
    assert status["replicas"] == {"desired": 1, "ready": 1}
    assert status["limits"] == {"min": 1, "max": 8}
    assert status["listen"] == [shared.url]
    assert status["operation"] is None
    assert status["uid"] == shared.ready["uid"]
    assert status["started_at"].endswith("Z")


def test_workers(shared: RunningGateway) -> None:
    [worker] = shared.workers()
    assert worker["name"].startswith("gateway-1-")
    assert (worker["slot"], worker["state"], worker["restarts"]) == (1, "ready", 0)
    assert worker["rss_bytes"] > 1_000_000


def test_an_operation_is_done_once(operated: RunningGateway) -> None:
    body = scale_body()
    first = operated.admin.post("/admin/scale", json=body)
    assert first.status_code == 202
    assert operated.finished(body["operation_id"])["state"] == "done"
    operated.change("scale", replicas=3)
    again = operated.admin.post("/admin/scale", json=body)
    assert again.status_code == 200
    assert again.json()["state"] == "done"
    assert operated.status()["replicas"]["desired"] == 3
    other = operated.admin.post("/admin/scale", json={**body, "replicas": 4})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "conflict")
    restart = {"operation_id": body["operation_id"], "actor": "ana", "reason": "more load"}
    assert operated.admin.post("/admin/restart", json=restart).status_code == 409


def test_what_was_expected_must_be_found(operated: RunningGateway) -> None:
    uid = operated.status()["uid"]
    for expected in ({"uid": "another"}, {"replicas": 7}, {"uid": uid, "replicas": 2}):
        answer = operated.admin.post("/admin/scale", json=scale_body(expected=expected))
        assert answer.status_code == 409
        error = answer.json()["error"]
        assert (error["code"], error["found"]) == ("conflict", {"uid": uid, "replicas": 1})
    answer = operated.admin.post("/admin/restart", json={
        "operation_id": "r1", "actor": "ana", "reason": "", "expected": {"uid": "another"},
    })  # fmt: skip
    assert answer.status_code == 409
    assert operated.change("scale", replicas=2, expected={"uid": uid, "replicas": 1})["state"] == "done"


def test_a_restart_may_be_of_some_workers(operated: RunningGateway) -> None:
    operated.change("scale", replicas=2)
    kept, replaced = operated.workers("ready")
    found = operated.change("restart", operation_id="part", workers=[replaced["name"]])
    assert (found["state"], found["progress"]) == ("done", {"done": 1, "total": 1})
    assert (found["before"], found["after"]) == ({"replicas": 2}, {"replicas": 2, "restarted": 1})
    now = {worker["name"] for worker in operated.workers("ready")}
    assert (kept["name"] in now, replaced["name"] in now, len(now)) == (True, False, 2)
    body = {"operation_id": "part", "actor": "ana", "reason": "test"}
    other = operated.admin.post("/admin/restart", json={**body, "workers": [kept["name"]]})
    assert other.status_code == 409
    nobody = operated.admin.post("/admin/restart", json={**body, "operation_id": "none", "workers": []})
    assert nobody.status_code == 422


def test_one_operation_at_a_time(operated: RunningGateway) -> None:
    first = scale_body(replicas=4)
    assert operated.admin.post("/admin/scale", json=first).status_code == 202
    assert operated.status()["operation"]["operation_id"] == first["operation_id"]
    second = operated.admin.post("/admin/scale", json=scale_body(replicas=5))
    assert second.status_code == 409
    assert first["operation_id"] in second.json()["error"]["message"]
    assert operated.finished(first["operation_id"])["state"] == "done"


@pytest.mark.parametrize("replicas", [0, 9, -1, 10**9])
def test_limits_hold(shared: RunningGateway, replicas: int) -> None:
    answer = shared.admin.post("/admin/scale", json=scale_body(replicas=replicas))
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "out_of_limits")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"{", "JSON"), (b"[]", "body"), (b"", "body"), (b"\xff\xfe", ""), (b"[" * 50_000, ""),
        (json.dumps(scale_body(extra=1)).encode(), "extra"),
        (json.dumps(scale_body(replicas="2")).encode(), "replicas"),
        (json.dumps(scale_body(replicas=True)).encode(), "replicas"),
        (json.dumps(scale_body(expected={"replica": 1})).encode(), "expected.replica"),
        (json.dumps(scale_body(operation_id="")).encode(), "operation_id"),
        (json.dumps(scale_body(operation_id="a b")).encode(), "operation_id"),
        (json.dumps(scale_body(actor="x" * 300)).encode(), "actor"),
    ],
)  # fmt: skip
def test_bad_bodies_are_explained(shared: RunningGateway, body: bytes, named: str) -> None:
    answer = shared.admin.post("/admin/scale", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert named in answer.json()["error"]["message"]
    assert shared.status()["replicas"]["desired"] == 1


def test_large_bodies_are_refused(shared: RunningGateway) -> None:
    answer = shared.admin.post("/admin/scale", json=scale_body(reason="x" * 100_000))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    assert shared.status()["name"] == "gateway"


@pytest.mark.parametrize(
    "path",
    ["/admin/metrics/summary?window=0", "/admin/metrics/summary?window=901", "/admin/logs?limit=0",
     "/admin/logs?level=LOUD", "/admin/errors?since_seconds=nan", "/admin/history?limit=x"],
)  # fmt: skip
def test_bad_queries_are_explained(shared: RunningGateway, path: str) -> None:
    answer = shared.admin.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


def test_unknown_things_are_not_found(shared: RunningGateway) -> None:
    for method, path in (("GET", "/admin/operations/none"), ("GET", "/admin/nothing"), ("DELETE", "/admin/faults/no")):
        answer = shared.admin.request(method, path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_the_summary_is_fresh(gateway: RunningGateway) -> None:
    empty = gateway.admin.get("/admin/metrics/summary").json()
    assert empty["window"]["p95_ms"] is None
    with gateway.client() as client:
        for _ in range(8):
            client.get("/x")
        for _ in range(2):
            client.get("/status-503")
        client.get("/health")

    def whole() -> Any:
        """The second that runs is not in the window yet."""
        found = gateway.admin.get("/admin/metrics/summary", params={"window": 60}).json()
        return found if found["window"]["requests"] == 10 else None

    summary = wait_for(whole)
    window = summary["window"]
    assert (window["seconds"], window["requests"], window["errors"], window["error_rate"]) == (60, 10, 2, 0.2)
    assert 0 < window["p50_ms"] <= window["p95_ms"] <= window["p99_ms"]
    assert [(row["route"], row["requests"], row["errors"]) for row in summary["by_route"]] == [("default", 10, 2)]
    assert (summary["requests_total"], summary["errors_total"]) == (10, 2)


def test_logs_and_errors_tell_what_failed_and_no_secret(gateway: RunningGateway) -> None:
    secrets = {"authorization": "Bearer sesame-1", "cookie": "session=sesame-2", "user-agent": "probe token=sesame-3"}
    with gateway.client() as client:
        client.get("/status-500?api_key=sesame-4", headers=secrets)
        client.get("/vanish", headers={"x-request-id": "find-me"})
        client.get("/vanish")
    logs = gateway.admin.get("/admin/logs", params={"level": "ERROR", "limit": 2}).json()
    assert (logs["total_matched"], logs["truncated"], len(logs["records"])) == (3, True, 2)
    [found] = gateway.admin.get("/admin/logs", params={"grep": "FIND-me"}).json()["records"]
    expected = {"service", "component", "event_type", "correlation_id", "message", "method", "path", "client_ip"}
    expected |= {"timestamp", "level", "request_size", "status", "response_time", "route", "upstream", "worker"}
    assert expected <= set(found)
    errors = gateway.admin.get("/admin/errors").json()
    groups = {(group["status"], group["error_type"]): group["count"] for group in errors["groups"]}
    assert groups == {(500, "upstream_status"): 1, (502, "disconnected"): 2}
    assert errors["total"] == 3
    assert errors["groups"][0]["example"]["path"] == "/vanish"
    wait_for(lambda: "find-me" in gateway.log_path.read_text(), what="the written log")
    everything = gateway.log_path.read_text() + json.dumps(errors) + gateway.admin.get("/admin/logs").text
    assert "sesame" not in everything
    assert TOKEN not in everything + gateway.admin.get("/admin/config").text


def test_faults_are_applied_counted_and_expire(operated: RunningGateway) -> None:
    admin = operated.admin
    error = {"route": "default", "error_rate": 1, "status": 503, "expires_in_seconds": 600, "actor": "ana"}
    added = admin.post("/admin/faults", json={**error, "reason": "drill"})
    assert added.status_code == 201
    assert added.json()["expires_at"].endswith("Z")
    with operated.client() as client:
        wait_for(lambda: client.get("/x").status_code == 503)
        assert client.get("/x").json()["error"] == "fault_injected"
        assert client.get("/limited").status_code == 200
        assert client.get("/health").status_code == 200
        operated.change("scale", replicas=2)
        operated.change("restart")
        assert {client.get("/x").status_code for _ in range(10)} == {503}
        assert [fault["id"] for fault in admin.get("/admin/faults").json()["faults"]] == [added.json()["id"]]
        assert admin.delete(f"/admin/faults/{added.json()['id']}").status_code == 204
        wait_for(lambda: client.get("/x").status_code == 200)
        admin.post("/admin/faults", json={"latency_ms": 300, "expires_in_seconds": 2, "actor": "ana"})
        wait_for(lambda: client.get("/x").elapsed.total_seconds() > 0.3)
        wait_for(lambda: client.get("/x").elapsed.total_seconds() < 0.2)
    assert admin.get("/admin/faults").json() == {"faults": []}

    def errors() -> int:
        return int(admin.get("/admin/metrics/summary", params={"window": 60}).json()["window"]["errors"])

    wait_for(lambda: errors() >= 11)
    assert admin.get("/admin/logs", params={"grep": "fault_injected"}).json()["total_matched"] >= 11


@pytest.mark.parametrize(
    "change",
    [{"route": "unknown"}, {"latency_ms": -1}, {"latency_ms": 60_001}, {"error_rate": 1.1}, {"status": 404},
     {"expires_in_seconds": 0}, {"expires_in_seconds": 3601}, {"surprise": 1}, {"actor": ""}],
)  # fmt: skip
def test_bad_faults_are_refused(shared: RunningGateway, change: dict[str, Any]) -> None:
    body = {"error_rate": 1, "expires_in_seconds": 60, "actor": "ana", **change}
    assert shared.admin.post("/admin/faults", json=body).status_code == 422
    assert shared.admin.get("/admin/faults").json() == {"faults": []}


def test_the_history_survives_a_restart_of_the_gateway(upstream: ControlledUpstream, tmp_path: Path) -> None:
    document = settings_for(upstream.url, admin={"history_path": str(tmp_path / "history.jsonl")})
    with running(document, tmp_path / "one") as first:
        first.change("restart")
        first.change("scale", replicas=2, reason="peak")
    with running(document, tmp_path / "two") as second:
        changes = second.admin.get("/admin/history").json()["changes"]
        assert [(change["kind"], change["outcome"]) for change in changes] == [("scale", "done"), ("restart", "done")]
        assert changes[0]["before"] == {"replicas": 1}
        assert changes[0]["after"] == {"replicas": 2}
        assert (changes[0]["actor"], changes[0]["reason"]) == ("ana", "peak")
        assert second.admin.get("/admin/history", params={"limit": 1}).json()["changes"] == changes[:1]


def test_the_configuration_is_shown_without_the_token(shared: RunningGateway) -> None:
    shown = shared.admin.get("/admin/config").json()
    assert shown["config"]["admin"]["token"] == "********"
    assert shown["version"] == shared.status()["config_version"]
    assert shown["path"] == str(shared.config_path)


def test_the_pages_are_on_the_public_port_as_well(shared: RunningGateway) -> None:
    with shared.client() as client:
        for path in ("/metrics/performance", "/metrics/system", "/metrics/errors", "/alerts/active"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json"), path
            assert answer.json() is not None
        assert "metrics" not in shared.ready, "no port of their own"
