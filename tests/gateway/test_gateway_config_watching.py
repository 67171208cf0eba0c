"""When the source of the configuration is another one: a file, a mounted config map, a flat key."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import yaml

from gateway.config_source import ConfigSource
from gateway.supervisor.config_versions import KeptVersions
from gateway.supervisor.configurations import Applying, Configurations, FileWatch
from tests.gateway.configuring import Stand
from tests.gateway.reloading import write
from tests.gateway.running import RunningGateway, settings_for, wait_for
from tests.gateway.upstream import ControlledUpstream


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


def test_what_changes_between_the_start_and_the_first_look_is_seen(tmp_path: Path) -> None:
    """Workers may take their time to start; nobody looks at the file meanwhile."""
    path = tmp_path / "gateway.yaml"
    path.write_text("a: 1")
    source = ConfigSource(path)
    digest, changes = source.digest(), []
    path.write_text("a: 2")
    watch = FileWatch(source, lambda: digest, lambda: changes.append(1))
    watch.look()
    assert changes == [1]


def test_what_changes_before_it_is_known_by_its_digest_is_another_one(stand: Stand) -> None:
    settings = stand.source.load()
    stand.write(20)
    applying = Applying(prepare=stand.workers.prepare, discard=stand.workers.discard, commit=stand.workers.commit)
    configurations = Configurations(
        stand.source, settings, applying, kept=KeptVersions(None, stand.source, lambda _: None),
        record=lambda *_: None, told=lambda *_: None,
    )  # fmt: skip
    assert configurations.digest != stand.source.digest()
    assert stand.all.digest != stand.source.digest()


class HungUp(RunningGateway):
    """It gets another configuration, and SIGHUP, while it starts."""

    def _wait_until_ready(self) -> dict[str, Any]:
        wait_for(lambda: self.log_path.exists() and "config_loaded" in self.log_path.read_text(), what="its start")
        document = yaml.safe_load(self.config_path.read_text())
        write(self, {**document, "logging": {"slow_request_ms": 7}})
        self.process.send_signal(signal.SIGHUP)
        return super()._wait_until_ready()


def test_a_signal_while_it_starts_is_no_end_and_has_the_file_loaded(
    upstream: ControlledUpstream, tmp_path: Path
) -> None:
    gateway = HungUp(settings_for(upstream.url, reload={"watch": False}), tmp_path)
    try:
        wait_for(lambda: gateway.status()["config"]["number"] == 2, what="the other configuration")
        assert gateway.admin.get("/admin/config").json()["cause"] == "signal"
    finally:
        gateway.stop()
