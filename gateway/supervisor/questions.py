"""Questions to all workers, whose answers are collected for a moment: a slow worker is not waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from gateway.control import Message
from gateway.supervisor.process import WorkerProcess

_ANSWER_SECS = 1.0


class Questions:
    """Those that are under way."""

    def __init__(self) -> None:
        self._number = 0
        self._waiting: dict[int, tuple[set[WorkerProcess], list[Any], asyncio.Event]] = {}

    async def ask(self, workers: Iterable[WorkerProcess], message: Message) -> list[Any]:
        """What they answer to it."""
        self._number += 1
        number, asked, answers, complete = self._number, set(workers), list[Any](), asyncio.Event()
        if not asked:
            return answers
        self._waiting[number] = (asked, answers, complete)
        for worker in asked.copy():
            worker.send({**message, "id": number})
        try:
            async with asyncio.timeout(_ANSWER_SECS):
                await complete.wait()
        except TimeoutError:
            pass
        finally:
            del self._waiting[number]
        return answers

    def answered(self, worker: WorkerProcess, message: Message) -> None:
        """One has answered; what comes too late is of no interest."""
        waiting, answers, complete = self._waiting.get(message["id"], (set[WorkerProcess](), [], None))
        if worker in waiting:
            waiting.discard(worker)
            answers.append(message["answer"])
        if complete is not None and not waiting:
            complete.set()
