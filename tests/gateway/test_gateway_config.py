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

from gateway import config_file
from gateway.settings import Settings
from tests.gateway.running import ROOT, TOKEN, settings_for

EXAMPLE = ROOT / "config" / "gateway.yaml"


def loaded(document: Any, directory: Path, environ: dict[str, str] | None = None) -> Settings:
    path = directory / "gateway.yaml"
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return config_file.load(path, environ or {})


def problem(document: Any, directory: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(config_file.ConfigError) as caught:
        loaded(document, directory, environ)
    assert str(directory / "gateway.yaml") in str(caught.value)
    return str(caught.value)


def keys_of(model: type[BaseModel], prefix: str = "") -> set[str]:
    keys: set[str] = set()
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *get_args(field.annotation)]
        section = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        keys |= keys_of(section, f"{prefix}{name}.") if section else {prefix + name}
    return keys


def keys_in(document: Any, prefix: str = "") -> set[str]:
    keys: set[str] = set()
    for name, value in document.items():
        inner = value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else value
        keys |= keys_in(inner, f"{prefix}{name}.") if isinstance(inner, dict) else {prefix + name}
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


def test_equal_settings_have_equal_versions(tmp_path: Path) -> None:
    one, same = loaded(settings_for("http://a"), tmp_path), loaded(settings_for("http://a"), tmp_path)
    other = loaded(settings_for("http://b"), tmp_path)
    assert config_file.version_of(one) == config_file.version_of(same) != config_file.version_of(other)


def run_cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "GATEWAY_ADMIN_TOKEN": TOKEN}
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=20, check=False, env=environ,
    )  # fmt: skip


def test_check_prints_the_effective_configuration_and_no_secret() -> None:
    result = run_cli("check", "--config", str(EXAMPLE))
    assert result.returncode == 0
    assert TOKEN not in result.stdout
    assert yaml.safe_load(result.stdout)["server"]["port"] == 8080


def test_check_fails_with_the_problem(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(yaml.safe_dump(settings_for("http://a", server={"prot": 1})))
    result = run_cli("check", "--config", str(path))
    assert result.returncode == 1
    assert "server.prot" in result.stderr
    assert "Traceback" not in result.stderr
    assert run_cli("serve", "--config", str(tmp_path / "none.yaml")).returncode == 1
    assert run_cli("serve", "--config", str(EXAMPLE), "--workers", "99").returncode == 1
