"""Counting on Redis: what is asked within one turn of the loop goes there in one call, and a dead Redis costs nothing.

A call has a deadline. One that fails or is late is the last for a while: who asks then is told at once that there is no
answer, and a task in the background tries until Redis answers again, in time.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, TypeAlias

from hiredis import HiredisError
from redis.exceptions import RedisError

from gateway.limits.algorithms import Decision
from gateway.limits.redis_channel import RedisChannel, channel_of
from gateway.limits.redis_script import SCRIPT, Question
from gateway.limits.settings import RateLimitingSettings, Teller
from gateway.redis_client import redis_at

_SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
_QUESTIONS_A_CALL = 256
_CONNECT_SECS = 1.0

_FAILURES = (RedisError, HiredisError, OSError, TimeoutError)

#: The decision of each limit that was asked about; None where it is not known.
Decided: TypeAlias = asyncio.Future[list[Decision] | None]

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
        self._waiting: list[tuple[Question, Decided]] = []
        self._called: list[tuple[Question, Decided]] = []
        """What the call that is on its way asks."""
        self._scheduled = False
        self._channel: RedisChannel | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._connecting_once = asyncio.Lock()
        self._recovery: asyncio.Task[None] | None = None

    def ask(self, question: Question) -> Decided:
        """The decision of each of the limits, or None where Redis does not answer in time."""
        loop = asyncio.get_running_loop()
        answer: Decided = loop.create_future()
        self._waiting.append((question, answer))
        # What is asked while a call is on its way goes with the next: Redis runs one script at a time anyway.
        if not self._scheduled and not self._called:
            self._scheduled = True
            loop.call_soon(self._send)
        return answer

    def _send(self) -> None:
        self._scheduled = False
        if not self._waiting or self._called:
            return
        self._called, self._waiting = self._waiting[:_QUESTIONS_A_CALL], self._waiting[_QUESTIONS_A_CALL:]
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._timeout, self._lost, TimeoutError())
        if self._channel is None or self._channel.closed:
            self._connecting = loop.create_task(self._connect_and_call())
        else:
            self._call(self._channel)

    async def _connect_and_call(self) -> None:
        try:
            await self._connect()
        except _FAILURES as error:
            self._lost(error)
        else:
            if self._called and self._channel is not None:
                self._call(self._channel)

    def _call(self, channel: RedisChannel) -> None:
        channel.call(self._command("EVALSHA", _SHA, [question for question, _ in self._called]), self._answered)

    def _command(self, name: str, script: str, questions: list[Question]) -> tuple[Any, ...]:
        keys = [self._prefix + key for question in questions for key in question.keys]
        return (name, script, len(keys), *keys, b" ".join([question.limits for question in questions]))

    def _answered(self, answer: Any) -> None:
        if not self._called:
            return
        if isinstance(answer, Exception):
            if str(answer).startswith("NOSCRIPT") and self._channel is not None:
                # Redis has forgotten its scripts: it keeps what it is sent.
                questions = [question for question, _ in self._called]
                self._channel.call(self._command("EVAL", SCRIPT, questions), self._answered)
            else:
                self._lost(answer)
            return
        self._give(_read(answer, self._called))
        self._send()

    def _give(self, found: Iterable[list[Decision] | None]) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        called, self._called = self._called, []
        for (_, answer), decisions in zip(called, found, strict=False):
            if not answer.done():
                answer.set_result(decisions)

    # Losing and finding it.

    def _lost(self, error: Exception) -> None:
        self._give(repeat(None))
        for _, answer in self._waiting:
            if not answer.done():
                answer.set_result(None)
        self._waiting.clear()
        # An answer that comes too late must not be taken for another's.
        self._disconnect()
        if not self.available:
            return
        self.available = False
        why = "it did not answer in time" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
        self._tell("ERROR", "rate_limit_redis_lost", f"rate limits are not counted on Redis: {why}")
        self._recovery = asyncio.get_running_loop().create_task(self._recover())

    def _disconnect(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    async def _recover(self) -> None:
        while not self.available:
            await asyncio.sleep(self._pause)
            try:
                await self._connect()
                await self._prove()
            except _FAILURES:
                self._disconnect()
                continue
            self.available = True
            self._tell("INFO", "rate_limit_redis_found", "rate limits are counted on Redis again")

    async def _connect(self) -> None:
        async with asyncio.timeout(_CONNECT_SECS), self._connecting_once:
            if self._channel is not None and not self._channel.closed:
                return
            channel = await channel_of(self._redis)
            try:
                await channel.asked("SCRIPT", "LOAD", SCRIPT)
            except BaseException:
                channel.close()
                raise
            self._channel = channel

    async def _prove(self) -> None:
        assert self._channel is not None
        async with asyncio.timeout(self._timeout):
            await self._channel.asked(*self._command("EVALSHA", _SHA, [_PROBE]))

    async def open(self) -> None:
        """Connect, so that no request has to wait for it."""
        try:
            await self._connect()
            await self._prove()
        except _FAILURES as error:
            self._lost(error)

    async def close(self) -> None:
        """Ask nothing more and close the connections."""
        self.available = False
        tasks = [task for task in (self._connecting, self._recovery) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._lost(ConnectionError("it is asked no more"))
        await self._redis.aclose()


def _read(answer: list[int], asked: Sequence[tuple[Question, Any]]) -> list[list[Decision]]:
    """Three numbers for each limit, in the order in which they were asked."""
    found, at = [], 0
    for question, _ in asked:
        end = at + 3 * len(question.keys)
        found.append([(answer[n] == 1, None, answer[n + 1], answer[n + 2] / 1000) for n in range(at, end, 3)])
        at = end
    return found
