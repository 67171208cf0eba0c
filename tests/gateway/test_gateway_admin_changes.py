"""Every change by the admin API is in the history, with who, why, and what was before and after it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.admin.app import described_app
from tests.gateway.admin_stand import AdminStand
from tests.gateway.running import wait_for
from tests.gateway.signing import API_KEY

WHO = {"actor": "ana", "reason": "a drill"}
FOR_A_WHILE = {"expires_in_seconds": 600, **WHO}
FAULT = {"latency_ms": 1, **FOR_A_WHILE}
WEIGHTS = {"upstream": "backend", "weights": {"blue": 5}, **FOR_A_WHILE}
FORCED = {"upstream": "*", "state": "open", **FOR_A_WHILE}
BLOCK = {"network": "192.0.2.1", **FOR_A_WHILE}
OF_CLIENT = {"client": "batch", **FOR_A_WHILE}
LEVEL = {"changes": {"logging.level": "DEBUG"}, **FOR_A_WHILE}


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminStand]:
    with AdminStand(tmp_path_factory.mktemp("stand")) as own:
        yield own


@pytest.fixture
def admin(stand: AdminStand) -> Iterator[httpx.Client]:
    """Nothing that others have ordered holds."""
    with stand.client() as client:
        for place in (
            "/admin/blocks",
            "/admin/blocks/clients",
            "/admin/config/overrides",
            "/admin/upstreams/overrides",
            "/admin/circuit-breaker/overrides",
        ):
            [held] = client.get(place).json().values()
            for one in held:
                client.delete(f"{place}/{one['id']}")
        client.delete("/admin/faults")
        client.delete("/admin/maintenance")
        wait_for(lambda: client.get("/admin/status").json()["operation"] is None)
        yield client


def another_file(stand: AdminStand) -> None:
    upstream = stand.document["upstreams"][0]
    upstream["timeout_secs"] = upstream.get("timeout_secs", 30) + 1
    stand.write()


def made(admin: httpx.Client, place: str, body: dict[str, Any]) -> str:
    answer = admin.post(place, json=body)
    assert answer.status_code == 201, answer.text
    return f"{place}/{answer.json()['id']}"


def reloaded(stand: AdminStand, admin: httpx.Client) -> httpx.Response:
    another_file(stand)
    return admin.post("/admin/config/reload", json=WHO)


def rolled_back(stand: AdminStand, admin: httpx.Client) -> httpx.Response:
    done = reloaded(stand, admin).json()
    return admin.post("/admin/config/rollback", json={**WHO, "number": done["before"]["number"]})


def restored(_: AdminStand, admin: httpx.Client) -> httpx.Response:
    taken = admin.post("/cache/snapshot", json=WHO).json()
    return admin.post("/cache/restore", json=taken, params=WHO)


def posts(place: str, body: dict[str, Any]) -> Callable[[AdminStand, httpx.Client], httpx.Response]:
    return lambda _, admin: admin.post(place, json=body)


def undoes(place: str, body: dict[str, Any]) -> Callable[[AdminStand, httpx.Client], httpx.Response]:
    return lambda _, admin: admin.delete(made(admin, place, body), params=WHO)


def clears(place: str, body: dict[str, Any]) -> Callable[[AdminStand, httpx.Client], httpx.Response]:
    def clear(_: AdminStand, admin: httpx.Client) -> httpx.Response:
        assert admin.post(place, json=body).status_code == 201
        return admin.delete(place, params=WHO)

    return clear


#: How each is asked so that it changes something, and the kind of change that the history then has.
CHANGES: dict[str, tuple[Callable[[AdminStand, httpx.Client], httpx.Response], str]] = {
    "POST /admin/scale": (posts("/admin/scale", {"replicas": 1, "operation_id": "scale-1", **WHO}), "scale"),
    "POST /admin/restart": (posts("/admin/restart", {"operation_id": "restart-1", **WHO}), "restart"),
    "POST /admin/faults": (posts("/admin/faults", FAULT), "fault_added"),
    "DELETE /admin/faults/{fault_id}": (undoes("/admin/faults", FAULT), "fault_removed"),
    "DELETE /admin/faults": (clears("/admin/faults", FAULT), "faults_cleared"),
    "POST /admin/config/reload": (reloaded, "config_changed"),
    "POST /admin/config/rollback": (rolled_back, "config_changed"),
    "POST /admin/config/overrides": (posts("/admin/config/overrides", LEVEL), "config_changed"),
    "DELETE /admin/config/overrides/{override_id}": (undoes("/admin/config/overrides", LEVEL), "config_changed"),
    "POST /admin/maintenance": (posts("/admin/maintenance", FOR_A_WHILE), "maintenance_ordered"),
    "DELETE /admin/maintenance": (clears("/admin/maintenance", FOR_A_WHILE), "maintenance_order_undone"),
    "POST /admin/blocks": (posts("/admin/blocks", BLOCK), "network_blocked"),
    "DELETE /admin/blocks/{block_id}": (undoes("/admin/blocks", BLOCK), "network_unblocked"),
    "POST /admin/blocks/clients": (posts("/admin/blocks/clients", OF_CLIENT), "client_blocked"),
    "DELETE /admin/blocks/clients/{block_id}": (undoes("/admin/blocks/clients", OF_CLIENT), "client_unblocked"),
    "POST /api/token/revoke": (
        posts("/api/token/revoke", {"token": API_KEY, "client_id": "batch", **WHO}), "token_revoked",
    ),
    "POST /api/clients/{client_id}/revoke": (posts("/api/clients/batch/revoke", WHO), "client_revoked"),
    "POST /api/clients/{client_id}/reset-secret": (
        posts("/api/clients/batch/reset-secret", WHO), "client_secret_reset",
    ),
    "POST /cache/purge": (posts("/cache/purge", {"prefix": "/", **WHO}), "cache_purged"),
    "POST /cache/optimize": (posts("/cache/optimize", WHO), "cache_optimized"),
    "POST /cache/warm": (posts("/cache/warm", {"host": "h", "targets": ["/"], **WHO}), "cache_warmed"),
    "POST /cache/snapshot": (posts("/cache/snapshot", WHO), "cache_snapshot_taken"),
    "POST /cache/restore": (restored, "cache_restored"),
    "POST /admin/circuit-breaker/enable": (posts("/admin/circuit-breaker/enable", WHO), "circuit_ordered"),
    "POST /admin/circuit-breaker/overrides": (posts("/admin/circuit-breaker/overrides", FORCED), "circuit_ordered"),
    "DELETE /admin/circuit-breaker/overrides/{override_id}": (
        undoes("/admin/circuit-breaker/overrides", FORCED), "circuit_order_undone",
    ),
    "POST /admin/upstreams/overrides": (posts("/admin/upstreams/overrides", WEIGHTS), "target_ordered"),
    "DELETE /admin/upstreams/overrides/{override_id}": (
        undoes("/admin/upstreams/overrides", WEIGHTS), "target_order_undone",
    ),
}  # fmt: skip


def test_nothing_changes_but_by_what_is_tried_here(stand: AdminStand) -> None:
    paths = described_app(stand.gateway).openapi()["paths"]
    found = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods if method != "get"}
    assert found == set(CHANGES)


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_is_in_the_history(stand: AdminStand, admin: httpx.Client, name: str) -> None:
    change, kind = CHANGES[name]
    answer = change(stand, admin)
    assert answer.status_code < 300, answer.text
    last = admin.get("/admin/history", params={"limit": 1}).json()["changes"][0]
    assert (last["kind"], last["actor"], last["reason"], last["caller"]) == (kind, "ana", "a drill", "admin")
    assert last["before"] is not None or last["after"] is not None
    assert API_KEY not in json.dumps(last)
    if name.startswith("DELETE"):
        assert last["before"] is not None, "what is undone is told"


@pytest.mark.parametrize(
    ("place", "body"),
    [
        ("/admin/blocks", BLOCK), ("/admin/blocks/clients", OF_CLIENT),
        ("/admin/faults", FAULT), ("/admin/circuit-breaker/overrides", FORCED),
        ("/admin/upstreams/overrides", WEIGHTS), ("/admin/maintenance", FOR_A_WHILE),
        ("/admin/config/overrides", LEVEL),
    ],
)  # fmt: skip
def test_a_change_is_made_only_where_nothing_has_changed_since_it_was_decided_on(
    admin: httpx.Client, place: str, body: dict[str, Any]
) -> None:
    seen = admin.get(place).headers["etag"]
    again = admin.get(place, headers={"if-none-match": f'"other", W/{seen}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", seen)
    first = admin.post(place, json=body, headers={"if-match": seen})
    assert first.status_code == 201, first.text
    late = admin.post(place, json=body, headers={"if-match": seen})
    assert (late.status_code, late.json()["error"]["code"]) == (412, "precondition_failed")
    undo = place if place.endswith("maintenance") else f"{place}/{first.json()['id']}"
    assert admin.delete(undo, headers={"if-match": seen}).status_code == 412
    now = admin.get(place, headers={"if-none-match": seen})
    assert (now.status_code, now.headers["etag"] != seen) == (200, True)
    assert admin.delete(undo, headers={"if-match": now.headers["etag"]}).status_code < 300


def test_figures_are_no_reason_to_refuse_a_change(stand: AdminStand, admin: httpx.Client) -> None:
    place = "/admin/upstreams"
    seen = admin.get(place).headers["etag"]
    assert admin.get(f"{place}/backend").headers["etag"].split(".")[0] == seen.split(".")[0]
    report = stand.gateway.fleet.workers[0].last_report
    figures = json.dumps(report["targets"])
    assert admin.get(place, headers={"if-none-match": seen}).status_code == 304
    other_figures = f'{seen.split(".")[0]}.0000"'
    assert admin.get(place, headers={"if-none-match": other_figures}).status_code == 200, figures
    done = admin.post(f"{place}/overrides", json=WEIGHTS, headers={"if-match": other_figures})
    assert done.status_code == 201, done.text
    assert admin.post(f"{place}/overrides", json=WEIGHTS, headers={"if-match": f"W/{seen}"}).status_code == 412


def test_what_expires_is_told_as_another_state(admin: httpx.Client) -> None:
    made(admin, "/admin/blocks", {**BLOCK, "expires_in_seconds": 1})
    seen = admin.get("/admin/blocks").headers["etag"]
    ended = time.monotonic() + 60
    while admin.get("/admin/blocks", headers={"if-none-match": seen}).status_code == 304:
        assert time.monotonic() < ended
    assert admin.get("/admin/blocks").json() == {"blocks": []}


def test_a_history_of_an_earlier_version_is_read_and_what_is_no_change_is_left_out(tmp_path: Path) -> None:
    from gateway.supervisor.history import History

    whole = {"key": "a", "at": "2026-01-01T00:00:00.000Z", "kind": "scale", "operation_id": "a", "actor": "ana",
             "reason": "", "before": {}, "after": {}, "outcome": "done"}  # fmt: skip
    path = tmp_path / "history.jsonl"
    lines = [whole, {**whole, "key": "b", "actor": None}, {"key": "c"}, [1], {**whole, "key": "d", "caller": "oncall"}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert [change.get("caller") for change in History(path).newest(10)] == ["oncall", None]


def test_methods_that_there_are_not_are_told_with_those_that_there_are(admin: httpx.Client) -> None:
    for place, allowed in (
        ("/admin/blocks", "GET, POST"), ("/admin/faults", "GET, POST, DELETE"), ("/admin/blocks/b", "DELETE"),
        ("/api/token/revoke", "POST"), ("/api/token/some", "GET"),
    ):  # fmt: skip
        answer = admin.put(place)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed), place
    assert admin.get("/api/token/revoke").status_code == 405
    assert admin.get("/admin/status/").status_code == 404


def test_a_query_that_is_misspelt_is_not_left_out(admin: httpx.Client) -> None:
    answer = admin.delete("/admin/maintenance", params={"actor": "ana", "reson": "typed in haste"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    assert answer.json()["error"]["message"] == "unknown query parameters reson; allowed here: actor, reason"
