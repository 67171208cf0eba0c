"""What operators have ordered holds on in the newer process that takes a gateway's place, at every moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.supervisor.standing_orders import go_by, orders_of
from tests.gateway.admin_stand import AdminStand, document_for
from tests.gateway.loading import Load
from tests.gateway.running import RunningGateway, running, settings_for
from tests.gateway.signing import token
from tests.gateway.upstream import ControlledUpstream

_WHO = {"actor": "ana", "reason": "an attack", "expires_in_seconds": 600}
_LISTS = (
    "/admin/blocks", "/admin/blocks/clients", "/admin/circuit-breaker/overrides", "/admin/upstreams/overrides",
    "/admin/maintenance", "/admin/faults", "/admin/config/overrides",
)  # fmt: skip


def test_whoever_is_kept_out_gets_in_at_no_moment_and_the_newer_process_is_the_same_gateway(
    upstream: ControlledUpstream, tmp_path: Path
) -> None:
    document = settings_for(upstream.url, server={"handover_path": str(tmp_path / "gateway.sock")})
    with running(document, tmp_path / "old") as old, Load(old.url) as load:
        made = _ordered(old, "/admin/blocks", network="127.0.0.0/8")
        _ordered(old, "/admin/config/overrides", changes={"logging.level": "DEBUG"})
        operation = old.change("scale", replicas=2)["operation_id"]
        load.statuses.clear()
        load.keeps_flowing()
        with running(document, tmp_path / "new") as new:
            load.keeps_flowing()
            assert old.process.wait(30) == 0
            load.keeps_flowing()
            load.stop()
            assert (load.failures, set(load.statuses)) == ([], {403})
            assert new.status()["uid"] == old.ready["uid"]
            assert new.status()["replicas"] == {"desired": 2, "ready": 2}, "as it was scaled to"
            assert new.status()["config"]["number"] == 4, "2 was the former's override, 3 the start, 4 the override"
            assert new.admin.get("/admin/config").json()["config"]["logging"]["level"] == "DEBUG"
            assert new.admin.get(f"/admin/operations/{operation}").json()["state"] == "done"
            assert new.admin.get("/admin/blocks").json()["blocks"] == [made]
            new.admin.delete(f"/admin/blocks/{made['id']}").raise_for_status()
            assert httpx.get(new.url, trust_env=False).status_code == 200, "it can be undone as before"


def _ordered(gateway: RunningGateway, path: str, **order: Any) -> dict[str, Any]:
    made = gateway.admin.post(path, json={**_WHO, **order}).raise_for_status()
    return dict(made.json())


# Two gateways in this process: what one has goes to the other as it does over the socket.


class Pair:
    """A former gateway and a newer one."""

    def __init__(self, stack: ExitStack, directory: Path, newer: dict[str, Any]) -> None:
        for name in ("old", "new"):
            (directory / name).mkdir()
        self.old = stack.enter_context(AdminStand(directory / "old"))
        self.new = stack.enter_context(AdminStand(directory / "new", newer))
        self.asks = stack.enter_context(self.old.client())
        self.sees = stack.enter_context(self.new.client())

    def order(self, path: str, **order: Any) -> None:
        self.asks.post(path, json={**_WHO, **order}).raise_for_status()

    def hand_over(self, told: object) -> None:
        asyncio.run_coroutine_threadsafe(go_by(self.new.gateway, told), self.new.loop).result(60)

    def lost(self) -> list[str]:
        found = self.sees.get("/admin/logs", params={"grep": "orders_lost"}).json()["records"]
        return [one["message"] for one in found]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    fewer = document_for()
    fewer["routes"] = [{**fewer["routes"][0], "auth_required": True}]
    with ExitStack() as stack:
        yield Pair(stack, tmp_path, fewer)


def test_orders_of_every_kind_go_over_with_their_ids_and_what_is_given_last_counts(pair: Pair) -> None:
    pair.order("/admin/blocks", network="203.0.113.0/24")
    pair.order("/admin/blocks/clients", client="console")
    pair.order("/admin/circuit-breaker/overrides", state="open", upstream="backend")
    pair.order("/admin/upstreams/overrides", upstream="backend", weights={"blue": 7})
    pair.order("/admin/maintenance", routes=["default"], message="Back soon.")
    pair.order("/admin/faults", route="default", latency_ms=5)
    pair.new.gateway.fleet.desired = 0  # As before its workers are started.
    pair.hand_over(orders_of(pair.old.gateway))
    pair.new.gateway.fleet.desired = 1
    known = pair.sees.get("/admin/logs", params={"grep": "orders_taken_over"}).json()["records"][0]["message"]
    assert known == (
        "of the former gateway's operators: 1 networks, 1 clients, 1 circuits, 1 targets, 1 faults, 1 maintenance"
    )
    pair.order("/admin/config/overrides", changes={"routes.default.enabled": False})
    pair.hand_over(orders_of(pair.old.gateway))
    for path in _LISTS:
        told = pair.asks.get(path).json()
        assert pair.sees.get(path).json() == told
        assert "an attack" in str(told), path
    assert (
        pair.sees.get("/admin/config/versions").json()["versions"][0]["reason"] == "taken over from the former process"
    )
    assert pair.lost() == []
    found = pair.asks.get("/admin/maintenance").json()["override"]["id"]
    pair.asks.delete("/admin/maintenance").raise_for_status()
    pair.hand_over(orders_of(pair.old.gateway))
    assert found not in pair.sees.get("/admin/maintenance").text, "it was undone at the last moment"


def test_an_override_that_does_not_fit_is_told_by_its_id_and_the_others_hold(pair: Pair) -> None:
    pair.order("/admin/config/overrides", changes={"routes.limited.enabled": False})
    pair.order("/admin/config/overrides", changes={"logging.level": "DEBUG"})
    fits, lost = pair.asks.get("/admin/config/overrides").json()["overrides"]
    if "logging.level" not in fits["changes"]:
        fits, lost = lost, fits
    pair.hand_over(orders_of(pair.old.gateway))
    assert pair.sees.get("/admin/config/overrides").json()["overrides"] == [fits]
    (words,) = pair.lost()
    assert lost["id"] in words
    assert fits["id"] not in words


def test_overrides_that_would_need_a_restart_are_told(pair: Pair) -> None:
    pair.order("/admin/config/overrides", changes={"logging.level": "DEBUG"})
    told = orders_of(pair.old.gateway)
    told["overrides"][0]["changes"] = {"server.port": 1}
    pair.hand_over(told)
    assert pair.sees.get("/admin/config/overrides").json()["overrides"] == []
    assert "cannot be changed while the gateway runs" in pair.lost()[0]


@pytest.mark.parametrize(
    ("told", "words"),
    [(None, "too old to tell"), ({"version": 2}, "is not understood, so nothing of it holds: version")],
)
def test_what_is_not_understood_is_an_error_in_the_log(pair: Pair, told: object, words: str) -> None:
    pair.hand_over(told)
    assert words in pair.lost()[0]


def test_a_rollback_that_ends_because_the_newer_process_goes_by_its_file_is_told(pair: Pair, tmp_path: Path) -> None:
    pair.old.document["logging"]["slow_request_ms"] = 7
    pair.old.write()
    for path, more in (("reload", {}), ("rollback", {"number": 1})):
        said = {"actor": "ana", "reason": "it is slow", **more}
        pair.asks.post(f"/admin/config/{path}", json=said).raise_for_status()
    pair.order("/admin/config/overrides", changes={"logging.level": "DEBUG"})
    with AdminStand(tmp_path / "new") as starting, starting.client() as sees:
        starting.gateway.fleet.desired = 0  # As before its workers are started.
        told = orders_of(pair.old.gateway)
        asyncio.run_coroutine_threadsafe(go_by(starting.gateway, told), starting.loop).result(60)
        found = sees.get("/admin/logs", params={"grep": "rollback_over"}).json()["records"]
    assert "had gone back to configuration 1, by ana (it is slow); this one goes by its own file" in found[0]["message"]


def test_what_ran_when_the_former_left_has_failed_and_is_known_by_its_name(pair: Pair) -> None:
    body = {"operation_id": "plan-7", "actor": "ana", "reason": "", "replicas": 2}
    pair.asks.post("/admin/scale", json=body).raise_for_status()
    told = orders_of(pair.old.gateway)
    told["operations"][0]["state"] = "running"
    pair.hand_over(told)
    found = pair.sees.get("/admin/operations/plan-7").json()
    assert (found["state"], found["error"]) == ("failed", "a newer process of the gateway took over meanwhile")


def test_a_token_that_was_revoked_without_a_file_stays_so(pair: Pair) -> None:
    one = token(exp=int(time.time()) + 600)
    with httpx.Client(headers={"authorization": f"Bearer {one}"}, trust_env=False, timeout=60) as client:
        assert client.get(pair.new.gateway.listeners.url).status_code == 502, "it is let in, to an upstream that is not"
        said = {"token": one, "client_id": "console"}
        pair.asks.post("/api/token/revoke", json=said).raise_for_status()
        pair.hand_over(orders_of(pair.old.gateway))
        assert client.get(pair.new.gateway.listeners.url).status_code == 401


def test_a_revocation_that_cannot_be_written_down_holds_all_the_same(pair: Pair, tmp_path: Path) -> None:
    said = {"actor": "ana", "reason": "a leak"}
    pair.asks.post("/api/clients/console/revoke", json=said).raise_for_status()
    registry = pair.new.gateway.credentials.registry
    registry._path = tmp_path  # A directory is no file to write into.
    pair.hand_over(orders_of(pair.old.gateway))
    assert registry.client("console") is not None
    found = pair.sees.get("/admin/logs", params={"grep": "revocation_not_recorded"}).json()["records"]
    assert "holds, but cannot be written down" in found[0]["message"]


def test_revocations_that_have_no_room_are_told(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    # A patch: nobody waits until a hundred thousand tokens are revoked.
    monkeypatch.setattr("gateway.supervisor.standing_orders.MAX_REVOCATIONS", 1)
    for client in ("console", "batch"):
        pair.asks.post(f"/api/clients/{client}/revoke", json={"actor": "ana"}).raise_for_status()
    told = orders_of(pair.old.gateway)
    assert [one["client"] for one in told["revocations"]] == ["batch"]
    found = pair.asks.get("/admin/logs", params={"grep": "orders_lost"}).json()["records"]
    assert "only the last 1 of 2 revocations go over: set auth.revocations.path" in found[0]["message"]
