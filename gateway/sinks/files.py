"""A log file as a destination of records: rotated by size and by time, the old ones compressed, counted and aged.

The backup of `gateway.log` is `gateway-2026-03-01T12-30-00.000.log.gz`, by the moment of its rotation in UTC. Whoever
moves or removes the file from outside is not in the way: the next batch goes into a new one.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from gateway.sinks.lines import Line, Outcome, UnavailableError
from gateway.sinks.settings import FileSettings
from gateway.sinks.streams import Written

_MEGABYTE = 1_048_576
_DAY_SECS = 86_400.0
_MOMENT = "%Y-%m-%dT%H-%M-%S"
_READ_BY_GROUP = 0o640


class LogFile:
    """One file, written by one process. `clock` is seconds since the epoch."""

    def __init__(self, settings: FileSettings, written: Written, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._path = Path(settings.path)
        self._written = written
        self._clock = clock
        self._descriptor: int | None = None
        self._span = 0
        """Which stretch of `rotate_hours` the file is of."""
        self._backups = Backups(self._path, settings, clock)

    def deliver(self, batch: Sequence[Line]) -> Outcome:
        """Append them, after a rotation where one is due."""
        text = b"".join(self._written(line) + b"\n" for line in batch)
        try:
            self._append(self._opened(len(text)), text)
        except OSError as error:
            raise UnavailableError(f"{self._path} cannot be written: {error.strerror}") from None
        return Outcome(delivered=len(batch))

    def close(self) -> None:
        """Close it; what is to be compressed still is, in a moment or after the next start."""
        self._let_go()
        self._backups.close()

    def _append(self, descriptor: int, text: bytes) -> None:
        """Write all of it or nothing: half a line on a full disk would stay in the middle of the file."""
        size, rest = os.fstat(descriptor).st_size, text
        try:
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, size)
            raise

    def _opened(self, more: int) -> int:
        """The file's descriptor, with room for so many bytes more."""
        if self._descriptor is not None and self._was_replaced(self._descriptor):
            self._let_go()
        if self._descriptor is None:
            self._descriptor = self._open()
        if self._settings.rotation_enabled and self._is_due(self._descriptor, more):
            self._let_go()
            self._backups.take()
            self._descriptor = self._open()
        self._span = self._span_now()
        return self._descriptor

    def _open(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, _READ_BY_GROUP)
        # A file that a process before this one has left is of the time when it was last written.
        self._span = self._span_of(os.fstat(descriptor).st_mtime)
        if self._settings.rotation_enabled:
            self._backups.tidy_soon()
        return descriptor

    def _let_go(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None

    def _was_replaced(self, descriptor: int) -> bool:
        ours = os.fstat(descriptor)
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return True
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)

    def _is_due(self, descriptor: int, more: int) -> bool:
        size = os.fstat(descriptor).st_size
        return size > 0 and (size + more > self._settings.max_size_mb * _MEGABYTE or self._span != self._span_now())

    def _span_now(self) -> int:
        return self._span_of(self._clock())

    def _span_of(self, epoch: float) -> int:
        hours = self._settings.rotate_hours
        return 0 if hours is None else int(epoch // (hours * 3600))


class Backups:
    """The files that were rotated away. They are compressed in a thread of their own: it takes seconds."""

    def __init__(self, path: Path, settings: FileSettings, clock: Callable[[], float]) -> None:
        self._path = path
        self._settings = settings
        self._clock = clock
        moment = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}(?:-\d+)?"
        self._name = re.compile(f"{re.escape(path.stem)}-(?P<at>{moment}){re.escape(path.suffix)}(?P<gz>\\.gz)?")
        self._wanted = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None

    def take(self) -> None:
        """Make a backup of the file as it is, and have the backups tidied up."""
        self._path.rename(self._free_name())
        self.tidy_soon()

    def tidy_soon(self) -> None:
        """Have the backups tidied up, those of a process before this one as well."""
        self._wanted.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="log-backups", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Finish what is under way; only a process that ends does not wait for it."""
        self._closing = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def tidy(self) -> None:
        """Remove what is too old or too much, and compress what is not; on a full disk, the first makes room."""
        remaining: list[Path] = []
        kept = sorted(self._found(), key=lambda found: found[0], reverse=True)
        limit = self._settings.max_backups
        for number, (at, path) in enumerate(kept):
            age_days = (self._clock() - at) / _DAY_SECS
            too_old = self._settings.max_age_days is not None and age_days > self._settings.max_age_days
            if not too_old and (limit is None or number < limit):
                remaining.append(path)
                continue
            with contextlib.suppress(OSError):
                path.unlink()
        for path in remaining:
            if path.suffix != ".gz":
                # One that cannot be compressed now is there the next time, and no hindrance to the others.
                with contextlib.suppress(OSError):
                    _compress(path)

    def _run(self) -> None:
        closing = False
        while not closing:
            self._wanted.wait()
            self._wanted.clear()
            closing = self._closing
            # A directory that cannot be read now may be the next time.
            with contextlib.suppress(OSError):
                self.tidy()

    def _found(self) -> list[tuple[float, Path]]:
        found: list[tuple[float, Path]] = []
        for path in self._path.parent.iterdir():
            if match := self._name.fullmatch(path.name):
                at = datetime.strptime(match["at"][:19], _MOMENT).replace(tzinfo=UTC)
                found.append((at.timestamp() + float(f"0{match['at'][19:23]}"), path))
        return found

    def _free_name(self) -> Path:
        now = self._clock()
        moment = datetime.fromtimestamp(now, UTC).strftime(_MOMENT) + f".{int(now * 1000) % 1000:03}"
        for number in range(1000):
            again = f"-{number}" if number else ""
            path = self._path.with_name(f"{self._path.stem}-{moment}{again}{self._path.suffix}")
            if not path.exists() and not path.with_name(f"{path.name}.gz").exists():
                return path
        raise FileExistsError(0, "all names of backups are taken")


def _compress(path: Path) -> None:
    """`path` becomes `path.gz`; whenever it is interrupted, one of the two is whole."""
    partial = path.with_name(f"{path.name}.gz.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _READ_BY_GROUP)
    try:
        with (
            path.open("rb") as source, os.fdopen(descriptor, "wb") as target,
            gzip.GzipFile("", "wb", 6, target) as packed,
        ):  # fmt: skip
            shutil.copyfileobj(source, packed, _MEGABYTE)
    except OSError:
        # It would take room on a disk that has none.
        partial.unlink()
        raise
    partial.replace(path.with_name(f"{path.name}.gz"))
    path.unlink()
