"""How much memory and processor time this process and its children may use: the container's limits, or the machine.

Limits of control groups hold for all groups below, so the smallest on the way up to the root counts. Both versions of
control groups are read; where there are none, or no limits, it is the machine's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil

_ROOT = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


class Allowance:
    """Reads the limits; they may change while the process runs."""

    def __init__(self, root: Path = _ROOT, membership: Path = _MEMBERSHIP) -> None:
        self._root = root
        self._membership = membership

    def memory_bytes(self) -> int:
        """The most memory that may be used."""
        files = [*self._found("", "memory.max"), *self._found("memory", "memory.limit_in_bytes")]
        limits = [int(text) for text in files if text.isdigit()]
        return min([int(psutil.virtual_memory().total), *limits])

    def processors(self) -> float:
        """The most processors that may be used at once; half of one is 0.5."""
        limits = [_share(*text.split()) for text in self._found("", "cpu.max")]
        quotas, periods = self._found("cpu", "cpu.cfs_quota_us"), self._found("cpu", "cpu.cfs_period_us")
        limits += [_share(quota, period) for quota, period in zip(quotas, periods, strict=False)]
        return min([float(_usable()), *(limit for limit in limits if limit > 0)])

    def _found(self, controller: str, name: str) -> Iterator[str]:
        """What the files of this name hold, from the process's own group up to the root."""
        for group in self._groups(controller):
            try:
                yield (group / name).read_text(encoding="ascii").strip()
            except OSError:
                continue

    def _groups(self, controller: str) -> Iterator[Path]:
        base = self._root / controller
        own = Path(self._path_of(controller).lstrip("/"))
        yield from dict.fromkeys([base / own, *(base / parent for parent in own.parents)])

    def _path_of(self, controller: str) -> str:
        try:
            lines = self._membership.read_text(encoding="utf-8").splitlines()
        except OSError:
            return "/"
        for line in lines:
            _, controllers, path = line.split(":", 2)
            if controller in controllers.split(",") and ".." not in path:
                return path
        return "/"


def _share(quota: str, period: str) -> float:
    """Processors of a quota; 0 where there is no limit: `max`, or -1."""
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else 0.0


def _usable() -> int:
    # Python asks for itself from 3.13 on; elsewhere than on Linux a process has all of them.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
