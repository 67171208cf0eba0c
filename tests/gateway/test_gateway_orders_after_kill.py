"""What operators have ordered outlives the gateway: a kill -9 at any moment, a restart, a newer process after it."""

from __future__ import annotations

import contextlib
import signal
import stat
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.supervisor.orders_file import OrdersFile
from tests.gateway.running import RunningGateway, kill_worker, running, settings_for, wait_for
from tests.gateway.signing import API_KEY, SECRET, api_key_entry, token
from tests.gateway.upstream import ControlledUpstream

_WHO = {"actor": "ana", "reason": "an attack", "expires_in_seconds": 600}
_LISTS = (
    "/admin/blocks", "/admin/blocks/clients", "/admin/circuit-breaker/overrides", "/admin/upstreams/overrides",
    "/admin/maintenance", "/admin/config/overrides",
)  # fmt: skip


def document_for(upstream: ControlledUpstream, directory: Path) -> dict[str, Any]:
    """A route for each kind of order."""
    document = settings_for(
        upstream.url,
        server={"trusted_proxies": ["127.0.0.0/8"], "handover_path": str(directory / "gateway.sock")},
        admin={"history_path": str(directory / "var" / "history.jsonl")},
        auth={"jwt_secret": SECRET, "api_keys": [api_key_entry()]},
    )
    place = upstream.url.removeprefix("http://")
    targets = [{"id": "blue", "address": place}, {"id": "green", "address": "127.0.0.1:1", "weight": 0}]
    document["upstreams"] += [
        {"id": "shut", "base_url": upstream.url},
        {"id": "two", "base_url": upstream.url, "targets": targets},
    ]
    document["routes"] += [
        {"id": "shut", "path": "/shut", "upstream_id": "shut"},
        {"id": "two", "path": "/two", "upstream_id": "two"},
        {"id": "page", "path": "/page", "upstream_id": "backend"},
        {"id": "off", "path": "/off", "upstream_id": "backend"},
        {"id": "drill", "path": "/drill", "upstream_id": "backend"},
        {"id": "known", "path": "/known", "upstream_id": "backend", "auth_required": True},
    ]
    return document


@dataclass
class Ordered:
    """What was ordered, and the secrets that were in it."""

    token: str
    keys: list[str]
    told: dict[str, Any]
    operation: str
    uid: str


def order(gateway: RunningGateway, path: str, **said: Any) -> dict[str, Any]:
    made = gateway.admin.post(path, json={**_WHO, **said}).raise_for_status()
    return dict(made.json())


def all_ordered(gateway: RunningGateway) -> Ordered:
    """One of each kind."""
    known = token(exp=int(time.time()) + 600, jti="of-the-attacker", client_id="thief")
    operation = gateway.change("scale", replicas=2)["operation_id"]
    order(gateway, "/admin/blocks", network="203.0.113.0/24", reason="it asks too much")
    order(gateway, "/admin/blocks/clients", client="flooder")
    order(gateway, "/admin/circuit-breaker/overrides", state="open", upstream="shut")
    order(gateway, "/admin/upstreams/overrides", upstream="two", weights={"blue": 0, "green": 5})
    order(gateway, "/admin/maintenance", routes=["page"], message="Back soon.")
    order(gateway, "/admin/faults", route="drill", error_rate=1, status=599)
    order(gateway, "/admin/config/overrides", changes={"routes.off.enabled": False, "logging.level": "DEBUG"})
    limit = {"limit": 1, "window_secs": 3600, "key_type": "route"}
    order(gateway, "/admin/config/overrides", changes={"routes.limited.rate_limit": limit})
    said = {"actor": "ana", "reason": "a leak"}
    gateway.admin.post("/api/token/revoke", json={"token": known, "client_id": "thief", **said}).raise_for_status()
    reset = gateway.admin.post("/api/clients/batch/reset-secret", json=said).raise_for_status().json()
    told = {path: gateway.admin.get(path).json() for path in _LISTS}
    return Ordered(known, [API_KEY, reset["api_key"]], told, operation, gateway.status()["uid"])


def answers(gateway: RunningGateway, ordered: Ordered) -> dict[str, int]:
    """What each kind comes to for those who ask."""
    bearer = {client: f"Bearer {token(client_id=client, jti=client)}" for client in ("flooder", "guest")}
    asked: dict[str, tuple[str, dict[str, str]]] = {
        "blocked network": ("/", {"x-forwarded-for": "203.0.113.9"}),
        "another network": ("/", {"x-forwarded-for": "198.51.100.9"}),
        "blocked client": ("/known", {"authorization": bearer["flooder"]}),
        "another client": ("/known", {"authorization": bearer["guest"]}),
        "revoked token": ("/known", {"authorization": f"Bearer {ordered.token}"}),
        "former key": ("/known", {"x-api-key": ordered.keys[0]}),
        "new key": ("/known", {"x-api-key": ordered.keys[1]}),
        "open circuit": ("/shut", {}),
        "weight of nothing": ("/two", {}),
        "page": ("/page", {}),
        "switched off": ("/off", {}),
        "fault": ("/drill", {}),
        "first of the limit": ("/limited", {}),
        "second of the limit": ("/limited", {}),
    }
    with gateway.client() as client:
        return {name: client.get(path, headers=fields).status_code for name, (path, fields) in asked.items()}


_IN_FORCE = {
    "blocked network": 403, "another network": 200, "blocked client": 403, "another client": 200,
    "revoked token": 401, "former key": 401, "new key": 200, "open circuit": 503, "weight of nothing": 502,
    "page": 503, "switched off": 503, "fault": 599, "first of the limit": 200, "second of the limit": 429,
}  # fmt: skip


def killed(gateway: RunningGateway) -> None:
    """Its supervisor, as by the OOM killer; workers end by themselves."""
    gateway.workers()
    gateway.process.send_signal(signal.SIGKILL)
    gateway.process.wait(30)
    for pid in gateway.worker_pids:
        kill_worker(pid)


@pytest.fixture
def document(upstream: ControlledUpstream, tmp_path: Path) -> dict[str, Any]:
    return document_for(upstream, tmp_path)


def test_each_kind_holds_after_a_kill_and_goes_over_to_a_newer_process(
    document: dict[str, Any], tmp_path: Path
) -> None:
    with running(document, tmp_path / "1") as first:
        ordered = all_ordered(first)
        assert first.status()["orders_kept"]
        assert answers(first, ordered) == _IN_FORCE
        killed(first)
    _nothing_secret_is_there(tmp_path / "var", ordered)
    with running(document, tmp_path / "2") as second:
        # A fault is for a drill: what was started anew is to be well. Limits are counted anew.
        assert answers(second, ordered) == {**_IN_FORCE, "fault": 200}
        _it_is_the_same_gateway(second, ordered)
        _it_is_in_the_history(second, ordered)
        with running(document, tmp_path / "3") as third:
            assert second.process.wait(30) == 0
            assert answers(third, ordered) == {**_IN_FORCE, "fault": 200}
            _everything_is_undone(third, ordered)
            third.process.send_signal(signal.SIGTERM)
            third.process.wait(30)
    left = OrdersFile(tmp_path / "var" / "history.jsonl").read()
    assert left is not None
    held = (left.networks, left.clients, left.circuits, left.targets, left.faults, left.overrides, left.maintenance)
    assert held == ([], [], [], [], [], [], None), "what was undone is so after a restart"


def _nothing_secret_is_there(place: Path, ordered: Ordered) -> None:
    found = {path: path.read_bytes() for path in place.iterdir()}
    assert {path.name.removeprefix("history.jsonl") for path in found} == {
        "",
        ".orders",
        ".orders.lock",
        ".revocations",
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}
    for secret in (ordered.token, *ordered.keys, SECRET):
        assert not any(secret.encode() in content for content in found.values())


def _it_is_the_same_gateway(gateway: RunningGateway, ordered: Ordered) -> None:
    """With all that is known of each order: its id, who, why, when and until when."""
    assert {path: gateway.admin.get(path).json() for path in _LISTS} == ordered.told
    status = gateway.status()
    assert (status["uid"], status["replicas"]) == (ordered.uid, {"desired": 2, "ready": 2})
    assert gateway.admin.get(f"/admin/operations/{ordered.operation}").json()["state"] == "done"


def _it_is_in_the_history(gateway: RunningGateway, ordered: Ordered) -> None:
    changes = gateway.admin.get("/admin/history").json()["changes"]
    carried = next(one for one in changes if one["kind"] == "orders_carried_over")
    (block,) = ordered.told["/admin/blocks"]["blocks"]
    assert (carried["actor"], carried["after"]["networks"]) == ("gateway", [block["id"]])
    assert len(carried["after"]["faults"]) == 1
    assert [one["event_type"] for one in gateway.log_records()].count("faults_over") == 1


def _everything_is_undone(gateway: RunningGateway, ordered: Ordered) -> None:
    for path, told in ordered.told.items():
        found = told.get("blocks", told.get("overrides", [told.get("override")]))
        for one in found:
            place = path if path.endswith("maintenance") else f"{path}/{one['id']}"
            assert gateway.admin.delete(place).is_success, path


class Orphaned(RunningGateway):
    """A newer process, whose former is ordered something and killed while it starts."""

    def __init__(self, document: dict[str, Any], directory: Path, former: RunningGateway) -> None:
        self._former = former
        super().__init__(document, directory)

    def _wait_until_ready(self) -> dict[str, Any]:
        wait_for(lambda: self.log_path.exists() and "config_loaded" in self.log_path.read_text(), what="its start")
        self.ordered = order(self._former, "/admin/blocks", network="203.0.113.0/24")
        undone = self._former.admin.get("/admin/blocks").json()["blocks"][0]["id"]
        self._former.admin.delete(f"/admin/blocks/{undone}").raise_for_status()
        killed(self._former)
        return super()._wait_until_ready()


def test_what_a_former_process_was_ordered_before_it_was_killed_amid_a_handover_holds_in_the_newer_one(
    document: dict[str, Any], tmp_path: Path
) -> None:
    with running(document, tmp_path / "old") as old:
        order(old, "/admin/blocks", network="198.51.100.0/24")
        newer = Orphaned(document, tmp_path / "new", old)
        try:
            assert newer.admin.get("/admin/blocks").json()["blocks"] == [newer.ordered]
            wait_for(lambda: newer.status()["orders_kept"], what="the file is the newer one's")
        finally:
            newer.stop()


class Ordering:
    """An operator who orders one block after the other until the gateway is gone."""

    def __init__(self, gateway: RunningGateway) -> None:
        self.answered: list[str] = []
        self._admin = gateway.ready["admin"], gateway.admin.headers
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Ordering:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def _run(self) -> None:
        url, headers = self._admin
        client = httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60)
        with client, contextlib.suppress(httpx.HTTPError):
            for number in range(1000):
                said = {**_WHO, "network": f"192.0.2.{number % 250}/32"}
                self.answered.append(client.post("/admin/blocks", json=said).raise_for_status().json()["id"])


def test_a_kill_amid_orders_keeps_all_that_were_answered_and_what_is_over_or_fits_no_more_is_said(
    document: dict[str, Any], tmp_path: Path
) -> None:
    with running(document, tmp_path / "1") as first:
        ordered = all_ordered(first)
        short = order(first, "/admin/blocks", network="198.51.100.0/24", expires_in_seconds=1)
        with Ordering(first) as ordering:
            wait_for(lambda: len(ordering.answered) > 40, what="many orders")
            killed(first)
    document["upstreams"] = [one for one in document["upstreams"] if one["id"] == "backend"]
    document["routes"] = [one for one in document["routes"] if one["id"] in {"default", "known"}]
    document["workers"]["count"] = 1
    wait_for(lambda: time.time() > seconds_of(short["expires_at"]), what="its end")
    with running(document, tmp_path / "2") as second:
        blocks = [one["id"] for one in second.admin.get("/admin/blocks").json()["blocks"]]
        (first_of_all,) = ordered.told["/admin/blocks"]["blocks"]
        assert blocks[0] == first_of_all["id"]
        assert len(set(blocks[1:]) - set(ordering.answered)) <= 1, "and one perhaps that was not answered any more"
        assert set(ordering.answered[-40:]) <= set(blocks), "each that was answered"
        lost = [one["message"] for one in second.log_records() if one["event_type"] == "orders_lost"]
        for words in ("upstream 'shut' is gone", "upstream 'two' is gone", "route page is gone", "do not hold here"):
            assert any(words in one for one in lost), (words, lost)
        carried = second.admin.get("/admin/history").json()["changes"][0]
        assert len(carried["after"]["lost"]) == 5
        with second.client() as client:
            assert client.get("/two", headers={"x-forwarded-for": "198.51.100.9"}).status_code == 200


def seconds_of(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
