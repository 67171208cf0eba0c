"""Sessions on Redis: a token is a random word; what it stands for is a JSON object that a login service keeps there.

All that is asked within one turn of the loop is one call, with a deadline. After a call that fails nobody asks for a
while, so a Redis that is dead or slow delays requests once, and not each of them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from gateway.auth.claims import ClaimsReader, moment
from gateway.auth.credentials import Credential, NotBelieved, session_id
from gateway.auth.settings import AuthSettings
from gateway.redis_client import redis_at

if TYPE_CHECKING:
    from gateway.auth.jwks import Told

_MOST_AT_ONCE = 1000


class Sessions:
    """Says whose session a token is."""

    def __init__(
        self, settings: AuthSettings, *, now: Callable[[], float], clock: Callable[[], float], tell: Told
    ) -> None:
        place = settings.sessions
        assert place.redis_url is not None
        self._longest = settings.max_token_bytes
        self._prefix = place.key_prefix.encode()
        self._timeout = place.timeout_secs
        self._pause = place.retry_secs
        self._reader = ClaimsReader(settings)
        self._now = now
        self._clock = clock
        self._tell = tell
        self._redis = redis_at(place.redis_url)
        self._asked: dict[str, asyncio.Future[bytes | None]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._again_at = float("-inf")
        self._is_lost = False

    async def verify(self, token: bytes) -> Credential:
        """The credential that `token` is.

        Raises:
            NotBelieved: it is none, or Redis does not say.
        """
        if len(token) > self._longest:
            raise NotBelieved("oversized")
        name = session_id(token)
        # A client that leaves takes nothing away from others that ask for the same.
        return self._credential(name, await asyncio.shield(self._answer_for(name)))

    async def ends_of(self, names: Sequence[str]) -> dict[str, float | None]:
        """When the sessions with these ids end, None for those that are none any more; all is asked in one call.

        Of what cannot be said now, there is nothing.
        """
        ends: dict[str, float | None] = {}
        try:
            answers = {name: self._answer_for(name) for name in names}
        except NotBelieved:
            return ends
        for name, answer in answers.items():
            try:
                ends[name] = self._credential(name, await asyncio.shield(answer)).expires_at
            except NotBelieved as error:
                if error.reason != "store_unavailable":
                    ends[name] = None
        return ends

    def _credential(self, name: str, text: bytes | None) -> Credential:
        if text is None:
            raise NotBelieved("store_unavailable")
        if not text:
            raise NotBelieved("unknown_session")
        try:
            claims = json.loads(text)
            found = self._reader.credential(claims, name=name, scheme="session")
            begins_at = moment(claims.get("nbf", 0))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            raise NotBelieved("malformed") from None
        if found.expires_at <= self._now():
            raise NotBelieved("expired")
        if begins_at > self._now():
            raise NotBelieved("not_yet_valid")
        return found

    @property
    def answers(self) -> bool:
        """Whether Redis has answered the last time. Where it has not, it is asked again, for a session of nobody."""
        if self._is_lost and self._asking is None and self._clock() >= self._again_at:
            self._asked["nobody"] = asyncio.get_running_loop().create_future()
            self._asking = asyncio.get_running_loop().create_task(self._ask())
        return not self._is_lost

    async def close(self) -> None:
        """Ask nothing more."""
        if self._asking is not None:
            self._asking.cancel()
        await self._redis.aclose()

    def _answer_for(self, name: str) -> asyncio.Future[bytes | None]:
        """What Redis will have said of a session, with all others that are asked for in this turn of the loop."""
        answer = self._asked.get(name)
        if answer is None:
            if self._clock() < self._again_at:
                raise NotBelieved("store_unavailable")
            answer = self._asked[name] = asyncio.get_running_loop().create_future()
            if self._asking is None:
                self._asking = asyncio.get_running_loop().create_task(self._ask())
        return answer

    async def _ask(self) -> None:
        try:
            while self._asked:
                names = list(self._asked)[:_MOST_AT_ONCE]
                waiting = [self._asked.pop(name) for name in names]
                answers: list[bytes | None] = [None] * len(names)
                try:
                    answers = await self._answers(names)
                finally:
                    # Whatever happened, nobody is left waiting.
                    for answer, text in zip(waiting, answers, strict=True):
                        if not answer.done():
                            answer.set_result(text)
        finally:
            self._asking = None

    async def _answers(self, names: list[str]) -> list[bytes | None]:
        """For each the text, nothing where there is no such session, or None where Redis does not say."""
        try:
            async with asyncio.timeout(self._timeout):
                found: list[Any] = await self._redis.mget([self._prefix + name.encode() for name in names])
        except (RedisError, OSError, TimeoutError) as error:
            self._again_at = self._clock() + self._pause
            why = "it did not answer in time" if isinstance(error, TimeoutError) else type(error).__name__
            self._say(f"sessions cannot be looked up: {why}", is_lost=True)
            return [None] * len(names)
        self._say("sessions are looked up again", is_lost=False)
        return [text or b"" for text in found]

    def _say(self, text: str, *, is_lost: bool) -> None:
        if is_lost != self._is_lost:
            self._is_lost = is_lost
            self._tell("ERROR" if is_lost else "INFO", text)
