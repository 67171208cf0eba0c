"""`config/tocsin.yaml` is the documentation of the settings: every key, its default, and examples that load."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr, ValidationError

from bot.adapters.kubernetes.settings import ClusterSettings
from bot.alerts.settings import ReceiverSettings
from bot.explaining import explain
from bot.platforms.slack.settings import SlackSettings
from bot.settings import LevelSettings, PersonSettings, Settings, load, shown
from commands.people import OrgRole
from tests.architecture.reading import ROOT

FILE = ROOT / "config" / "tocsin.yaml"
TEXT = FILE.read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("TOCSIN_"):
            monkeypatch.delenv(name)


def _flat(values: dict[str, Any], model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys of the model's sections and their values; a map or a list that people fill in is one value."""
    for key, value in values.items():
        field = model.model_fields.get(key)
        section = getattr(field, "annotation", None)
        if isinstance(value, dict) and hasattr(section, "model_fields"):
            yield from _flat(value, section, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def test_every_key_is_there_with_its_default_and_no_other() -> None:
    defaults = dict(_flat(load(Path("/dev/null")).model_dump(mode="json"), Settings))
    documented = dict(_flat(yaml.safe_load(TEXT), Settings))
    assert documented == defaults


def test_every_key_is_explained() -> None:
    """By a comment on its line, or above it."""
    lines, silent = TEXT.splitlines(), []
    for number, line in enumerate(lines):
        if re.match(r"^\s*[a-z_0-9]+:", line) and "#" not in line and not lines[number - 1].lstrip().startswith("#"):
            silent.append(line.strip())
    assert silent == ["admin_url: http://127.0.0.1:9901"], silent


def _examples() -> list[str]:
    """The commented-out blocks under each `# Example:`."""
    found = re.findall(r"^# Example:\n((?:# .*\n)+)", TEXT, re.MULTILINE)
    return [re.sub(r"^# ", "", block, flags=re.MULTILINE) for block in found]


@pytest.mark.parametrize("example", _examples())
def test_examples_load(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_PLATFORMS__SLACK__BOT_TOKEN", "xoxb-1-2-abc")
    monkeypatch.setenv("TOCSIN_PLATFORMS__SLACK__APP_TOKEN", "xapp-1-2-abc")
    file = tmp_path / "tocsin.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(TEXT) | yaml.safe_load(example)), encoding="utf-8")
    section = yaml.safe_load(example).get("platforms", {})
    if "slack" not in section:
        monkeypatch.delenv("TOCSIN_PLATFORMS__SLACK__BOT_TOKEN")
        monkeypatch.delenv("TOCSIN_PLATFORMS__SLACK__APP_TOKEN")
    assert load(file)


def test_the_keys_of_a_receiver_are_shown_in_an_example() -> None:
    shown = next(one["alerts"]["receivers"] for one in map(yaml.safe_load, _examples()) if "alerts" in one)
    assert {name for receiver in shown.values() for name in receiver} == set(ReceiverSettings.model_fields)


def test_the_keys_of_a_cluster_are_shown_in_an_example() -> None:
    shown = next(one["kubernetes"]["clusters"] for one in map(yaml.safe_load, _examples()) if "kubernetes" in one)
    assert {name for cluster in shown.values() for name in cluster} == set(ClusterSettings.model_fields)


@pytest.mark.parametrize(("key", "model"), [("people", PersonSettings), ("severities", LevelSettings)])
def test_the_keys_of_list_entries_are_shown_in_an_example(key: str, model: Any) -> None:
    shown = [entry for example in map(yaml.safe_load, _examples()) for entry in example.get(key, ())]
    assert {name for entry in shown for name in entry} == set(model.model_fields)


def test_environment_variables_that_are_named_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"TOCSIN_CHANNELS": '["general"]', "TOCSIN_DATABASE_URL": "sqlite:///var/other.db"}
    monkeypatch.setenv("TOCSIN_PLATFORMS__SLACK__APP_TOKEN", "xapp-1-2-abc")  # the others alone connect nothing
    for name in set(re.findall(r"TOCSIN_[A-Z_]+[A-Z]", TEXT)):
        monkeypatch.setenv(name, values.get(name, "a long enough one") if "PORT" not in name else "8701")
    assert load(FILE).console.port == 8701


def _slack() -> dict[str, Any]:
    return next(dict(one["platforms"]["slack"]) for one in map(yaml.safe_load, _examples()) if "platforms" in one)


def test_the_section_of_slack_shows_every_key_with_its_default() -> None:
    values = _slack()
    assert set(values) == set(SlackSettings.model_fields)
    defaults = {name: field.default for name, field in SlackSettings.model_fields.items()}
    for name, default in defaults.items():
        plain = default.get_secret_value() if isinstance(default, SecretStr) else default
        written = values[name]
        assert (tuple(written) if isinstance(written, list) else written) == plain, name


def test_slacks_secrets_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "tocsin.yaml"
    file.write_text(yaml.safe_dump({"platforms": {"slack": _slack()}}), encoding="utf-8")
    monkeypatch.setenv("TOCSIN_PLATFORMS__SLACK__BOT_TOKEN", "xoxb-1-2-abc")
    monkeypatch.setenv("TOCSIN_PLATFORMS__SLACK__APP_TOKEN", "xapp-1-2-abc")
    monkeypatch.setenv("TOCSIN_PLATFORMS__SLACK__SOCKETS", "3")
    monkeypatch.setenv("TOCSIN_PLATFORMS__SLACK__GROUPS", '{"sre": ["operator"]}')
    settings = load(file)
    section = SlackSettings.model_validate(settings.platforms["slack"])
    assert section.bot_token.get_secret_value() == "xoxb-1-2-abc"
    assert section.app_token.get_secret_value() == "xapp-1-2-abc"
    assert (section.sockets, section.groups) == (3, {"sre": (OrgRole.OPERATOR,)})
    assert "xoxb-1" not in shown(settings)
    assert "xapp-1" not in shown(settings)


def test_the_environment_alone_connects_slack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_PLATFORMS__SLACK__BOT_TOKEN", "xoxb-1-2-abc")
    monkeypatch.setenv("TOCSIN_PLATFORMS__SLACK__APP_TOKEN", "xapp-1-2-abc")
    assert SlackSettings.model_validate(load(FILE).platforms["slack"]).mode == "socket"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"client_id": "1.2"}, "come together"),
        ({"client_id": "1.2", "client_secret": "s3cr3t-s3cr3t", "bot_token": ""}, "needs public_url, and workspaces"),
        ({"client_id": "1.2", "client_secret": "s3cr3t-s3cr3t"}, "leave one of them out"),
        ({"token_rotation": True}, "needs client_id"),
        ({"public_url": "http://tocsin.example"}, "https://HOST"),
        ({"proxy": "proxy:3128"}, "a proxy is written as"),
        ({"api_base_url": "slack.com/api"}, "no address"),
        ({"groups": "sre"}, "lists and maps are written as"),
        ({"app_token": ""}, "mode socket needs app_token"),
    ],
)
def test_a_wrong_section_is_refused_without_its_secrets(wrong: dict[str, Any], said: str) -> None:
    given = {"bot_token": "xoxb-s3cr3t", "app_token": "xapp-s3cr3t", **wrong}
    with pytest.raises(ValidationError) as caught:
        SlackSettings.model_validate(given)
    words = explain(caught.value, None, SlackSettings, at=("platforms", "slack"))
    assert said in words
    assert "platforms.slack" in words
    assert "s3cr3t" not in words
