"""An order for what a reload takes away is over, and nobody has to find that out: the log says so."""

from __future__ import annotations

from pathlib import Path

from tests.gateway.admin_stand import AdminStand

_WHO = {"actor": "ana", "reason": "an attack", "expires_in_seconds": 600}


def test_what_a_reload_takes_away_ends_the_orders_for_it_and_that_is_said(tmp_path: Path) -> None:
    with AdminStand(tmp_path) as stand, stand.client() as operator:
        stand.document["upstreams"].append({"id": "other", "base_url": "http://127.0.0.1:1"})
        _reloaded(stand)
        orders = [
            ("/admin/circuit-breaker/overrides", {"state": "open", "upstream": "other"}),
            ("/admin/circuit-breaker/overrides", {"state": "closed", "upstream": "backend"}),
            ("/admin/config/overrides", {"changes": {"routes.limited.enabled": False}}),
        ]
        lost, held, override = [
            operator.post(path, json={**_WHO, **said}).raise_for_status().json()["id"] for path, said in orders
        ]
        stand.document["upstreams"].pop()
        stand.document["routes"] = [one for one in stand.document["routes"] if one["id"] != "limited"]
        _reloaded(stand)
        records = operator.get("/admin/logs", params={"limit": 1000}).json()["records"]
        said = [one["message"] for one in records]
        assert f"{lost} is over: upstream 'other' is gone" in said
        assert any(one.endswith(f"over, because what they change is gone: {override}") for one in said)
        breakers = operator.get("/admin/circuit-breaker/overrides").json()["overrides"]
        assert [one["id"] for one in breakers] == [held]


def _reloaded(stand: AdminStand) -> None:
    stand.write()
    with stand.client() as operator:
        operator.post("/admin/config/reload", json={"actor": "ana"}).raise_for_status()
