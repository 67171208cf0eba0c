"""When the source of the configuration is another one: a file, a mounted config map, a flat key."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.config_source import ConfigSource
from gateway.supervisor.configurations import FileWatch


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
