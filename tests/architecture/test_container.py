"""The container image's recipe, as far as it can be checked without building it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from bot.settings import Settings
from tests.architecture.reading import ROOMS, ROOT

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
_HADOLINT = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))


@pytest.mark.skipif(_HADOLINT is None, reason="hadolint is not installed")
def test_hadolint_has_nothing_to_say() -> None:
    assert _HADOLINT is not None
    found = subprocess.run([_HADOLINT, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_it_runs_as_nobody_special_in_exec_form() -> None:
    final = TEXT[TEXT.rindex("\nFROM ") :]
    assert re.search(r"^USER 10001:10001$", final, re.MULTILINE)
    for instruction in ("CMD", "ENTRYPOINT"):
        for match in re.finditer(rf"^\s*{instruction} (.*)$", final, re.MULTILINE):
            assert json.loads(match[1]), match[0]


def test_requirements_are_installed_by_their_hashes() -> None:
    installs = re.findall(r"pip install ([^\n&\\]*)", TEXT)
    assert all("--require-hashes" in one or "--no-deps" in one for one in installs)


def test_everything_that_the_wheel_needs_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) == set(ROOMS)
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    for needed in (*packages, "pyproject.toml", "README.md", "LICENSE", "requirements/runtime.txt"):
        assert re.search(rf"^COPY .*\b{re.escape(needed)}\b", TEXT, re.MULTILINE), needed
        assert re.search(rf"^!{re.escape(needed)}/?$", ignored, re.MULTILINE), needed


def test_it_asks_for_its_health_where_the_console_answers() -> None:
    assert "HEALTHCHECK" in TEXT
    assert "/healthz" in TEXT
    assert str(Settings.model_fields["console"].default.port) in TEXT


def _services() -> dict[str, dict[str, object]]:
    loaded = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert isinstance(loaded, dict)
    return loaded


def test_the_settings_in_the_compose_file_exist() -> None:
    known = Settings.model_fields
    environment = _services()["tocsin"]["environment"]
    assert isinstance(environment, dict)
    for name in (name for name in environment if name.startswith("TOCSIN_")):
        key, _, rest = name.removeprefix("TOCSIN_").lower().partition("__")
        assert key in known, name
        assert not rest or rest in known[key].annotation.model_fields, name  # type: ignore[union-attr]


def test_the_files_that_the_compose_file_mounts_exist() -> None:
    for service in _services().values():
        for volume in service.get("volumes", []):  # type: ignore[attr-defined]
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (ROOT / "deploy" / source).exists(), source


def test_containers_are_closed() -> None:
    for name, service in _services().items():
        if name != "postgres":
            assert service["read_only"] is True
            assert service["cap_drop"] == ["ALL"]


def test_the_deployed_settings_load_once_a_password_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from bot.platforms.console.settings import hash_password
    from bot.settings import SettingsError, load

    file = ROOT / "deploy" / "tocsin.yaml"
    with pytest.raises(SettingsError, match=r"console\.passwords is empty"):
        load(file)
    monkeypatch.setenv("TOCSIN_CONSOLE__PASSWORDS", json.dumps({"ana": hash_password("correct horse")}))
    assert load(file).people


def test_the_deployed_gateway_configuration_loads() -> None:
    from gateway import config_file

    environment = {"GATEWAY_ADMIN_TOKEN": "a-token-of-the-test", "GATEWAY_UPSTREAM": "http://127.0.0.1:9000"}
    assert config_file.load(ROOT / "deploy" / "gateway.yaml", environment).upstreams
