"""Counting on Redis: what is asked within one turn of the loop goes there in one call, and a dead Redis costs nothing.

A call has a deadline. One that fails or is late is the last for a while: who asks then is told at once that there is no
answer, and a task in the background tries until Redis answers again, in time.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from redis.exceptions import NoScriptError, RedisError

from gateway.limits.algorithms import Decision
from gateway.limits.redis_script import SCRIPT, Question
from gateway.limits.settings import RateLimitingSettings, Teller
from gateway.redis_client import redis_at

_SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
_QUESTIONS_A_CALL = 256
_CONNECT_SECS = 1.0

#: A Redis that only lets read is no better than none.
_PROBE = Question([b"probe"], b"1 token_bucket 1000000 60")


class RedisCounters:
    """The counters that all workers of all gateways with the same Redis share."""

    def __init__(self, settings: RateLimitingSettings, tell: Teller) -> None:
        assert settings.redis_url is not None
        self.available = True
        """Whether it makes sense to ask: not for a while after a call that failed."""
        self._redis = redis_at(settings.redis_url, connect_secs=_CONNECT_SECS)
        self._prefix = settings.redis_key_prefix.encode()
        self._timeout = settings.redis_timeout_secs
        self._pause = settings.redis_retry_secs
        self._tell = tell
        self._waiting: list[tuple[Question, asyncio.Future[list[Decision] | None]]] = []
        self._scheduled = False
        self._calling: asyncio.Task[None] | None = None
        self._recovery: asyncio.Task[None] | None = None

    def ask(self, question: Question) -> asyncio.Future[list[Decision] | None]:
        """The decision of each of the limits, or None where Redis does not answer in time."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Decision] | None] = loop.create_future()
        self._waiting.append((question, answer))
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._send)
        return answer

    def _send(self) -> None:
        self._scheduled = False
        # What is asked while a call is on its way goes with the next: Redis runs one script at a time anyway.
        if self._waiting and self._calling is None:
            asked, self._waiting = self._waiting[:_QUESTIONS_A_CALL], self._waiting[_QUESTIONS_A_CALL:]
            self._calling = asyncio.get_running_loop().create_task(self._call(asked))
            self._calling.add_done_callback(self._called)

    def _called(self, _call: asyncio.Task[None]) -> None:
        self._calling = None
        self._send()

    async def _call(self, asked: list[tuple[Question, asyncio.Future[list[Decision] | None]]]) -> None:
        found: list[list[Decision]] | None = None
        try:
            async with asyncio.timeout(self._timeout):
                found = _read(await self._run([question for question, _ in asked]), asked)
        except (RedisError, OSError, TimeoutError) as error:
            self._lost(error)
        finally:
            # Whatever happened, nobody is left waiting.
            for number, (_, answer) in enumerate(asked):
                if not answer.done():
                    answer.set_result(None if found is None else found[number])

    async def _run(self, questions: list[Question]) -> list[int]:
        keys = [self._prefix + key for question in questions for key in question.keys]
        limits = b" ".join([question.limits for question in questions])
        try:
            answer: list[int] = await self._execute("EVALSHA", _SHA, len(keys), *keys, limits)
        except NoScriptError:
            # Redis has forgotten its scripts, or has never had this one: it keeps what it is sent.
            answer = await self._execute("EVAL", SCRIPT, len(keys), *keys, limits)
        return answer

    async def _execute(self, *command: Any) -> Any:
        return await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]

    # Losing and finding it.

    def _lost(self, error: Exception) -> None:
        self._give_up()
        if not self.available:
            return
        self.available = False
        why = "it did not answer in time" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
        self._tell("ERROR", "rate_limit_redis_lost", f"rate limits are not counted on Redis: {why}")
        self._recovery = asyncio.get_running_loop().create_task(self._recover())

    def _give_up(self) -> None:
        for _, answer in self._waiting:
            if not answer.done():
                answer.set_result(None)
        self._waiting.clear()

    async def _recover(self) -> None:
        while not self.available:
            await asyncio.sleep(self._pause)
            try:
                await self._redis.connection_pool.disconnect()
                await self._connect()
            except (RedisError, OSError, TimeoutError):
                continue
            self.available = True
            self._tell("INFO", "rate_limit_redis_found", "rate limits are counted on Redis again")

    async def _connect(self) -> None:
        async with asyncio.timeout(_CONNECT_SECS):
            await self._execute("SCRIPT LOAD", SCRIPT)
        async with asyncio.timeout(self._timeout):
            await self._run([_PROBE])

    async def open(self) -> None:
        """Connect, so that no request has to wait for it."""
        try:
            await self._connect()
        except (RedisError, OSError, TimeoutError) as error:
            self._lost(error)

    async def close(self) -> None:
        """Ask nothing more and close the connections."""
        self.available = False
        self._give_up()
        tasks = [task for task in (self._calling, self._recovery) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._redis.aclose()


def _read(answer: list[int], asked: list[tuple[Question, Any]]) -> list[list[Decision]]:
    """Three numbers for each limit, in the order in which they were asked."""
    numbers = iter(answer)
    return [
        [
            (bool(passes), None, left, wait / 1000)
            for passes, left, wait in (next(zip(numbers, numbers, numbers, strict=False)) for _ in question.keys)
        ]
        for question, _ in asked
    ]
