"""The configurations of a run: loaded, refused, rolled back, told apart; and when a file is another one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config_source import ConfigSource
from gateway.settings import Settings
from gateway.supervisor.configurations import (
    KEPT,
    Applying,
    ConfigRefusedError,
    Configurations,
    FileWatch,
    RestartNeededError,
    UnknownVersionError,
)
from gateway.supervisor.operations import ConflictError
from tests.gateway.running import TOKEN, settings_for


class Workers:
    """Workers that go by everything, unless a test has them say otherwise."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.holding: tuple[int, int] = (1, 30)
        """The number of the configuration, and its request timeout."""
        self.discarded = 0
        self.before_prepared: Callable[[], Awaitable[None]] | None = None

    async def prepare(self, _settings: Settings, _number: int) -> list[str]:
        if self.before_prepared is not None:
            await self.before_prepared()
        return self.problems

    def discard(self) -> None:
        self.discarded += 1

    async def commit(self, settings: Settings, number: int) -> None:
        self.holding = (number, int(settings.server.request_timeout_secs))


class Stand:
    """A file, and the configurations that are loaded from it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "gateway.yaml"
        self.write()
        self.source = ConfigSource(self.path)
        self.workers = Workers()
        self.recorded: list[tuple[Any, ...]] = []
        self.told: list[tuple[str, str]] = []
        self.disk_is_full = False
        applying = Applying(prepare=self.workers.prepare, discard=self.workers.discard, commit=self.workers.commit)
        self.all = Configurations(
            self.source, self.source.load(), applying, record=self._record, told=lambda *words: self.told.append(words)
        )

    def write(self, timeout: int = 30, **sections: dict[str, Any]) -> None:
        server = {"request_timeout_secs": timeout, **sections.pop("server", {})}
        document = settings_for("http://a", **{"server": server, **sections})
        self.path.write_text(yaml.safe_dump(document))

    def _record(self, *change: Any) -> None:
        if self.disk_is_full:
            raise OSError("no space left")
        self.recorded.append(change)


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


async def test_a_good_one_is_loaded_recorded_and_numbered(stand: Stand) -> None:
    first = stand.all.current
    stand.write(7)
    done = await stand.all.reload("ana", "shorter")
    assert (done["result"], done["number"], done["actor"], done["reason"]) == ("loaded", 2, "ana", "shorter")
    change = {"key": "server.request_timeout_secs", "before": 30.0, "after": 7.0}
    assert done["changes"] == [change]
    assert stand.workers.holding == (2, 7)
    kind, actor, reason, before, after = stand.recorded.pop()
    assert (kind, actor, reason) == ("config_changed", "ana", "shorter")
    assert before == {"number": 1, "version": first.hash}
    assert (after["number"], after["changes"]) == (2, {"server.request_timeout_secs": [30.0, 7.0]})
    again = await stand.all.reload("ana", "once more")
    assert (again["result"], again["number"], stand.recorded) == ("unchanged", 2, [])
    assert stand.all.counts == {"loaded": 1, "unchanged": 1}
    assert stand.told[0][0] == "loaded"
    assert "Configuration 2" in stand.told[0][1]


async def test_a_bad_one_changes_nothing_and_is_told(stand: Stand) -> None:
    stand.write(server={"prot": 1})
    with pytest.raises(ConfigRefusedError, match=r"server\.prot: unknown key"):
        await stand.all.reload("ana", "")
    assert (stand.workers.holding, stand.recorded, stand.all.counts) == ((1, 30), [], {"refused": 1})
    error = stand.all.last_error
    assert error is not None
    assert ("server.prot" in error["message"], error["actor"], error["cause"]) == (True, "ana", "admin")
    assert "number 1 goes on" in stand.told[-1][1]
    stand.write(30)
    await stand.all.noticed("file", "file")
    assert stand.all.last_error is None, "the file is good again"
    assert stand.all.counts["unchanged"] == 1


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"server": {"port": 8081}}, "server.port (0 -> 8081)"),
        ({"server": {"bind_address": "0.0.0.0"}}, "server.bind_address"),
        ({"workers": {"count": 2}}, "workers.count (1 -> 2)"),
        ({"admin": {"port": 1}}, "admin.port"),
        ({"observability": {"metrics_port": 9}}, "observability.metrics_port"),
        ({"auth": {"revocations": {"path": "x"}}}, "auth.revocations.path"),
        ({"reload": {"watch": False}}, "reload.watch"),
    ],
)
async def test_what_needs_a_restart_is_refused_and_says_so(stand: Stand, changed: dict[str, Any], key: str) -> None:
    stand.write(7, **changed)
    with pytest.raises(RestartNeededError, match="restart it") as caught:
        await stand.all.reload("ana", "")
    assert key in str(caught.value)
    assert stand.workers.holding == (1, 30)
    with pytest.raises(RestartNeededError):
        stand.all.check()


async def test_what_a_worker_or_the_disk_refuses_is_not_done(stand: Stand) -> None:
    stand.write(7)
    stand.workers.problems = ["ValueError: no such certificate"]
    with pytest.raises(ConfigRefusedError, match="no such certificate"):
        await stand.all.reload("ana", "")
    stand.workers.problems, stand.disk_is_full = [], True
    with pytest.raises(OSError, match="no space"):
        await stand.all.reload("ana", "")
    assert (stand.workers.holding, stand.workers.discarded, stand.all.current.number) == ((1, 30), 2, 1)
    stand.disk_is_full = False
    await stand.all.reload("ana", "")
    assert stand.workers.holding == (2, 7)


async def test_back_to_any_version_and_what_differs(stand: Stand) -> None:
    for timeout in (7, 8):
        stand.write(timeout)
        await stand.all.reload("ana", f"{timeout} s")
    done = await stand.all.rollback(1, "ben", "too short")
    assert (done["number"], done["rolled_back_to"], done["cause"], stand.workers.holding) == (4, 1, "rollback", (4, 30))
    assert done["version"] == stand.all.version(1).hash
    found = [(one.before, one.after) for one in stand.all.differences(2, 3)]
    assert found == [(7.0, 8.0)]
    assert stand.all.differences(1, 4) == []
    assert [one.number for one in stand.all.versions()] == [4, 3, 2, 1]
    with pytest.raises(UnknownVersionError, match="kept are 1 to 4"):
        await stand.all.rollback(9, "ben", "")
    with pytest.raises(ConflictError, match="expected configuration 3, found 4"):
        await stand.all.rollback(2, "ben", "", expected=3)
    [back] = stand.all.check()
    assert (back.before, back.after) == (30.0, 8.0), "the file is as it was"
    await stand.all.reload("ben", "")
    assert stand.workers.holding == (5, 8)


async def test_the_last_ones_are_kept(stand: Stand) -> None:
    stand.write(7)
    await stand.all.reload("ana", "")
    for number in range(1, KEPT):
        await stand.all.rollback(number, "ana", "")
    assert len(stand.all.versions()) == KEPT
    with pytest.raises(UnknownVersionError):
        stand.all.version(1)


async def test_another_secret_is_a_change_that_is_not_shown(stand: Stand) -> None:
    stand.write(30, admin={"token": "another-token"})
    done = await stand.all.reload("ana", "rotation")
    assert done["changes"] == [{"key": "admin.token", "before": "********", "after": "********"}]
    assert stand.all.current.settings.admin.token.get_secret_value() == "another-token"
    assert not [text for text in (repr(done), repr(stand.recorded), repr(stand.told)) if "another-token" in text]
    assert TOKEN not in repr(stand.recorded)


async def test_routes_in_another_order_are_another_configuration(stand: Stand) -> None:
    document = yaml.safe_load(stand.path.read_text())
    document["routes"].reverse()
    stand.path.write_text(yaml.safe_dump(document))
    done = await stand.all.reload("ana", "")
    assert (done["result"], done["changes"]) == ("loaded", [])


async def test_of_two_at_a_time_the_second_waits_or_is_refused(stand: Stand) -> None:
    under_way, gate = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        under_way.set()
        await gate.wait()

    stand.workers.before_prepared = wait
    stand.write(7)
    first = asyncio.create_task(stand.all.reload("ana", ""))
    await under_way.wait()
    with pytest.raises(ConflictError, match="being loaded"):
        await stand.all.reload("ben", "")
    stand.write(8)
    await stand.all.noticed("signal", "signal")
    gate.set()
    assert (await first)["number"] == 2
    assert stand.workers.holding == (3, 8), "what was noticed meanwhile is loaded after it"
    assert stand.all.current.reason == "SIGHUP"


# When the source is another one.


class Watched:
    def __init__(self, source: ConfigSource) -> None:
        self.changes = 0
        self.watch = FileWatch(source, self._changed)

    def _changed(self) -> None:
        self.changes += 1

    def looked(self, times: int = 2) -> int:
        for _ in range(times):
            self.watch.look()
        return self.changes


def replaced(path: Path, text: str) -> None:
    fresh = path.with_name("fresh")
    fresh.write_text(text)
    fresh.replace(path)


def test_a_file_that_is_written_or_replaced_is_seen_when_it_is_settled(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text("a: 1")
    watched = Watched(ConfigSource(path))
    assert watched.looked() == 0
    path.write_text("a: 1234")
    assert (watched.looked(1), watched.looked(1), watched.looked(1)) == (0, 1, 1)
    replaced(path, "a: 5678")
    assert watched.looked() == 2
    replaced(path, "a: 5678")
    assert watched.looked(3) == 2, "the same text in another file"
    path.unlink()
    assert watched.looked() == 3, "a file that is gone is told of, too"


def test_a_mounted_config_map_is_seen_when_its_link_is_swapped(tmp_path: Path) -> None:
    """As the kubelet does it: the file is a link into `..data`, and that is a link to a directory."""
    for name, text in (("..1", "a: 1"), ("..2", "a: 2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "gateway.yaml").write_text(text)
        os.utime(tmp_path / name / "gateway.yaml", (1, 1))
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "gateway.yaml").symlink_to("..data/gateway.yaml")
    for source in (ConfigSource(tmp_path / "gateway.yaml"), ConfigSource(tmp_path)):
        watched = Watched(source)
        assert watched.looked() == 0
        for changes, name in ((1, "..2"), (2, "..1")):
            (tmp_path / "..data_tmp").symlink_to(name)
            (tmp_path / "..data_tmp").replace(tmp_path / "..data")
            assert watched.looked() == changes


def test_a_flat_key_is_seen(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("a: 1")
    watched = Watched(ConfigSource(tmp_path))
    (tmp_path / "max_connections").write_text("50")
    (tmp_path / "notes.txt").write_text("of no concern")
    assert watched.looked(3) == 1
