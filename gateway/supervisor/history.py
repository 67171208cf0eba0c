"""The history of changes: JSON lines in a file, read back at the start. The last record of an operation counts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from gateway.supervisor.whole_files import for_its_owner

_KEPT = 1000
_MAX_FILE_BYTES = 64 * 1024 * 1024
#: What each change has.
_WORDS = ("at", "kind", "actor", "reason", "outcome")
_REST = {"operation_id", "before", "after"}

Change = dict[str, Any]

#: Who did what was asked for without a name; `caller` says whose token it was.
UNNAMED = "admin-api"


class History:
    """Changes in memory, and in the file at `path` when there is one.

    Raises:
        OSError: the file cannot be written; a change that cannot be recorded is not begun.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._changes: dict[str, Change] = {}
        self._torn = False
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._read_back(path)
            # Opened once now, so that a path that cannot be written is found at the start.
            with open(path, "ab", opener=for_its_owner):
                self._torn = _ends_within_a_line(path)

    def append(self, key: str, change: Change) -> None:
        """Record a change; a later record with the same key replaces the earlier one."""
        if self._path is not None:
            line = json.dumps({"key": key, **change}, separators=(",", ":")) + "\n"
            self._write(self._path, line.encode())
        self._keep(key, change)

    def _write(self, path: Path, line: bytes) -> None:
        # What a crash or a full disk cut off gets its line end, or it would take this line along.
        start = b"\n" if self._torn else b""
        self._torn = True
        with open(path, "ab", opener=for_its_owner) as file:
            file.write(start + line)
            file.flush()
            os.fsync(file.fileno())
        self._torn = False

    def newest(self, limit: int) -> list[Change]:
        """The last changes, newest first."""
        return list(reversed(self._changes.values()))[:limit]

    def _keep(self, key: str, change: Change) -> None:
        self._changes[key] = change
        while len(self._changes) > _KEPT:
            del self._changes[next(iter(self._changes))]

    def _read_back(self, path: Path) -> None:
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _MAX_FILE_BYTES))
            for line in file:
                self._read_line(line)
        for change in self._changes.values():
            if change.get("outcome") == "running":
                change["outcome"] = "interrupted"

    def _read_line(self, line: bytes) -> None:
        # A line that a crash cut off is skipped; the rest of the history is still good.
        try:
            change = json.loads(line)
            key = change.pop("key")
            whole = all(isinstance(change[name], str) for name in _WORDS) and change.keys() >= _REST
        except (ValueError, KeyError, AttributeError, TypeError):
            return
        if whole:
            self._keep(str(key), change)


def _ends_within_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
