"""Questions that are asked together go out once, and nobody gets an answer from before a change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from bot.adapters.kubernetes.sharing import Shared


class Server:
    """Answers with the number of the request, once it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = asyncio.Event()

    async def answer(self) -> int:
        self.asked += 1
        number = self.asked
        await self.go.wait()
        return number

    async def refuse(self) -> int:
        self.asked += 1
        await self.go.wait()
        raise ValueError("no")


async def waiting(
    shared: Shared[int], ask: Callable[[], Coroutine[Any, Any, int]], *questions: str
) -> list[asyncio.Task[int]]:
    """All of them, on their way."""
    tasks = [asyncio.create_task(shared.ask(question, ask)) for question in questions]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_the_same_question_at_the_same_moment_goes_out_once() -> None:
    server, shared = Server(), Shared[int]()
    tasks = await waiting(shared, server.answer, "a", "b", "a", "a")
    server.go.set()
    assert await asyncio.gather(*tasks) == [1, 2, 1, 1]
    assert await shared.ask("a", server.answer) == 3, "what was answered is not kept"


async def test_after_a_change_nobody_gets_an_answer_from_before() -> None:
    server, shared = Server(), Shared[int]()
    before = await waiting(shared, server.answer, "a")
    shared.forget()
    after = await waiting(shared, server.answer, "a", "a")
    server.go.set()
    assert await asyncio.gather(*before, *after) == [1, 2, 2]


async def test_a_question_that_has_waited_for_long_is_asked_anew() -> None:
    moments = [0.0]
    server, shared = Server(), Shared[int](lambda: moments[0])
    first = await waiting(shared, server.answer, "a")
    moments[0] = 0.06
    second = await waiting(shared, server.answer, "a")
    server.go.set()
    assert await asyncio.gather(*first, *second) == [1, 2]


async def test_who_gives_up_takes_nothing_from_the_others_and_an_error_reaches_all() -> None:
    server, shared = Server(), Shared[int]()
    first, second = await waiting(shared, server.answer, "a", "a")
    first.cancel()
    await asyncio.sleep(0)
    server.go.set()
    assert await second == 1
    server.go.clear()
    failing = await waiting(shared, server.refuse, "a", "a")
    server.go.set()
    for one in failing:
        with pytest.raises(ValueError, match="no"):
            await one
    assert server.asked == 2
