"""The file of the history: whom operators keep out, and why, is for its owner to read."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from gateway.supervisor.history import History

_CHANGE: dict[str, Any] = {
    "at": "2026-11-22T12:00:00Z", "kind": "network_blocked", "operation_id": None, "actor": "ana", "reason": "a flood",
    "before": None, "after": {"network": "203.0.113.0/24"}, "outcome": "done",
}  # fmt: skip


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_made_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    path, umask = tmp_path / "kept" / "history.jsonl", os.umask(0)
    try:
        history = History(path)
        assert mode_of(path) == 0o600
        path.unlink()  # As a rotation does.
        history.append("one", _CHANGE)
        assert mode_of(path) == 0o600
    finally:
        os.umask(umask)


def test_one_that_is_there_stays_as_its_owner_wants_it(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.touch()
    path.chmod(0o640)
    History(path).append("one", _CHANGE)
    assert mode_of(path) == 0o640
    assert len(History(path).newest(10)) == 1
