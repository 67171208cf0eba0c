"""What the runbooks set for the database of the services behind: set for the gateway, it is told to do nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from gateway.cli import app
from gateway.config_source import ConfigSource
from tests.gateway.running import settings_for
from tests.gateway.starting import said_at_the_start

SWITCHES = ("DB_POOL_SIZE", "READ_REPLICA_ENABLED", "DATABASE_HOST")
POOL_KEYS = ("maxPoolSize", "minPoolSize", "maxIdleTime")


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    (tmp_path / "gateway.yaml").write_text(yaml.safe_dump(settings_for("http://127.0.0.1:1")))
    for name in POOL_KEYS:
        (tmp_path / name).write_text("50")
    return tmp_path


async def test_what_the_runbooks_set_for_a_database_is_told_to_be_of_others(mounted: Path) -> None:
    source = ConfigSource(mounted, dict.fromkeys(SWITCHES, "50"))
    found = [one for one in await said_at_the_start(source) if "does nothing here" in one["message"]]
    assert {one["level"] for one in found} == {"WARNING"}
    assert {one["event_type"] for one in found} == {"setting_misplaced"}
    assert {one["message"].partition(" ")[0] for one in found} == {*SWITCHES, *POOL_KEYS}


def test_check_warns_of_them_and_a_gateway_goes_by_none(mounted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_HOST", "prod-db-recovered.example")
    done = CliRunner().invoke(app, ["check", "--config", str(mounted)])
    assert done.exit_code == 0, done.output
    warned = [line.split()[2] for line in done.output.splitlines() if line.startswith("# warning: ")]
    assert warned == ["DATABASE_HOST", *POOL_KEYS]
    assert "prod-db-recovered" not in done.output
    plain = ConfigSource(mounted / "gateway.yaml", {})
    assert plain.misplaced() == []
    assert ConfigSource(mounted, {"DATABASE_HOST": "x"}).load() == plain.load()
