"""The configurations of a run: loaded, refused, rolled back, told apart; and when a file is another one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config_diff import differences, told
from gateway.config_patch import patched
from gateway.config_source import ConfigSource
from gateway.sections import FOR_WORKERS
from gateway.settings import Settings
from gateway.supervisor import configurations
from gateway.supervisor.config_overrides import MAX_OVERRIDES, drafted
from gateway.supervisor.config_versions import KEPT, KeptVersions
from gateway.supervisor.configurations import (
    Applying,
    ConfigRefusedError,
    Configurations,
    FileWatch,
    RestartNeededError,
    UnknownVersionError,
)
from gateway.supervisor.operations import ConflictError, OutOfLimitsError
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
            self.source, self.source.load(), applying, kept=KeptVersions(None, self.source, lambda _: None),
            record=self._record, told=lambda *words: self.told.append(words),
        )  # fmt: skip

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


async def test_of_several_at_a_time_the_others_wait(stand: Stand) -> None:
    under_way, gate = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        under_way.set()
        await gate.wait()

    stand.workers.before_prepared = wait
    stand.write(7)
    first = asyncio.create_task(stand.all.reload("ana", ""))
    await under_way.wait()
    second = asyncio.create_task(stand.all.rollback(1, "ben", ""))
    stand.write(8)
    await stand.all.noticed("signal", "signal")
    gate.set()
    assert (await first)["number"] == 2
    assert (await second)["rolled_back_to"] == 1
    assert {one.occasion.cause for one in stand.all.versions()} == {"start", "admin", "signal", "rollback"}


async def test_one_that_hangs_holds_up_the_others_for_a_while_only(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configurations, "_WAIT_SECS", 0.01)  # A test need not wait for as long as an operator may.
    under_way = asyncio.Event()

    async def hang() -> None:
        under_way.set()
        await asyncio.Event().wait()

    stand.workers.before_prepared = hang
    stand.write(7)
    first = asyncio.create_task(stand.all.reload("ana", ""))
    await under_way.wait()
    with pytest.raises(ConflictError, match="being loaded"):
        await stand.all.reload("ben", "")
    first.cancel()


# When the source is another one.


class Watched:
    def __init__(self, source: ConfigSource) -> None:
        self.changes = 0
        self._source, self._digest = source, source.digest()
        self.watch = FileWatch(source, lambda: self._digest, self._changed)

    def _changed(self) -> None:
        self.changes += 1
        self.read()

    def read(self) -> None:
        self._digest = self._source.digest()

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
    replaced(path, "a: 9999")
    watched.read()
    assert watched.looked(3) == 2, "it was loaded on a signal before it was seen"
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


# Single keys, for a while.


def told_of(stand: Stand) -> list[str]:
    return [change[1] for change in stand.recorded]


async def test_keys_are_changed_for_a_while_and_come_back(stand: Stand) -> None:
    soon = drafted({"server.request_timeout_secs": 5}, 600, "ana", "a slow client")
    later = drafted({"routes.limited.rate_limit": {"limit": 9, "window_secs": 60}}, 600, "ben", "a flood")
    done = await stand.all.override(soon)
    assert (done["cause"], done["number"], stand.workers.holding) == ("override", 2, (2, 5))
    await stand.all.override(later)
    stand.write(20)
    await stand.all.reload("ana", "")
    assert stand.workers.holding == (4, 5), "an override stands above the file"
    limits = stand.all.current.settings.routes[1].rate_limit or ()
    assert [one.limit for one in limits] == [9]
    assert stand.all.check() == []
    back = await stand.all.undo(soon, "ana", "it is gone")
    assert (back["cause"], stand.workers.holding) == ("override_undone", (5, 20))
    await stand.all.rollback(1, "ana", "")
    assert stand.workers.holding == (6, 30)
    assert stand.all.current.settings.routes[1].rate_limit, "what is overridden goes on over a rollback, too"
    assert [one.id for one in stand.all.overrides] == [later.id]
    assert told_of(stand) == ["ana", "ben", "ana", "ana", "ana"]


async def test_an_override_expires_by_itself_and_the_newest_goes_first(stand: Stand) -> None:
    await stand.all.override(drafted({"server.request_timeout_secs": 5}, 600, "ana", ""))
    await stand.all.override(drafted({"server.request_timeout_secs": 6}, -1, "ana", ""))
    assert stand.workers.holding == (3, 6)
    stand.disk_is_full = True
    await stand.all.expire()
    assert stand.workers.holding == (3, 6), "it cannot be recorded, so it is tried again"
    stand.disk_is_full = False
    await stand.all.expire()
    assert (stand.workers.holding, stand.all.current.occasion.cause) == ((4, 5), "override_expired")
    await stand.all.expire()
    assert stand.all.current.number == 4


async def test_an_override_of_what_is_gone_is_over(stand: Stand) -> None:
    await stand.all.override(drafted({"routes.limited.enabled": False}, 600, "ana", ""))
    document = yaml.safe_load(stand.path.read_text())
    del document["routes"][1]
    stand.path.write_text(yaml.safe_dump(document))
    await stand.all.reload("ana", "")
    assert stand.all.overrides == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"routes.nowhere.enabled": False}, "no such key; known here: default, limited, stripped"),
        ({"logging.level": "LOUD"}, "the override: logging.level: 'LOUD' is not allowed"),
        ({"logging.lvel": "DEBUG"}, "no such key"),
        ({"logging": {"lvel": "DEBUG"}}, "unknown key"),
        ({"admin.token": "another-token"}, "cannot be overridden"),
        ({"auth": {"jwt_secret": "x"}}, "cannot be overridden"),
        ({"maintenance": {"bypass_token": "x"}}, "cannot be overridden"),
        ({"server.port": 1}, "restart it: server.port"),
    ],
)
async def test_what_cannot_be_overridden_is_refused(stand: Stand, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigRefusedError) as caught:
        await stand.all.override(drafted(changes, 600, "ana", ""))
    assert said in str(caught.value)
    assert (stand.all.overrides, stand.workers.holding, "another-token" in str(caught.value)) == ([], (1, 30), False)


async def test_there_is_an_end_to_overrides(stand: Stand) -> None:
    stand.all.overrides = [drafted({}, 600, "ana", "")] * MAX_OVERRIDES
    with pytest.raises(OutOfLimitsError, match="overrides already"):
        await stand.all.override(drafted({"logging.level": "DEBUG"}, 600, "ana", ""))


def test_ids_with_dots_and_entries_of_lists_are_told_apart(tmp_path: Path) -> None:
    document = settings_for("http://a")
    document["upstreams"][0]["id"] = "back.end"
    for route in document["routes"]:
        route["upstream_id"] = "back.end"
    before = Settings.model_validate(document)
    document["upstreams"][0]["timeout_secs"] = 7
    document["rate_limiting"] = {"default_limit": {"limit": 1, "window_secs": 2}}
    after = Settings.model_validate(document)
    limit = {"limit": 1, "window_secs": 2, "algorithm": "token_bucket", "key_type": "ip"}
    assert [told(one) for one in differences(before, after)] == [
        f"rate_limiting.default_limit: None -> {[limit]}", "upstreams.back.end.timeout_secs: 30.0 -> 7.0",
    ]  # fmt: skip
    back = patched(after, {"upstreams.back.end.timeout_secs": 30, "rate_limiting.default_limit": None})
    assert differences(before, back) == []
    written = before.model_dump(mode="json", context=FOR_WORKERS)
    written["admin"]["token"] = "another-token"
    found = differences(before, Settings.model_validate(written))
    assert [told(one) for one in found] == ["admin.token: another secret"]
