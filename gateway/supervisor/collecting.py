"""Having all workers report now. A slow one is not waited for longer than a moment: what it reported last counts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from gateway.supervisor.process import WorkerProcess

_COLLECT_SECS = 0.4


class Collecting:
    """The rounds that are under way."""

    def __init__(self) -> None:
        self._rounds: dict[int, tuple[set[WorkerProcess], asyncio.Event]] = {}
        self._number = 0

    async def collect(self, workers: Iterable[WorkerProcess]) -> None:
        """Have these report."""
        self._number += 1
        number, arrived = self._number, asyncio.Event()
        asked = set(workers)
        if not asked:
            return
        self._rounds[number] = (set(asked), arrived)
        for worker in asked:
            worker.send({"type": "report", "id": number})
        try:
            async with asyncio.timeout(_COLLECT_SECS):
                await arrived.wait()
        except TimeoutError:
            pass
        finally:
            del self._rounds[number]

    def reported(self, worker: WorkerProcess, number: int | None = None) -> None:
        """A worker has reported, for the round of this number; or it is gone, and reports in none."""
        for current, (waiting, arrived) in self._rounds.items():
            if (number is None and worker.exited.is_set()) or number == current:
                waiting.discard(worker)
                if not waiting:
                    arrived.set()
