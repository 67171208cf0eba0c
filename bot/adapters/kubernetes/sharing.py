"""Reads that several ask for at the same moment are asked for once.

The evidence before a change reads a dozen things side by side, and most of them need the Deployment or its pods.
Whoever asks while the same request has only just been sent gets its answer. Once anything is changed, nobody is given
an answer to a question from before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")
#: An answer may be older than the question by so much, in seconds: less than it takes to ask again.
_MOMENT = 0.05


class Shared(Generic[T]):
    """What is being asked, by the question. For one event loop."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._asked: dict[Hashable, tuple[float, asyncio.Task[T]]] = {}

    async def ask(self, question: Hashable, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The answer, or the error, of whoever asked first; one who gives up waiting takes nothing from the others."""
        since, task = self._asked.get(question, (0.0, None))
        if task is None or task.done() or self._now() - since > _MOMENT:
            task = asyncio.create_task(ask())
            task.add_done_callback(lambda done: self._answered(question, done))
            self._asked[question] = (self._now(), task)
        return await asyncio.shield(task)

    def forget(self) -> None:
        """Something is being changed: what is asked from now on is asked anew."""
        self._asked.clear()

    def _answered(self, question: Hashable, done: asyncio.Task[T]) -> None:
        if self._asked.get(question, (0.0, None))[1] is done:
            del self._asked[question]
        if not done.cancelled():
            done.exception()  # whoever waited has it; if nobody did, it is no fault that asyncio should tell of
