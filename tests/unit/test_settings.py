"""The settings: a mistake names the key, the value, what is allowed and where it came from; secrets are masked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, SecretStr, model_validator
from typer.testing import CliRunner

from bot.cli import app
from bot.platforms import Platform
from bot.settings import Settings, SettingsError, load, shown


@pytest.fixture(autouse=True)
def _no_variables_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("TOCSIN_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tocsin.yaml"


def wrong(file: Path, text: str) -> str:
    """What is said of a settings file."""
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        load(file)
    return str(error.value)


def test_without_a_file_the_defaults_are_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load() == Settings()


def test_a_file_is_read_and_the_environment_wins(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("timezone: Europe/Berlin\nconsole:\n  port: 9000\npolicy:\n  max_replicas: 7\n", encoding="utf-8")
    monkeypatch.setenv("TOCSIN_CONSOLE__PORT", "9001")
    monkeypatch.setenv("TOCSIN_CHANNELS", '["general", "ops"]')
    found = load(file)
    assert (found.timezone, found.console.port, found.policy.max_replicas) == ("Europe/Berlin", 9001, 7)
    assert found.channels == ("general", "ops")
    assert load(file, timezone="UTC").timezone == "UTC"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("timezon: UTC", "timezon: there is no such key (from {file}). Did you mean timezone?"),
        (
            "policy: {max_replica: 3}",
            "policy.max_replica: there is no such key (from {file}). Did you mean max_replicas?",
        ),
        ("gateway:\n  zzz: 3", "gateway.zzz: there is no such key (from {file}). Allowed: name, admin_url"),
        ("timezone: Mars/Base", "timezone = 'Mars/Base': 'Mars/Base' is no time zone; write it as "),
        ("log_level: LOUD", "log_level = 'LOUD': Input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR' (from {file})"),
        ("console:\n  port: 99999", "console.port = 99999: Input should be less than or equal to 65535 (from {file})"),
        ("console:\n  port: many", "console.port = 'many': Input should be a valid integer"),
        ("verify:\n  every_seconds: 0", "verify.every_seconds = 0: Input should be greater than 0"),
        ("severity_scheme: p7", "severity_scheme = 'p7': 'p7' is no scheme; allowed: sev1-sev4, p0-p3"),
        ("severity_scheme: own", "severity_scheme is own, but severities is empty"),
        ("postmortem_template: '005'", "'005' is no template; allowed: 002, 004"),
        ("policy:\n  min_replicas: 9\n  max_replicas: 3", "min_replicas 9 is more than max_replicas 3"),
        ("on_call:\n  gateway: [zoe]", "on_call.gateway names zoe, who is not among people"),
        ("people:\n- {id: a, name: A}\n- {id: a, name: B}", "people: two have the same id: a"),
        (
            "people:\n- {id: a, name: A}\nconsole:\n  passwords: {zoe: $argon2id$x}",
            "console.passwords names zoe, who is not",
        ),
        ("console:\n  trusted_proxies: [proxy]", "'proxy' is no address and no network; write it as 10.0.0.7 or"),
        ("database_url: nonsense", "it is no address of a database; allowed: sqlite:///FILE or postgresql://"),
        ("database_url: postgresql://u:p@h:port/d", "database_url = '[redacted]@h:port/d': it is no address of a"),
        (
            "database_url: postgresql+asyncpg://u@h/d",
            "postgresql+asyncpg is no database that Tocsin uses; allowed: sqlite",
        ),
        ("database_url: 'sqlite://'", "it names no file; allowed: sqlite:///FILE"),
        ("channels: [General]", "channels.0 = 'General': String should match pattern"),
        ("channels: [incident-20260301-001]", "'incident-20260301-001' is the name of an incident's channel; give"),
        ("announce_in: incident-20260301-001", "is the name of an incident's channel"),
        ("platforms:\n  chat: {}", "platforms.chat: there is no such platform (from {file}). Allowed: "),
        ("people:\n- {id: Ana, name: A}", "people.0.id = 'Ana': String should match pattern"),
        ("people:\n- {id: tocsin, name: A}", "tocsin is the bot itself"),
        ("people:\n- {id: a, name: A, roles: [boss]}", "Input should be 'viewer', 'responder', 'operator' or 'admin'"),
        ("people:\n- {id: a, name: A, timezone: Nowhere}", "'Nowhere' is no time zone"),
        ("watch:\n  severity: sev9", "“sev9” is no severity. Severities: SEV1 (critical), "),
        (
            "secret: hunter2",
            "secret = '[redacted]': it has 7 bytes; 16 or more are allowed",
        ),
        ("- a list", "must hold keys and values, not a list"),
        ("just words", "must hold keys and values, not a str"),
        ("a: [", "is no YAML"),
    ],
)
def test_a_mistake_is_named_with_what_is_allowed_and_where_it_came_from(file: Path, text: str, said: str) -> None:
    assert said.format(file=file) in wrong(file, text)


def test_every_mistake_is_named_at_once(file: Path) -> None:
    said = wrong(file, "timezon: UTC\nlog_level: LOUD\n")
    assert said.startswith("The settings are wrong:\n")
    assert said.count("\n  - ") == 2


@pytest.mark.parametrize(
    "text", ["gateway:\n  admin_token: [hunter2]", "secret: {a: hunter2}", "console:\n  passwords: {ana: hunter2}"]
)
def test_a_mistake_in_a_secret_does_not_show_it(file: Path, text: str) -> None:
    assert "hunter2" not in wrong(file, text)


def test_a_mistake_in_the_environment_names_the_variable(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    file.write_text("{}", encoding="utf-8")
    monkeypatch.setenv("TOCSIN_CONSOLE__PORT", "many")
    with pytest.raises(SettingsError, match="from the environment, TOCSIN_CONSOLE__PORT"):
        load(file)


@pytest.mark.parametrize("name", ["TOCSIN_CONSOL__PORT", "TOCSIN_PORT", "TOCSIN_TIMEZON"])
def test_a_mistyped_variable_is_an_error(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(SettingsError, match=rf"The environment variable {name} is no setting\. Allowed: TOCSIN_"):
        load()


def test_a_mistyped_variable_of_a_section_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_CONSOLE__PROT", "1")
    with pytest.raises(
        SettingsError, match=r"console\.prot: there is no such key .*TOCSIN_CONSOLE__PROT.* Did you mean port"
    ):
        load()


def test_a_broken_list_in_the_environment_is_one_clear_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_CHANNELS", "general,ops")
    with pytest.raises(SettingsError, match="TOCSIN_CHANNELS"):
        load()


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path / name)


def test_an_own_scheme_is_in_the_order_in_which_it_is_written(file: Path) -> None:
    levels = [
        {"id": "RED", "name": "outage", "respond_within_minutes": 5, "update_every_minutes": 10, "aliases": ["r"]},
        {"id": "BLUE", "name": "soon", "respond_within_minutes": 60},
    ]
    file.write_text(json.dumps({"severity_scheme": "own", "severities": levels}), encoding="utf-8")
    scheme = load(file).scheme()
    assert [(level.id, level.rank) for level in scheme.levels] == [("RED", 1), ("BLUE", 2)]
    assert scheme.parse("r") is scheme.parse("outage") is scheme.worst


def test_an_own_scheme_with_one_level_twice_is_refused(file: Path) -> None:
    level = {"id": "RED", "name": "outage", "respond_within_minutes": 5}
    assert "severity ids must differ" in wrong(
        file, json.dumps({"severity_scheme": "own", "severities": [level, level]})
    )


SECRETS = """\
secret: hunter2-secret-of-ours
database_url: postgresql://tocsin:hunter2@db.example/tocsin
gateway:
  admin_token: hunter2-token
"""


class ChatSettings(BaseModel):
    """The section of a platform."""

    model_config = ConfigDict(extra="forbid")

    bot_token: SecretStr = SecretStr("")
    code: SecretStr = SecretStr("")
    port: int = 1

    @model_validator(mode="after")
    def _together(self) -> ChatSettings:
        if self.port == 2:
            raise ValueError("port 2 is taken")
        return self


@pytest.fixture
def _a_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform whose section is known; which ones there are is found out by looking into a package."""
    platform = Platform("chat", ChatSettings, lambda *_: None)  # type: ignore[arg-type, return-value]
    monkeypatch.setattr("bot.platforms.discover", lambda: {"chat": platform})


@pytest.mark.usefixtures("_a_platform")
@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{bot_tokn: hunter2}", "platforms.chat.bot_tokn: there is no such key (from {file}). Did you mean bot_token?"),
        ("{bot_token: [hunter2]}", "platforms.chat.bot_token = '[redacted]': Input should be a valid string (from"),
        ("{port: many}", "platforms.chat.port = 'many': Input should be a valid integer"),
        ("{port: 2, code: hunter2}", "platforms.chat: port 2 is taken (from {file})"),
    ],
)
def test_a_mistake_in_the_section_of_a_platform_is_named_when_it_is_read(file: Path, section: str, said: str) -> None:
    text = wrong(file, f"platforms:\n  chat: {section}")
    assert said.format(file=file) in text
    assert "hunter2" not in text
    printed = CliRunner().invoke(app, ["config", "show", "--config", str(file)])
    assert (printed.exit_code, "hunter2" in printed.output) == (1, False)


@pytest.mark.usefixtures("_a_platform")
def test_the_section_of_a_platform_is_shown_as_it_is_in_force(file: Path) -> None:
    file.write_text("platforms:\n  chat: {bot_token: hunter2-bot, code: hunter2-code}", encoding="utf-8")
    platforms = yaml.safe_load(shown(load(file)))["platforms"]
    assert platforms == {"chat": {"bot_token": "[redacted]", "code": "**********", "port": 1}}


SERVICE = {
    "TOCSIN_SERVICE_HOST": "10.0.0.1",
    "TOCSIN_SERVICE_PORT": "80",
    "TOCSIN_SERVICE_PORT_HTTP": "80",
    "TOCSIN_PORT": "tcp://10.0.0.1:80",
    "TOCSIN_PORT_80_TCP": "tcp://10.0.0.1:80",
    "TOCSIN_PORT_80_TCP_PROTO": "tcp",
    "TOCSIN_PORT_80_TCP_PORT": "80",
    "TOCSIN_PORT_80_TCP_ADDR": "10.0.0.1",
    "TOCSIN_POSTGRES_SERVICE_HOST": "10.0.0.2",
    "TOCSIN_POSTGRES_PORT_5432_TCP_ADDR": "10.0.0.2",
}


def test_what_a_cluster_tells_of_its_services_is_no_mistake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in SERVICE.items():
        monkeypatch.setenv(name, value)
    assert load() == Settings()


@pytest.mark.parametrize("name", ["TOCSIN_SERVICE", "TOCSIN_PORT_80", "TOCSIN_HOST", "TOCSIN_PORT_80_TCP_PRT"])
def test_what_only_looks_like_that_is_a_mistake(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "tcp://10.0.0.1:80")
    with pytest.raises(SettingsError, match=f"{name} is no setting"):
        load()


def test_secrets_are_masked_wherever_the_settings_are_shown(file: Path) -> None:
    file.write_text(SECRETS, encoding="utf-8")
    printed = CliRunner().invoke(app, ["config", "show", "--config", str(file)])
    assert printed.exit_code == 0
    assert "hunter2" not in printed.output
    assert "database_url: postgresql://tocsin:[redacted]@db.example/tocsin" in printed.output
    assert "hunter2" not in shown(load(file))


def test_config_show_of_wrong_settings_is_one_message_and_exit_1(file: Path) -> None:
    file.write_text("timezon: UTC", encoding="utf-8")
    printed = CliRunner().invoke(app, ["config", "show", "--config", str(file)])
    assert printed.exit_code == 1
    assert "Did you mean timezone?" in printed.output
    assert "Traceback" not in printed.output
