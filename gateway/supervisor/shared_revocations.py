"""Revocations of several gateways as one: each writes its own to a stream on Redis, and reads those of all.

Redis is not needed to revoke: what cannot be written there at once is written as soon as it answers again.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from redis.exceptions import RedisError

from gateway.auth.settings import RevocationSettings
from gateway.redis_client import redis_at
from gateway.supervisor.revocation_registry import Revocation, RevocationRegistry, revocation_of

_LOST = (RedisError, OSError, TimeoutError)
_READ_AT_ONCE = 1000
_BLOCK_MILLISECONDS = 1000
_PAUSE_SECS = 1.0

#: Have all workers go by a revocation.
Apply = Callable[[Revocation], Awaitable[Any]]
#: (level, event type, what happened), for the log.
Tell = Callable[[str, str, str], None]


class SharedRevocations:
    """What this gateway tells the others, and hears of them."""

    def __init__(self, settings: RevocationSettings, registry: RevocationRegistry, tell: Tell) -> None:
        assert settings.redis_url is not None
        self._registry = registry
        self._tell = tell
        self._key = settings.redis_key
        self._most = settings.max_kept
        self._timeout = settings.redis_timeout_secs
        self._redis = redis_at(settings.redis_url)
        self._read_until: bytes | str = "0-0"
        self._unsent: deque[Revocation] = deque(maxlen=settings.max_kept)
        #: What the stream has shown; None once it was read to its end.
        self._shown: set[Revocation] | None = set()
        self._sending = asyncio.Lock()
        self._is_lost = False

    async def publish(self, one: Revocation) -> bool:
        """Tell the others; whether they could be told at once."""
        self._unsent.append(one)
        return await self._sent()

    async def catch_up(self, apply: Apply) -> None:
        """Read what there is; for the start, so no longer than a call may take."""
        try:
            while await self._read(apply, block=None):
                continue
        except _LOST as error:
            self._say_lost(error)

    async def follow(self, apply: Apply) -> None:
        """Go by what the others revoke, for ever."""
        while True:
            if not await self._sent():
                await asyncio.sleep(_PAUSE_SECS)
                continue
            try:
                await self._read(apply, block=_BLOCK_MILLISECONDS)
            except _LOST as error:
                self._say_lost(error)
                await asyncio.sleep(_PAUSE_SECS)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _sent(self) -> bool:
        async with self._sending:
            try:
                while self._unsent:
                    text = json.dumps(asdict(self._unsent[0]), separators=(",", ":"))
                    async with asyncio.timeout(self._timeout):
                        await self._redis.xadd(self._key, {"revocation": text}, maxlen=self._most, approximate=True)
                    self._unsent.popleft()
            except _LOST as error:
                self._say_lost(error)
                return False
        return True

    async def _read(self, apply: Apply, block: int | None) -> bool:
        """Apply what is new; whether there was anything."""
        async with asyncio.timeout(self._timeout + (block or 0) / 1000):
            answer: Any = await self._redis.xread({self._key: self._read_until}, count=_READ_AT_ONCE, block=block)
        if self._is_lost:
            self._is_lost = False
            self._tell("INFO", "revocations_redis_found", "revocations are shared with other gateways again")
        entries = answer[0][1] if answer else []
        for number, fields in entries:
            await self._received(fields, apply)
            self._read_until = number
        if not entries and self._shown is not None:
            # What an earlier run could not tell, or Redis has forgotten, is told now.
            missing = set(self._registry.all()) - self._shown - set(self._unsent)
            self._unsent.extend(missing)
            self._shown = None
        return bool(entries)

    async def _received(self, fields: dict[bytes, bytes], apply: Apply) -> None:
        one = revocation_of(fields.get(b"revocation", b""))
        if one is None:
            return
        if self._shown is not None:
            self._shown.add(one)
        if not self._registry.is_news(one):
            return
        try:
            self._registry.add(one)
        except OSError as error:
            # After a restart the stream says it again.
            self._registry.keep(one)
            words = f"a revocation of another gateway holds, but cannot be written down: {error}"
            self._tell("ERROR", "revocation_not_recorded", words)
        self._tell("WARNING", "revocation_received", "another gateway has revoked a token or a client")
        await apply(one)

    def _say_lost(self, error: Exception) -> None:
        if not self._is_lost:
            self._is_lost = True
            why = "it did not answer in time" if isinstance(error, TimeoutError) else type(error).__name__
            self._tell("ERROR", "revocations_redis_lost", f"revocations are not shared with other gateways: {why}")
