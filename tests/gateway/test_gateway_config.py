"""The configuration file: what it accepts, what it says about the rest, and that its example names every key."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel
from typer.testing import CliRunner, Result

from gateway import config_file
from gateway.cli import app
from gateway.settings import ProxySettings, Settings
from tests.gateway.configuring import loaded, problem
from tests.gateway.running import ROOT, TOKEN, settings_for

EXAMPLE = ROOT / "config" / "gateway.yaml"


def keys_of(model: type[BaseModel], prefix: str = "") -> set[str]:
    keys: set[str] = set()
    for name, field in model.model_fields.items():
        # Shown as null, its keys are those of another section; shown as an empty list, they are in its comment.
        left_out = type(None) in get_args(field.annotation) or field.default == ()
        kinds = [] if left_out else [field.annotation, *get_args(field.annotation)]
        section = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        keys |= keys_of(section, f"{prefix}{name}.") if section else {prefix + name}
    return keys


def keys_in(document: Any, prefix: str = "") -> set[str]:
    keys: set[str] = set()
    for name, value in document.items():
        inner = value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else value
        keys |= keys_in(inner, f"{prefix}{name}.") if isinstance(inner, dict) and inner else {prefix + name}
    return keys


def test_the_example_names_every_key_with_a_comment() -> None:
    text = EXAMPLE.read_text()
    assert keys_in(yaml.safe_load(text)) == keys_of(Settings)
    for line in text.splitlines():
        if line.startswith("  ") and ":" in line:
            assert "#" in line, f"no comment: {line}"


def test_the_example_shows_the_defaults() -> None:
    example = config_file.load(EXAMPLE, {"GATEWAY_ADMIN_TOKEN": TOKEN}).model_dump(mode="json")
    least = Settings.model_validate(
        {
            "admin": {"token": TOKEN},
            "upstreams": [{"id": "backend", "base_url": "http://127.0.0.1:9000"}],
            "routes": [{"id": "default", "path": "/", "upstream_id": "backend"}],
        }
    ).model_dump(mode="json")
    example["routes"][0]["methods"] = sorted([*example["routes"][0]["methods"], "HEAD"])
    assert example == least


def test_the_environment_is_filled_in(tmp_path: Path) -> None:
    document = settings_for("${BASE:-http://localhost:1}", admin={"token": "${TOKEN}"}, server={"port": "${PORT:-0}"})
    settings = loaded(document, tmp_path, {"TOKEN": "sesame-sesame", "PORT": "8123"})
    assert settings.admin.token.get_secret_value() == "sesame-sesame"
    assert settings.server.port == 8123
    assert settings.upstreams[0].base_url == "http://localhost:1"
    assert "sesame" not in str(config_file.masked(settings)) + repr(settings)


def test_a_missing_variable_is_named(tmp_path: Path) -> None:
    text = problem(settings_for("http://a", admin={"token": "${TOKEN}"}), tmp_path)
    assert "admin.token" in text
    assert "TOKEN is not set" in text


@pytest.mark.parametrize("admin", [None, {}, {"token": ""}, {"token": "short"}])
def test_the_admin_api_never_runs_without_a_token(tmp_path: Path, admin: dict[str, str] | None) -> None:
    document = settings_for("http://a")
    document.pop("admin")
    if admin is not None:
        document["admin"] = admin
    text = problem(document, tmp_path)
    assert "never runs unauthenticated" in text
    assert "short" not in text


WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "an unknown key": ({"server": {"prot": 1}}, ["server.prot", "unknown key", "value 1", "allowed here", "port"]),
    "an unknown section": ({"sever": {"port": 1}}, ["sever", "unknown key", "server"]),
    "an unknown key in a list": ({"upstream": {"url": "x"}}, ["upstreams.0.url", "unknown key", "base_url"]),
    "a port too high": ({"server": {"port": 70_000}}, ["server.port", "70000", "65535"]),
    "not a number": ({"server": {"backlog": "many"}}, ["server.backlog", "'many'", "integer"]),
    "an unknown format": ({"logging": {"format": "xml"}}, ["logging.format", "'xml'", "'json' or 'text'"]),
    "not a URL": ({"upstream": {"base_url": "ftp://a"}}, ["upstreams.0.base_url", "'ftp://a'", "http://host"]),
    "a bad id": ({"upstream": {"id": "_own"}}, ["upstreams.0.id", "'_own'", "letters"]),
    "limits in disorder": ({"workers": {"count": 9}}, ["workers", "min <= count <= max", "9"]),
    "a bad network": ({"server": {"trusted_proxies": ["x"]}}, ["server.trusted_proxies", "'x'"]),
    "an unknown key of a limit": (
        {"rate_limiting": {"default_limit": {"size": 1}}},
        ["size", "unknown key", "limit, w"],
    ),
    "no time": ({"server": {"request_timeout_secs": float("inf")}}, ["request_timeout_secs"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_explained(tmp_path: Path, name: str) -> None:
    change, expected = WRONG[name]
    text = problem(settings_for("http://a", **change), tmp_path)
    assert [word for word in expected if word not in text] == [], text


def test_references_between_sections_are_checked(tmp_path: Path) -> None:
    document = settings_for("http://a")
    document["routes"][0]["upstream_id"] = "nobody"
    assert "routes.default.upstream_id is 'nobody'; allowed: backend" in problem(document, tmp_path)
    document = settings_for("http://a")
    document["routes"].append(document["routes"][0])
    assert "repeated: default" in problem(document, tmp_path)


@pytest.mark.parametrize("text", ["- a", "a: [", "", "\x00"])
def test_files_that_are_no_configuration(tmp_path: Path, text: str) -> None:
    assert problem(text, tmp_path)


@pytest.mark.parametrize("name", ["jwt_secret", "sessions", "api_keys"])
def test_a_wrong_secret_is_not_repeated(tmp_path: Path, name: str) -> None:
    wrong = {"jwt_secret": "sesame", "sessions": {"redis_url": "http://:sesame@a"}, "api_keys": [{"sha256": "sesame"}]}
    text = problem(settings_for("http://a", auth={name: wrong[name]}), tmp_path)
    assert "auth" in text
    assert "sesame" not in text


def test_equal_settings_have_equal_versions(tmp_path: Path) -> None:
    one, same = loaded(settings_for("http://a"), tmp_path), loaded(settings_for("http://a"), tmp_path)
    other = loaded(settings_for("http://b"), tmp_path)
    assert config_file.version_of(one) == config_file.version_of(same) != config_file.version_of(other)


def test_rate_limits_are_written_as_in_runbook_002(tmp_path: Path) -> None:
    url = "redis://redis-master.production.svc.cluster.local:6379"
    default = {"limit": 1000, "window_secs": 3600, "algorithm": "token_bucket", "key_type": "ip"}
    document = settings_for(
        "http://a", rate_limiting={"redis_url": url, "failure_mode": "fail_closed", "default_limit": default}
    )
    own = {"limit": 100, "window_secs": 60, "algorithm": "sliding_window", "key_type": "user"}
    document["routes"][1]["rate_limit"] = own
    settings = loaded(document, tmp_path)
    assert settings.rate_limiting.redis_url is not None
    assert settings.rate_limiting.redis_url.get_secret_value() == url
    assert settings.rate_limiting.failure_mode == "fail_closed"
    shown = config_file.masked(settings)
    assert shown["rate_limiting"]["default_limit"] == [default]
    assert shown["routes"][1]["rate_limit"] == [own]
    sent = ProxySettings.model_validate(ProxySettings.of(settings).for_worker())
    assert sent.rate_limiting == settings.rate_limiting, "a worker gets all of it"


LIMIT = {"limit": 100, "window_secs": 5, "key_type": "user"}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, [(100, 5, "user")]),
        ({"RATE_LIMIT_REQUESTS": ""}, [(100, 5, "user")]),
        ({"RATE_LIMIT": "9"}, [(9, 5, "user")]),
        ({"RATE_LIMIT_WINDOW": "9"}, [(100, 9, "user")]),
        ({"RATE_LIMIT": "9", "RATE_LIMIT_REQUESTS": "10", "RATE_LIMIT_WINDOW": "60"}, [(10, 60, "user")]),
    ],
)
def test_switches_in_the_environment_change_the_default_limit(
    tmp_path: Path, environ: dict[str, str], expected: list[tuple[int, int, str]]
) -> None:
    document = settings_for("http://a", rate_limiting={"default_limit": [LIMIT]})
    found = loaded(document, tmp_path, environ).rate_limiting.default_limit or ()
    assert [(one.limit, one.window_secs, one.key_type) for one in found] == expected


def test_switches_in_the_environment_keep_the_other_limits_and_reach_routes_even_if_the_default_says_the_same(
    tmp_path: Path,
) -> None:
    other = {"limit": 7, "window_secs": 1, "key_type": "ip"}
    document = settings_for("http://a", rate_limiting={"default_limit": [LIMIT, other]})
    document["routes"][1]["rate_limit"] = other
    settings = loaded(document, tmp_path, {"RATE_LIMIT": "100"})
    assert [one.limit for one in settings.rate_limiting.default_limit or ()] == [100, 7]
    assert [one.limit for one in settings.routes[1].rate_limit or ()] == [7, 100]


def test_switches_in_the_environment_make_a_limit_for_all_routes_that_allow_one(tmp_path: Path) -> None:
    document = settings_for("http://a", rate_limiting={"enabled": False})
    document["routes"][1]["rate_limit"], document["routes"][2]["rate_limit"] = LIMIT, []
    environ = {"RATE_LIMIT_ENABLED": "true", "RATE_LIMIT_REQUESTS": "10", "RATE_LIMIT_WINDOW": "60"}
    settings = loaded(document, tmp_path, environ)
    limits = (settings.rate_limiting.default_limit, *(route.rate_limit for route in settings.routes))
    shown = [None if each is None else [(one.limit, one.key_type) for one in each] for each in limits]
    assert shown == [[(10, "ip")], None, [(100, "user"), (10, "ip")], []]
    assert settings.rate_limiting.enabled
    assert not loaded(document, tmp_path, {"RATE_LIMIT_ENABLED": "off"}).rate_limiting.enabled


@pytest.mark.parametrize(
    ("name", "value"), [("RATE_LIMIT_ENABLED", "maybe"), ("RATE_LIMIT_REQUESTS", "many"), ("RATE_LIMIT", "0")]
)
def test_switches_that_mean_nothing_are_refused(tmp_path: Path, name: str, value: str) -> None:
    text = problem(settings_for("http://a"), tmp_path, {name: value})
    assert value in text
    assert name in text or "rate_limiting.default_limit" in text


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_check_prints_the_effective_configuration_and_no_secret() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "gateway", "check", "--config", str(EXAMPLE)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "GATEWAY_ADMIN_TOKEN": TOKEN},
    )  # fmt: skip
    assert result.returncode == 0
    assert TOKEN not in result.stdout
    assert yaml.safe_load(result.stdout)["server"]["port"] == 8080


def test_check_fails_with_the_problem(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(yaml.safe_dump(settings_for("http://a", server={"prot": 1})))
    result = run("check", "--config", str(path))
    assert result.exit_code == 1
    assert "server.prot" in result.stderr
    assert "Traceback" not in result.stderr
    assert run("serve", "--config", str(tmp_path / "none.yaml")).exit_code == 1
    path.write_text(yaml.safe_dump(settings_for("http://a")))
    refused = run("serve", "--config", str(path), "--workers", "99")
    assert (refused.exit_code, "--workers 99 is not allowed" in refused.stderr) == (1, True)
