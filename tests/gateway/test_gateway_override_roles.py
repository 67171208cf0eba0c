"""What operators may change of the configuration for a while, what needs an admin, and what nobody may look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gateway.config_patch import beyond_steering, patched
from gateway.settings import Settings
from tests.gateway.admin_stand import AdminStand, document_for
from tests.gateway.running import settings_for
from tests.gateway.signing import api_key_entry

WHO = {"actor": "ana", "reason": "a drill", "expires_in_seconds": 600}
AUTH = "routes.default.auth_required"
SPLUNK = {"type": "splunk", "splunk": {"endpoint": "https://logs.example", "token": "a-token-of-splunk"}}


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminStand]:
    with AdminStand(tmp_path_factory.mktemp("stand")) as own:
        yield own


def _settings(**changes: Any) -> Settings:
    return Settings.model_validate({**settings_for("http://a"), **changes})


@pytest.mark.parametrize(
    "key",
    [
        AUTH, "routes.default.roles", "routes.default.path", "routes.default.ip_filter", "routes.default", "routes",
        "upstreams.backend.base_url", "upstreams.backend.tls", "upstreams", "server.trusted_proxies", "server",
        "logging.redaction_enabled", "logging.sinks", "logging", "observability.tracing.endpoint", "headers", "cors",
    ],
)  # fmt: skip
def test_what_is_more_than_steering(key: str) -> None:
    assert beyond_steering(_settings(), {"logging.level": "DEBUG", key: None}) == [key]


def test_what_steers() -> None:
    keys = [
        "routes.default.enabled", "routes.default.rate_limit", "rate_limiting.default_limit", "logging.level",
        "logging.audit_mode", "cache.stale_if_error", "server.request_timeout_secs", "upstreams.backend.timeout_secs",
        "upstreams.backend.retry.max_retries", "circuit_breaker", "nothing.such",
    ]  # fmt: skip
    assert beyond_steering(_settings(), dict.fromkeys(keys)) == []


def test_an_operator_opens_no_route_and_undoes_nothing_that_an_admin_has_shut(stand: AdminStand) -> None:
    path = "/admin/config/overrides"
    with stand.client("operator") as operator, stand.client() as admin:
        before = len(stand.history())
        refused = operator.post(path, json={"changes": {AUTH: False}, **WHO})
        assert refused.status_code == 403
        said = f"to change {AUTH} needs role admin; this token has operator"
        assert refused.json() == {"error": {"code": "forbidden", "message": said}}
        assert len(stand.history()) == before
        shut = admin.post(path, json={"changes": {AUTH: True}, **WHO}).json()["id"]
        assert operator.delete(f"{path}/{shut}").status_code == 403
        assert admin.delete(f"{path}/{shut}").status_code == 200
        level = operator.post(path, json={"changes": {"logging.level": "DEBUG"}, **WHO})
        assert level.status_code == 201
        assert operator.delete(f"{path}/{level.json()['id']}").status_code == 200


def test_no_token_gets_into_the_list_of_overrides(stand: AdminStand) -> None:
    with stand.client() as admin, stand.client("viewer") as viewer:
        for changes in ({"logging.sinks": [SPLUNK]}, {"maintenance.bypass_token": "a-token-of-testers"}):
            refused = admin.post("/admin/config/overrides", json={"changes": changes, **WHO})
            assert (refused.status_code, "cannot be overridden" in refused.text) == (422, True)
        assert "a-token" not in viewer.get("/admin/config/overrides").text + viewer.get("/admin/history").text


def test_a_route_whose_name_sounds_secret_can_be_switched_off() -> None:
    document = settings_for("http://a")
    document["routes"][0]["id"] = "password-reset.token"
    done = patched(Settings.model_validate(document), {"routes.password-reset.token.enabled": False})
    assert not done.routes[0].enabled


def test_no_digest_of_an_api_key_is_shown(stand: AdminStand) -> None:
    digest = api_key_entry()["sha256"]
    assert document_for()["auth"]["api_keys"][0]["sha256"] == digest
    with stand.client("viewer") as viewer:
        shown = viewer.get("/admin/config").json()["config"]["auth"]["api_keys"][0]
        assert shown["sha256"] == "********"
        assert digest not in viewer.get("/admin/config/versions/1").text


def test_a_number_in_the_body_counts_beside_a_tag(stand: AdminStand) -> None:
    with stand.client() as admin:
        tag = admin.get("/admin/config").headers["etag"]
        body = {"actor": "ana", "reason": "", "expected": {"number": 999}}
        assert admin.post("/admin/config/reload", json=body, headers={"if-match": tag}).status_code == 409
