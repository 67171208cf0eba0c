"""Work that nobody awaits. A failure is told of: a task that ends without a word leaves its duty undone for ever."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

Failed = Callable[[str, BaseException | None], None]


class Background:
    """Holds its tasks, so that none is collected while it runs; `failed` hears of each that raised, by its name."""

    def __init__(self, failed: Failed) -> None:
        self._failed = failed
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run it in the background."""
        task = asyncio.get_running_loop().create_task(work, name=getattr(work, "__qualname__", ""))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def repeat(self, pause: float, work: Callable[[], None]) -> None:
        """Do it again and again, `pause` seconds after each time; a time that fails is not the last."""
        self.spawn(self._repeated(pause, work))

    def cancel(self) -> None:
        """End what still runs."""
        for task in self._tasks:
            task.cancel()

    async def _repeated(self, pause: float, work: Callable[[], None]) -> None:
        told = ""
        while True:
            await asyncio.sleep(pause)
            try:
                work()
            except Exception as error:
                # The same failure ten times a second would push everything else out of the log.
                if told != (told := described(error)):
                    self._failed(work.__qualname__, error)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._failed(task.get_name(), error)


def described(error: BaseException | None) -> str:
    """An error in one line, with the place that raised it."""
    if error is None:
        return "no exception"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


def tell_of_failures(failed: Failed) -> None:
    """Have `failed` hear of what fails in the loop's own callbacks, too."""

    def heard(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        failed(context["message"], context.get("exception"))

    asyncio.get_running_loop().set_exception_handler(heard)
