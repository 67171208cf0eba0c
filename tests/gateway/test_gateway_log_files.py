"""Log files: rotated by size and by time, the old ones compressed, counted and aged; and standard output."""

from __future__ import annotations

import gzip
import json
import os
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.sinks.files import Backups, LogFile
from gateway.sinks.lines import Line, UnavailableError
from gateway.sinks.settings import FileSettings
from gateway.sinks.streams import StandardOutput
from tests.gateway.sinking import NOON, line, sending, sink
from tests.waiting import eventually

HOUR = 3600.0
DAY = 24 * HOUR


class Clock:
    now = NOON

    def __call__(self) -> float:
        return self.now


class Log:
    """A log file with a time of its own."""

    def __init__(self, path: Path, **keys: Any) -> None:
        self.path = path
        self.clock = Clock()
        self.settings = FileSettings.model_validate({"path": str(path), **keys})
        self.file = LogFile(self.settings, lambda one: one.json, self.clock)

    def write(self, *numbers: int, filler: str = "") -> None:
        lines = [Line(line(number, at=self.clock.now, filler=filler)) for number in numbers]
        assert self.file.deliver(lines).delivered == len(lines)
        os.utime(self.path, (self.clock.now, self.clock.now))

    def backups(self) -> list[Path]:
        return sorted(one for one in self.path.parent.iterdir() if one != self.path)

    def packed(self, number: int) -> list[Path]:
        """The backups, when so many are there and all are compressed."""

        def found() -> list[Path]:
            there = self.backups()
            return there if len(there) == number and all(one.suffix == ".gz" for one in there) else []

        return eventually(found, f"{number} compressed backups")

    def kept(self, *days: str) -> None:
        """Wait until there is a backup of each of these days, and no other."""
        eventually(lambda: [one.name[8:18] for one in self.backups()] == list(days), f"backups of {days}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "gateway.log"


@pytest.fixture
def closing() -> Iterator[list[Log]]:
    opened: list[Log] = []
    yield opened
    for one in opened:
        one.file.close()


def opened(path: Path, closing: list[Log], **keys: Any) -> Log:
    closing.append(Log(path, **keys))
    return closing[-1]


def numbers(text: str | bytes) -> list[int]:
    return [json.loads(one)["number"] for one in text.splitlines()]


def test_a_file_that_is_large_enough_is_rotated_and_compressed(path: Path, closing: list[Log]) -> None:
    log = opened(path, closing, max_size_mb=0.01)
    for number in range(6):
        log.write(number, filler="x" * 3000)
        log.clock.now += 1
    [first] = log.packed(1)
    assert first.name == "gateway-2026-03-01T12-00-03.000.log.gz"
    assert numbers(gzip.decompress(first.read_bytes())) == [0, 1, 2]
    assert numbers(path.read_text()) == [3, 4, 5]
    assert all(one.stat().st_mode & 0o777 == 0o640 for one in (first, path))


def test_a_file_of_yesterday_is_rotated_also_after_a_restart(path: Path, closing: list[Log]) -> None:
    log = opened(path, closing)
    log.write(1)
    log.clock.now += 11.9 * HOUR
    log.write(2)
    assert log.backups() == []
    log.clock.now += 0.2 * HOUR
    log.write(3)
    log.packed(1)
    log.file.close()
    again = opened(path, closing)
    again.clock.now = log.clock.now + DAY
    again.write(4)
    assert [numbers(gzip.decompress(one.read_bytes())) for one in again.packed(2)] == [[1, 2], [3]]
    assert numbers(path.read_text()) == [4]


def test_old_backups_go_by_their_number_and_by_their_age(path: Path, closing: list[Log]) -> None:
    log = opened(path, closing, max_backups=3, max_age_days=10)
    for number in range(6):
        log.write(number)
        log.clock.now += DAY
    log.write(6)
    log.kept("2026-03-05", "2026-03-06", "2026-03-07")
    log.clock.now += 10.5 * DAY
    log.write(7)
    log.kept("2026-03-18")


def test_without_limits_all_is_kept_and_without_rotation_nothing_is_moved(path: Path, closing: list[Log]) -> None:
    log = opened(path, closing, max_backups=None, max_age_days=None, rotate_hours=None, max_size_mb=0.001)
    for number in range(13):
        log.write(number, filler="x" * 900)
    log.clock.now += 4000 * DAY
    log.write(13)
    assert len(log.packed(13)) == 13
    other = opened(path.with_name("other") / "gateway.log", closing, rotation_enabled=False, max_size_mb=0.001)
    for number in range(3):
        other.write(number, filler="x" * 900)
        other.clock.now += DAY
    assert (other.backups(), numbers(other.path.read_text())) == ([], [0, 1, 2])


def test_what_a_process_before_has_left_is_finished(path: Path, closing: list[Log]) -> None:
    path.parent.mkdir()
    left = path.with_name("gateway-2026-02-28T00-00-00.000.log")
    left.write_text("{}\n")
    partial = path.with_name(f"{left.name}.gz.partial")
    partial.write_bytes(b"half of it")
    path.with_name("gateway-notes.log").write_text("not ours")
    log = opened(path, closing)
    log.write(1)
    eventually(lambda: not left.exists(), "it is compressed")
    assert gzip.decompress(path.with_name(f"{left.name}.gz").read_bytes()) == b"{}\n"
    assert [one.name for one in log.backups()] == [f"{left.name}.gz", "gateway-notes.log"]


def test_a_backup_that_cannot_be_compressed_keeps_no_other_from_its_end(path: Path, closing: list[Log]) -> None:
    path.parent.mkdir()
    stuck, other, old = (path.with_name(f"gateway-{day}T00-00-00.000.log") for day in
                         ("2026-02-28", "2026-02-27", "2020-01-01"))  # fmt: skip
    for one in (stuck, other, old):
        one.write_text("{}\n")
    # What it would be compressed into cannot be written, as on a full disk.
    path.with_name(f"{stuck.name}.gz.partial").mkdir()
    opened(path, closing).write(1)
    eventually(lambda: not old.exists() and not other.exists(), "one is removed, one compressed")
    assert stuck.exists()
    assert path.with_name(f"{other.name}.gz").exists()


def test_a_file_that_others_move_or_remove_is_begun_anew(path: Path, closing: list[Log]) -> None:
    log = opened(path, closing)
    log.write(1)
    path.rename(path.with_name("taken.log"))
    log.write(2)
    assert numbers(path.read_text()) == [2]
    path.unlink()
    log.write(3)
    assert numbers(path.read_text()) == [3]


def test_a_full_disk_leaves_no_half_of_a_line(path: Path, closing: list[Log]) -> None:
    log = opened(path, closing)
    log.write(1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A file that may not grow is as good as a disk that is full: the line is cut off after ten bytes.
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, before[1]))
    try:
        with pytest.raises(UnavailableError, match="too large"):
            log.file.deliver([Line(line(2))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    log.write(3)
    assert numbers(path.read_text()) == [1, 3]


def test_two_rotations_in_one_millisecond_lose_nothing(path: Path) -> None:
    settings = FileSettings(path=str(path))
    backups = Backups(path, settings, Clock())
    path.parent.mkdir()
    for number in range(3):
        path.write_text(str(number))
        backups.take()
    backups.close()
    found = sorted(one.name for one in path.parent.iterdir())
    assert found == [f"gateway-2026-03-01T12-00-00.000{again}.log.gz" for again in ("-1", "-2", "")]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["write", "large", "hour", "day", "restart", "moved", "removed"]), max_size=25))
def test_whatever_happens_every_record_is_there_once(events: list[str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "gateway.log"
        log, number, lost = Log(path, max_size_mb=0.004, max_backups=None, max_age_days=None), 0, set[int]()
        for moment, event in enumerate(events):
            log.clock.now += {"hour": HOUR, "day": DAY}.get(event, 0.001)
            if event in ("write", "large"):
                log.write(number, filler="x" * (3000 if event == "large" else 10))
                number += 1
            elif event == "restart":
                log.file.close()
                log.file = LogFile(log.settings, lambda one: one.json, log.clock)
            elif event == "moved" and path.exists():
                path.rename(path.with_name(f"moved-{moment:02}"))
            elif event == "removed" and path.exists():
                lost |= set(numbers(path.read_text()))
                path.unlink()
        log.file.close()
        texts = [
            gzip.decompress(one.read_bytes()) if one.suffix == ".gz" else one.read_bytes()
            for one in Path(directory).iterdir()
        ]
        assert sorted([*lost, *(found for text in texts for found in numbers(text))]) == list(range(number))


def test_a_file_that_cannot_be_written_is_a_sink_that_is_down(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    target = sink("file", {"path": str(blocked / "gateway.log")})
    with sending(target, flush_timeout_secs=60) as gateway:
        gateway.send(line(1))
        count = gateway.wait("file", lambda count: not count.up, "it is down")
        assert "cannot be written" in (count.last_error or "")
        blocked.unlink()
        gateway.delivered("file", 1)
    assert numbers((tmp_path / "file" / "gateway.log").read_text()) == [1]


def test_standard_output_has_whole_lines_whatever_becomes_of_it() -> None:
    reading, writing = os.pipe()
    output = StandardOutput(writing, lambda one: one.json)
    try:
        assert output.deliver([Line(line(1)), Line(line(2))]).delivered == 2
        assert numbers(os.read(reading, 65_536)) == [1, 2]
        os.close(reading)
        with pytest.raises(UnavailableError, match="standard output cannot be written"):
            output.deliver([Line(line(3))])
    finally:
        os.close(writing)
        output.close()
