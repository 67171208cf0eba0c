"""A running gateway and its configuration: every way to another one, while clients ask without a pause."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner, Result

from gateway.cli import app
from tests.gateway.reloading import Load, write
from tests.gateway.running import TOKEN, RunningGateway, running, settings_for, wait_for
from tests.gateway.upstream import ControlledUpstream

#: s; a machine that does much else at the time is slow.
_PATIENCE = 40


def holding(gateway: RunningGateway, number: int) -> dict[str, Any]:
    """What the admin API says when every worker goes by this configuration."""

    def found() -> dict[str, Any] | None:
        shown: dict[str, Any] = gateway.admin.get("/admin/config").json()
        return shown if shown["number"] == number and shown["agreed"] else None

    return wait_for(found, within=_PATIENCE, what=f"configuration {number} in all workers")  # type: ignore[arg-type]


def run(gateway: RunningGateway, *arguments: str) -> Result:
    environ = {"GATEWAY_ADMIN_TOKEN": TOKEN, "GATEWAY_ADMIN_URL": str(gateway.admin.base_url)}
    return CliRunner().invoke(app, arguments, env=environ, catch_exceptions=False)


def test_no_request_fails_whatever_brings_another_configuration(upstream: ControlledUpstream, tmp_path: Path) -> None:
    document = settings_for(upstream.url, workers={"count": 2}, reload={"check_secs": 0.1})
    with running(document, tmp_path) as gateway:
        change_it(gateway, document)
        tell_of_it(gateway)


def change_it(gateway: RunningGateway, document: dict[str, Any]) -> None:
    with Load(gateway, 4) as load:
        document["server"]["request_timeout_secs"] = 29
        write(gateway, document)
        found = holding(gateway, 2)
        assert (found["cause"], found["config"]["server"]["request_timeout_secs"]) == ("file", 29)
        assert [one["number"] for one in found["workers"]] == [2, 2]
        document["server"]["prot"] = 1
        write(gateway, document)
        error = wait_for(
            lambda: gateway.admin.get("/admin/status").json()["config"]["error"], within=_PATIENCE, what="the error"
        )
        assert "server.prot: unknown key" in error["message"]
        del document["server"]["prot"]
        document["routes"].append({"id": "api", "path": "/api", "upstream_id": "backend"})
        write(gateway, document)
        gateway.process.send_signal(signal.SIGHUP)
        assert "api" in [route["id"] for route in holding(gateway, 3)["config"]["routes"]]
        back = gateway.admin.post("/admin/config/rollback", json={"number": 1, "actor": "ana", "reason": "as it was"})
        assert (back.status_code, back.json()["number"], back.json()["agreed"]) == (200, 4, True)
        expected = {"actor": "ana", "reason": "again", "expected": {"number": 4}}
        loaded = gateway.admin.post("/admin/config/reload", json=expected)
        assert (loaded.status_code, loaded.json()["number"], loaded.json()["agreed"]) == (200, 5, True)
        assert gateway.admin.post("/admin/config/reload", json=expected).status_code == 409
        override(gateway)
    assert (load.broken, set(load.answers)) == ([], {200})
    gateway.change("restart")
    assert holding(gateway, 9)["number"] == 9, "new workers begin with it"


def override(gateway: RunningGateway) -> None:
    """A route that nobody asks is switched off for a second, and a key until it is undone."""
    admin, who = gateway.admin, {"actor": "ana", "reason": "a drill"}
    body = {"changes": {"routes.limited.enabled": False}, "expires_in_seconds": 1, **who}
    assert admin.post("/admin/config/overrides", json=body).status_code == 201
    ends = {"changes": {"logging.level": "DEBUG"}, "expires_in_seconds": 600, **who}
    made = admin.post("/admin/config/overrides", json=ends)
    assert (made.status_code, made.json()["configuration"]["result"]) == (201, "loaded")
    wait_for(lambda: [one["id"] for one in admin.get("/admin/config/overrides").json()["overrides"]] == [
        made.json()["id"]], within=_PATIENCE, what="the end of the first one")  # fmt: skip
    undone = f"/admin/config/overrides/{made.json()['id']}"
    assert admin.delete(undone, params=who).json()["cause"] == "override_undone"
    assert admin.delete(undone).status_code == 404
    assert admin.post("/admin/config/overrides", json={**body, "changes": {"a": 1}}).status_code == 422


def tell_of_it(gateway: RunningGateway) -> None:
    every = gateway.admin.get("/admin/history").json()["changes"]
    changes = [one for one in every if one["kind"] == "config_changed"][4:]
    assert [(one["actor"], one["after"]["number"]) for one in changes] == [
        ("ana", 5), ("ana", 4), (changes[2]["actor"], 3), ("file", 2),
    ]  # fmt: skip
    assert changes[1]["after"]["changes"]["server.request_timeout_secs"] == [29, 30]
    assert changes[1]["before"]["number"] == 3
    with gateway.client() as client:
        page = client.get("/metrics").text
        assert 'gateway_config_reload_total{result="loaded"} 8.0' in page
        assert 'gateway_config_reload_total{result="refused"} 1.0' in page
        assert "gateway_config_last_reload_successful 1.0" in page
        assert "gateway_config_number 9.0" in page
        assert client.get("/health").json()["config"]["number"] == 9
    refused = [one for one in gateway.log_records() if one["event_type"] == "config_refused"]
    assert ["server.prot: unknown key" in one["message"] for one in refused] == [True]


def test_the_command_line_shows_compares_and_changes_it(upstream: ControlledUpstream, tmp_path: Path) -> None:
    document = settings_for(upstream.url, reload={"watch": False})
    with running(document, tmp_path) as gateway:
        use_the_command_line(gateway, document)


def use_the_command_line(gateway: RunningGateway, document: dict[str, Any]) -> None:
    here = ("--config", str(gateway.config_path))
    document["upstreams"][0]["timeout_secs"] = 7
    document["server"]["port"] = 1
    earlier = gateway.config_path.with_name("earlier.yaml")
    earlier.write_text(gateway.config_path.read_text())
    write(gateway, document)
    compared = run(gateway, "diff", *here, str(earlier))
    expected = ["server.port: 0 -> 1", "upstreams.backend.timeout_secs: 30.0 -> 7.0"]
    assert (compared.exit_code, compared.stdout.splitlines()) == (1, expected)
    assert run(gateway, "diff", *here, str(gateway.config_path)).exit_code == 0
    assert run(gateway, "diff", "--config", "none.yaml", str(earlier)).exit_code == 2
    refused = run(gateway, "reload")
    assert (refused.exit_code, "restart it: server.port (0 -> 1)" in refused.stderr) == (1, True)
    assert gateway.admin.get("/admin/config/check").status_code == 422
    document["server"]["port"] = 0
    write(gateway, document)
    assert run(gateway, "reload", "-m", "shorter").stdout.startswith("loaded: number 2")
    assert run(gateway, "diff", *here).exit_code == 0
    shown = run(gateway, "show").stdout
    assert "# number: 2" in shown
    assert yaml.safe_load(shown)["upstreams"][0]["timeout_secs"] == 7
    assert TOKEN not in shown
    back = run(gateway, "rollback", "1", "--reason", "too short")
    assert back.stdout.splitlines() == [
        f"loaded: number 3, version {holding(gateway, 3)['version']}",
        "    upstreams.backend.timeout_secs: 7.0 -> 30.0",
    ]
    told = run(gateway, "history").stdout.splitlines()
    assert [line.split()[0] for line in told] == ["3", "upstreams.backend.timeout_secs:", "2",
                                                  "upstreams.backend.timeout_secs:", "1"]  # fmt: skip
    assert "too short" in told[0]
    assert yaml.safe_load(run(gateway, "show", "2").stdout)["upstreams"][0]["timeout_secs"] == 7
    assert run(gateway, "show", "9").exit_code == 1
    decide_on_what_was_seen(gateway)


def decide_on_what_was_seen(gateway: RunningGateway) -> None:
    admin, body = gateway.admin, {"actor": "ana", "reason": "the file, again"}
    seen = admin.get("/admin/config").headers["etag"]
    [change] = admin.get("/admin/config/check").json()["changes"]
    assert change == {"key": "upstreams.backend.timeout_secs", "before": 30.0, "after": 7.0}
    for matching, status in (('"another"', 412), (seen, 200), (seen, 412), ("*", 200)):
        answer = admin.post("/admin/config/reload", json=body, headers={"if-match": matching})
        assert answer.status_code == status, answer.text
    assert admin.get("/admin/config").headers["etag"] != seen
    stale = admin.post("/admin/config/rollback", json={**body, "number": 1}, headers={"if-match": seen})
    assert (stale.status_code, stale.json()["error"]["code"]) == (412, "precondition_failed")


def test_a_gateway_that_is_not_there_is_told_in_one_line() -> None:
    result = CliRunner().invoke(app, ["show", "--admin", "http://127.0.0.1:1"])
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "no answer from the admin API" in result.stderr
    assert CliRunner().invoke(app, ["show", "--admin", "localhost"]).exit_code == 1
    assert json.loads(CliRunner().invoke(app, ["schema"]).stdout)["title"] == "The configuration of a Tocsin gateway"
