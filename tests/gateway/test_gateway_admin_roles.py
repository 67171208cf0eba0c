"""Who may do what with the admin API: tokens with roles, that come and go with the configuration."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.admin.app import described_app
from gateway.admin.settings import ROLES, AdminSettings
from gateway.config_file import ConfigError, masked, validated
from gateway.supervisor.callers import CALLER, Refusals
from tests.gateway.admin_stand import TOKENS, AdminStand, document_for
from tests.gateway.running import settings_for

ACTOR = {"actor": "ana", "reason": "a drill"}


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminStand]:
    with AdminStand(tmp_path_factory.mktemp("stand")) as own:
        yield own


def operations(stand: AdminStand) -> Iterator[tuple[str, str, str]]:
    """(method, a path, role) of all that is described."""
    for path, methods in described_app(stand.gateway).openapi()["paths"].items():
        for method, operation in methods.items():
            assert operation["x-role"] in ROLES, f"{method} {path} says no role"
            yield method.upper(), path.replace("{number}", "1").replace("{upstream}", "backend"), operation["x-role"]


def test_every_endpoint_says_which_role_it_needs_and_lets_in_nobody_below(stand: AdminStand) -> None:
    found, before = list(operations(stand)), stand.history()
    assert {role for _, _, role in found} == set(ROLES)
    with stand.client(None) as nobody, stand.client("viewer") as viewer, stand.client("operator") as operator:
        for method, path, role in found:
            assert nobody.request(method, path).status_code == 401, path
            if role == "viewer":
                assert method == "GET", f"{path} changes something"
                assert viewer.get(path, params={"from": 1} if "diff" in path else {}).status_code in {200, 404}, path
                continue
            for below, client in (("viewer", viewer), ("operator", operator))[: ROLES.index(role)]:
                answer = client.request(method, path)
                assert answer.status_code == 403, path
                said = f"this needs role {role}; this token has {below}"
                assert answer.json() == {"error": {"code": "forbidden", "message": said}}
    assert stand.history() == before, "nothing was changed"


def test_an_operator_steers_and_an_admin_configures(stand: AdminStand) -> None:
    block = {"network": "192.0.2.9", "expires_in_seconds": 60, **ACTOR}
    with stand.client("operator") as operator, stand.client() as admin:
        made = operator.post("/admin/blocks", json=block)
        assert made.status_code == 201
        assert operator.delete(f"/admin/blocks/{made.json()['id']}", params=ACTOR).status_code == 204
        assert operator.post("/admin/config/reload", json=ACTOR).status_code == 403
        assert admin.post("/admin/config/reload", json=ACTOR).status_code == 200


def test_the_history_says_whose_token_it_was_whatever_name_was_given(stand: AdminStand) -> None:
    body = {"network": "192.0.2.10", "expires_in_seconds": 60, "actor": "admin", "reason": "it was not me"}
    with stand.client("operator") as operator, stand.client() as admin:
        operator.post("/admin/blocks", json=body)
        first = admin.get("/admin/history", params={"limit": 1}).json()["changes"][0]
        assert (first["kind"], first["actor"], first["caller"]) == ("network_blocked", "admin", "operator")
        admin.post("/admin/scale", json={"replicas": 1, "operation_id": "same", **ACTOR})
        first = admin.get("/admin/history", params={"limit": 1}).json()["changes"][0]
        assert (first["kind"], first["actor"], first["caller"]) == ("scale", "ana", "admin")
        log = admin.get("/admin/logs", params={"grep": "network_blocked", "limit": 1}).json()["records"][0]
        assert (log["actor"], log["caller"]) == ("admin", "operator")


def test_what_the_gateway_does_by_itself_came_by_no_token(tmp_path: Path) -> None:
    with AdminStand(tmp_path) as stand:

        async def noticed() -> None:
            """As when a signal has waited for what an operator had asked for."""
            CALLER.set("operator")
            await stand.gateway.configurations.noticed("signal", "signal")

        stand.document["upstreams"][0]["timeout_secs"] = 7
        stand.write()
        asyncio.run_coroutine_threadsafe(noticed(), stand.loop).result(60)
        assert [(one["actor"], one["caller"]) for one in stand.history()] == [("signal", None)]


def test_tokens_come_and_go_with_the_configuration(tmp_path: Path) -> None:
    later = "a-token-of-later"
    with AdminStand(tmp_path) as stand, stand.client("operator") as leaving, stand.client() as admin:
        assert leaving.get("/admin/status").status_code == 200
        digest = hashlib.sha256(later.encode()).hexdigest()
        stand.document["admin"]["tokens"] = [{"name": "later", "role": "viewer", "token_sha256": digest}]
        stand.write()
        done = admin.post("/admin/config/reload", json=ACTOR)
        assert done.status_code == 200
        assert not [token for token in (later, digest, *TOKENS.values()) if token in done.text]
        assert leaving.get("/admin/status").status_code == 401
        coming = {"authorization": f"bearer {later}"}
        assert httpx.get(f"{stand.url}/admin/status", headers=coming, trust_env=False).status_code == 200
        assert httpx.post(f"{stand.url}/cache/optimize", headers=coming, trust_env=False).status_code == 403


def test_those_who_are_turned_away_are_counted_and_do_not_fill_the_log(stand: AdminStand) -> None:
    before, asked = stand.gateway.refusals.counts.copy(), {"grep": "admin_unauthorized", "limit": 1000}
    with stand.client(None) as nobody, stand.client("viewer") as viewer:
        known = viewer.get("/admin/logs", params=asked).json()["total_matched"]
        for _ in range(50):
            assert nobody.get("/admin/status", headers={"authorization": "Bearer guess-1"}).status_code == 401
        assert viewer.post("/cache/optimize").status_code == 403
        told = viewer.get("/admin/logs", params=asked).json()
    assert told["total_matched"] <= known + 2
    assert "guess-" not in str(told)
    counts = stand.gateway.refusals.counts
    assert {why: counts[why] - before[why] for why in counts} == {"unauthorized": 50, "forbidden": 1}
    page = stand.gateway._pages.metrics()
    assert f'gateway_admin_refused_total{{reason="unauthorized"}} {counts["unauthorized"]}.0' in page


def test_the_log_says_how_many_were_turned_away_since_it_was_told() -> None:
    said: list[tuple[Any, ...]] = []
    now = [0.0]
    refusals = Refusals(lambda *words, **fields: said.append((*words, fields)), clock=lambda: now[0])
    for now[0] in (0.0, 1.0, 9.9, 10.0, 11.0, 30.0):
        refusals.add("unauthorized", "no token", "192.0.2.1")
    assert [fields["refused"] for *_, fields in said] == [1, 3, 2]
    assert said[0][:3] == ("WARNING", "admin_unauthorized", "no token")
    assert {fields["client_ip"] for *_, fields in said} == {"192.0.2.1"}


@pytest.mark.parametrize(
    ("admin", "said"),
    [
        ({"tokens": [{"name": "a", "role": "viewer", "token": "long-enough"}], "token": None}, "never runs unauth"),
        ({"tokens": [{"name": "a", "role": "owner", "token": "long-enough"}]}, "admin.tokens.0.role"),
        ({"tokens": [{"name": "a", "role": "viewer", "token": "short"}]}, "admin.tokens.0.token"),
        ({"tokens": [{"name": "a", "role": "viewer"}]}, "one of token and token_sha256"),
        ({"tokens": [{"name": "a", "role": "viewer", "token_sha256": "abc"}]}, "64 hexadecimal digits"),
        ({"tokens": [{"name": "admin", "role": "viewer", "token": "long-enough"}]}, "each id must be unique"),
        ({"tokens": [{"name": "a", "role": "viewer", "token": "the-same-one"}], "token": "the-same-one"}, "another"),
    ],
)
def test_tokens_that_make_no_sense_are_refused(admin: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validated(settings_for("http://127.0.0.1:1", admin=admin), "gateway.yaml")
    assert said in str(caught.value)
    assert "long-enough" not in str(caught.value)


def test_no_token_is_shown() -> None:
    shown = str(masked(validated(document_for(), "gateway.yaml"))["admin"])
    assert "'role': 'operator'" in shown
    assert not [token for token in TOKENS.values() if token in shown]
    only = {"tokens": [{"name": "a", "role": "admin", "token": "long-enough"}]}
    assert [name for name, _, _ in AdminSettings.model_validate(only).callers] == ["a"]
