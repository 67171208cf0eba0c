"""What the gateway uses of its machine or container: memory, processor time, disk, client connections.

A sample is taken every few seconds, so that figures are of a span of time and not of the moment of asking.
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import psutil

from gateway.supervisor.allowance import Allowance

SAMPLE_SECS = 5.0
_KEPT = 200
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading: processor seconds by process since its start, bytes, and shares of 0 to 100."""

    at: float
    seconds: dict[int, float]
    memory_bytes: int
    memory_percent: float
    disk_percent: float | None
    connections_percent: float


@dataclass(frozen=True, slots=True)
class Usage:
    """The means of a span of time, in percent; None for what could not be measured."""

    memory: float | None = None
    cpu: float | None = None
    disk: float | None = None
    connections: float | None = None


class Resources:
    """Samples of the last quarter of an hour. `pids` are all processes of the gateway."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        pids: Callable[[], Iterable[int]],
        connections: Callable[[], float],
        disk: Path,
        allowance: Allowance,
    ) -> None:
        self._clock = clock
        self._pids = pids
        self._connections = connections
        self._disk = disk
        self._allowance = allowance
        self._samples: deque[Sample] = deque(maxlen=_KEPT)

    def sample(self) -> None:
        """Read everything once."""
        seconds, memory = dict[int, float](), 0
        for pid in self._pids():
            found = _of_process(pid)
            if found is not None:
                seconds[pid], memory = found[0], memory + found[1]
        self._samples.append(
            Sample(
                self._clock(),
                seconds,
                memory,
                100 * memory / self._allowance.memory_bytes(),
                _disk_percent(self._disk),
                self._connections(),
            )
        )

    @property
    def memory_mb(self) -> float:
        """MiB of all processes at the last sample."""
        return round(self._samples[-1].memory_bytes / _MIB, 1) if self._samples else 0.0

    def usage(self, seconds: float) -> Usage:
        """The means of the last `seconds`, or the last sample."""
        now = self._clock()
        recent = [sample for sample in self._samples if sample.at >= now - seconds] or list(self._samples)[-1:]
        if not recent:
            return Usage()
        disk = [sample.disk_percent for sample in recent if sample.disk_percent is not None]
        return Usage(
            fmean(sample.memory_percent for sample in recent),
            self._cpu_percent(recent),
            fmean(disk) if disk else None,
            fmean(sample.connections_percent for sample in recent),
        )

    def _cpu_percent(self, recent: list[Sample]) -> float | None:
        last = recent[-1]
        earlier = [sample for sample in self._samples if sample.at < last.at]
        if not earlier:
            return None
        first = recent[0] if recent[0].at < last.at else earlier[-1]
        # A process that is new has used all of its time meanwhile; of one that is gone the rest is not known.
        used = sum(max(0.0, seconds - first.seconds.get(pid, 0.0)) for pid, seconds in last.seconds.items())
        return 100 * used / (last.at - first.at) / self._allowance.processors()


def _of_process(pid: int) -> tuple[float, int] | None:
    """(processor seconds, resident bytes); None when it is gone."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            return times.user + times.system, int(process.memory_info().rss)
    except (psutil.Error, ValueError):
        return None


def _disk_percent(path: Path) -> float | None:
    """As df tells it: of what may be used without being root."""
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return None
    return 100 * usage.used / (usage.used + usage.free) if usage.used + usage.free else None
