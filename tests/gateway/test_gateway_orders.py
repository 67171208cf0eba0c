"""What operators order of a running gateway by its admin API: maintenance and blocks, with an expiry and an undo."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.running import RunningGateway, running, settings_for, wait_for
from tests.gateway.upstream import ControlledUpstream


@pytest.fixture(scope="module")
def gateway(shared_upstream: ControlledUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """One for the module: each test undoes what it orders."""
    with running(settings_for(shared_upstream.url), tmp_path_factory.mktemp("ordered")) as found:
        yield found


def test_an_operator_switches_maintenance_for_all_workers(gateway: RunningGateway) -> None:
    with gateway.client() as client:
        admin = gateway.admin
        body = {"routes": ["limited"], "expires_in_seconds": 600, "actor": "ana", "reason": "a new disk"}
        ordered = admin.post("/admin/maintenance", json={**body, "message": "back soon"})
        assert (ordered.status_code, ordered.json()["enabled"]) == (201, True)
        wait_for(lambda: client.get("/limited").status_code == 503, what="maintenance")
        assert client.get("/").status_code == 200
        gateway.change("restart")
        assert client.get("/limited").json()["message"] == "back soon", "a new worker knows it, too"
        state = admin.get("/admin/maintenance").json()
        assert (state["enabled"], state["routes"], state["configured"]) == (True, ["limited"], False)
        assert state["override"]["actor"] == "ana"
        assert admin.post("/admin/maintenance", json={**body, "routes": ["nowhere"]}).status_code == 422
        assert admin.post("/admin/maintenance", json={"actor": "ana"}).status_code == 422, "it needs an expiry"
        assert admin.delete("/admin/maintenance", params={"actor": "ben", "reason": "done"}).status_code == 204
        wait_for(lambda: client.get("/limited").status_code == 200, what="the end of maintenance")
        assert admin.delete("/admin/maintenance").status_code == 204
        changes = [one for one in admin.get("/admin/history").json()["changes"] if "maintenance" in one["kind"]]
        assert [(one["kind"], one["actor"], one["reason"]) for one in changes] == [
            ("maintenance_order_undone", "ben", "done"), ("maintenance_ordered", "ana", "a new disk"),
        ]  # fmt: skip
        assert changes[0]["before"] == changes[1]["after"] == ordered.json()


def test_an_operator_blocks_and_undoes_it(gateway: RunningGateway) -> None:
    with gateway.client() as client:
        admin = gateway.admin
        body = {"network": "127.0.0.1", "expires_in_seconds": 600, "actor": "ana", "reason": "a flood"}
        blocked = admin.post("/admin/blocks", json=body)
        assert (blocked.status_code, blocked.json()["network"]) == (201, "127.0.0.1/32")
        wait_for(lambda: client.get("/").status_code == 403, what="the block")
        assert client.get("/health").status_code == 200, "its own endpoints are for probes"
        assert [one["id"] for one in admin.get("/admin/blocks").json()["blocks"]] == [blocked.json()["id"]]
        assert admin.post("/admin/blocks", json={**body, "network": "here"}).status_code == 422
        undone = f"/admin/blocks/{blocked.json()['id']}"
        assert admin.delete(undone, params={"actor": "ben"}).status_code == 204
        wait_for(lambda: client.get("/").status_code == 200, what="the end of the block")
        assert admin.delete(undone).status_code == 404
        changes = [one for one in admin.get("/admin/history").json()["changes"] if "network" in one["kind"]]
        assert [(one["kind"], one["actor"]) for one in changes] == [
            ("network_unblocked", "ben"), ("network_blocked", "ana"),
        ]  # fmt: skip
