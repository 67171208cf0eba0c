"""Configurations are kept over a restart: as they were written, bounded, and so that a damaged one stops nothing."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config_source import ConfigSource
from gateway.sections import FOR_WORKERS
from gateway.settings import Settings
from gateway.supervisor.config_overrides import drafted
from gateway.supervisor.config_versions import KEPT, KeptVersions, UnusableVersionError
from gateway.supervisor.configurations import Applying, Configurations
from tests.gateway.running import TOKEN, running, settings_for, wait_for
from tests.gateway.upstream import ControlledUpstream

SECRET = "a-secret-that-only-the-environment-has-0123456789"


class Runs:
    """Runs of a gateway, one after the other, on the same file and the same disk."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "gateway.yaml"
        self.kept = directory / "state" / "versions"
        self.environ = {"JWT_SECRET": SECRET}
        self.told: list[str] = []
        self.write(30)

    def write(self, timeout: int) -> None:
        document = settings_for(
            "http://a", server={"request_timeout_secs": timeout}, auth={"jwt_secret": "${JWT_SECRET}"}
        )
        self.path.write_text(yaml.safe_dump(document))

    def begin(self) -> Configurations:
        """Another run."""

        async def prepare(_settings: Settings, _number: int) -> list[str]:
            return []

        async def commit(_settings: Settings, _number: int) -> None:
            """Nobody goes by it."""

        source = ConfigSource(self.path, self.environ)
        return Configurations(
            source, source.load(), Applying(prepare=prepare, discard=lambda: None, commit=commit),
            kept=KeptVersions(str(self.kept), source, self.told.append), record=lambda *_: None,
            told=lambda *_: None,
        )  # fmt: skip

    async def load(self, run: Configurations, timeout: int) -> None:
        self.write(timeout)
        await run.reload("ana", f"{timeout} s")

    def files(self) -> list[str]:
        return sorted(path.name for path in self.kept.iterdir())


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


async def test_numbers_go_on_and_the_way_back_leads_over_a_restart(runs: Runs) -> None:
    first = runs.begin()
    await runs.load(first, 7)
    await runs.load(first, 8)
    second = runs.begin()
    assert [one.number for one in second.versions()] == [3, 2, 1], "the newest goes on as it was"
    assert [one.described() for one in second.versions()] == [one.described() for one in first.versions()]
    assert [one.described() for one in second.differences(1, 3)] == [
        {"key": "server.request_timeout_secs", "before": 30.0, "after": 8.0}
    ]
    done = await second.rollback(2, "ben", "8 is too long")
    assert (done["number"], done["rolled_back_to"]) == (4, 2)
    assert second.current.settings.server.request_timeout_secs == 7
    third = runs.begin()
    assert (third.current.number, third.current.occasion.cause) == (5, "start"), "the file says something else than 4"
    assert third.version(4).settings.server.request_timeout_secs == 7, "what was rolled back to is known in its turn"


async def test_no_secret_of_the_environment_is_on_the_disk_and_a_rollback_takes_that_of_now(runs: Runs) -> None:
    run = runs.begin()
    await runs.load(run, 7)
    for path in runs.kept.iterdir():
        assert SECRET not in path.read_text()
        assert "${JWT_SECRET}" in path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(runs.kept.stat().st_mode) == 0o700
    runs.environ["JWT_SECRET"] = SECRET.upper()
    run = runs.begin()
    await run.rollback(1, "ana", "")
    secret: Any = run.current.settings.model_dump(mode="json", context=FOR_WORKERS)["auth"]["jwt_secret"]
    assert secret == SECRET.upper()


async def test_what_operators_had_overridden_is_known_of_each(runs: Runs) -> None:
    run = runs.begin()
    await run.override(drafted({"logging.level": "DEBUG"}, 60, "ana", "a look"))
    again = runs.begin()
    assert again.version(2).settings.logging.level == "DEBUG"
    assert again.version(2).base.settings.logging.level == "INFO"
    assert (again.current.number, again.current.settings.logging.level) == (3, "INFO"), "an override ends with its run"
    await again.rollback(2, "ana", "")
    assert again.current.settings.logging.level == "INFO", "and is no part of what is rolled back to"


async def test_the_last_hundred_are_kept(runs: Runs) -> None:
    run = runs.begin()
    for timeout in range(100, 100 + KEPT + 5):
        await runs.load(run, timeout)
    assert runs.files()[0] == "000007.json"
    assert len(runs.files()) == KEPT
    again = runs.begin()
    assert [one.number for one in again.versions()] == list(range(KEPT + 6, 6, -1))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "7", '{"number": 2}', "\0\0\0\0", '{"number": 2, "document": 7, "flat": {}}', "[" * 90_000],
    ids=["empty", "cut", "list", "null", "number", "partial", "zeros", "type", "deep"],
)  # fmt: skip
async def test_a_damaged_file_is_told_and_the_others_are_there(runs: Runs, text: str) -> None:
    run = runs.begin()
    await runs.load(run, 7)
    await runs.load(run, 8)
    (runs.kept / "000002.json").write_text(text)
    again = runs.begin()
    assert [one.number for one in again.versions()] == [3, 1]
    assert len(runs.told) == 1
    assert "000002.json" in runs.told[0]
    assert (runs.kept / "000002.json").read_text() == text, "it is left for whoever wants to look at it"


async def test_any_field_may_be_damaged(runs: Runs) -> None:
    runs.begin()
    good = json.loads((runs.kept / "000001.json").read_text())
    for name in good:
        for value in (None, [], {}, "x", -1, 1e400):
            if value == good[name]:
                continue
            (runs.kept / "000001.json").write_text(json.dumps({**good, name: value}))
            run = runs.begin()
            assert run.current.number in (1, 2)
            for one in run.versions():
                one.described()
            for path in runs.kept.glob("00000[2-9].json"):
                path.unlink()


async def test_a_damaged_newest_one_is_not_written_over(runs: Runs) -> None:
    run = runs.begin()
    await runs.load(run, 7)
    (runs.kept / "000002.json").write_text("{")
    assert runs.begin().current.number == 3
    assert (runs.kept / "000002.json").read_text() == "{"


async def test_what_can_be_used_no_longer_says_why_and_stops_nothing(runs: Runs) -> None:
    run = runs.begin()
    await runs.load(run, 7)
    runs.environ.clear()
    runs.path.write_text(runs.path.read_text().replace("${JWT_SECRET}", SECRET))
    again = runs.begin()
    with pytest.raises(UnusableVersionError, match=r"configuration 1 cannot be used any more.*JWT_SECRET is not set"):
        await again.rollback(1, "ana", "")
    assert (again.current.number, len(again.versions())) == (3, 3)


async def test_a_disk_that_takes_nothing_is_told_and_stops_no_reload(runs: Runs) -> None:
    runs.kept.parent.write_text("a file where a directory should be")
    run = runs.begin()
    await runs.load(run, 7)
    assert run.current.number == 2
    assert [text for text in runs.told if "is not kept for the next run" in text] == runs.told
    assert len(runs.told) == 2


def test_an_operator_rolls_back_after_a_restart(upstream: ControlledUpstream, tmp_path: Path) -> None:
    document = settings_for(upstream.url, admin={"versions_path": str(tmp_path / "versions")})
    with running(document, tmp_path) as gateway:
        document["server"]["request_timeout_secs"] = 7
        gateway.config_path.write_text(yaml.safe_dump(document))
        body = {"actor": "ana", "reason": "shorter"}
        assert gateway.admin.post("/admin/config/reload", json=body).json()["number"] == 2
    with running(document, tmp_path) as gateway, gateway.client() as client:
        shown = gateway.admin.get("/admin/config").json()
        assert (shown["number"], shown["agreed"], shown["reason"]) == (2, True, "shorter")
        done = gateway.admin.post("/admin/config/rollback", json={"number": 1, "actor": "ben", "reason": "too short"})
        assert (done.status_code, done.json()["number"]) == (200, 3)
        assert gateway.admin.get("/admin/config").json()["config"]["server"]["request_timeout_secs"] == 30
        wait_for(lambda: gateway.admin.get("/admin/config").json()["agreed"], what="all workers")
        assert client.get("/").status_code == 200
        (tmp_path / "versions" / "000002.json").write_text("{")
    with running(document, tmp_path) as gateway:
        assert gateway.status()["config"]["number"] == 4
        told = [one for one in gateway.log_records() if one["event_type"] == "config_kept"]
        assert [(one["level"], "000002.json" in one["message"]) for one in told] == [("WARNING", True)]
        assert TOKEN in (tmp_path / "versions" / "000001.json").read_text(), "what stands in the file itself is kept"
