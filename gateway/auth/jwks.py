"""Keys from a JWKS URL: fetched in the background, and again where a token names one that is not known.

A server that does not answer, or answers nonsense, changes nothing: the keys that are known go on being believed.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

import httpx

from gateway.auth.keys import Keys, keys_of
from gateway.auth.settings import AuthSettings

_MOST_BYTES = 1_048_576
# What is compressed could be far longer than it looks.
_PLAIN = {"accept": "application/json", "accept-encoding": "identity"}

#: (level, what happened), for the log.
Told = Callable[[str, str], None]
#: The document at a URL, within so many seconds.
Fetch = Callable[[str, float], Awaitable[Any]]
Pause = Callable[[float], Awaitable[None]]


class KeySource:
    """Keeps `keys` fresh; `withdrawn` is told when one of them is no longer good.

    However many requests wait for new keys, one of them asks for all.
    """

    def __init__(
        self,
        settings: AuthSettings,
        keys: Keys,
        *,
        clock: Callable[[], float],
        tell: Told,
        withdrawn: Callable[[], None] = lambda: None,
        fetch: Fetch | None = None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        assert settings.jwks_url is not None
        self._url = settings.jwks_url
        self._settings = settings
        self._keys = keys
        self._clock = clock
        self._tell = tell
        self._withdrawn = withdrawn
        self._fetch = fetch or fetched
        self._pause = pause
        self._running: asyncio.Task[bool] | None = None
        self._again_at = float("-inf")
        self._last_told = ""

    @property
    def worth_asking(self) -> bool:
        """Whether newer keys may come of it: nobody has asked for a while, or somebody waits for the answer now."""
        return self._running is not None or self._clock() >= self._again_at

    async def refreshed(self) -> bool:
        """Ask for the keys, or wait for who asks already; whether there was a good answer, in bounded time."""
        if self._running is None:
            self._again_at = self._clock() + self._settings.jwks_retry_secs
            self._running = asyncio.get_running_loop().create_task(self._refresh())
        # A client that leaves takes nothing away from the others that wait.
        return await asyncio.shield(self._running)

    async def keep_fresh(self) -> None:
        """Ask again and again, sooner after a failure."""
        while True:
            good = await self.refreshed()
            await self._pause(self._settings.jwks_refresh_secs if good else self._settings.jwks_retry_secs)

    async def _refresh(self) -> bool:
        try:
            document = await self._fetch(self._url, self._settings.jwks_timeout_secs)
            fetched_keys = keys_of(document, self._settings.jwt_algorithm)
        except (httpx.HTTPError, OSError, ValueError, RecursionError) as error:
            self._say("WARNING", f"no keys from {self._url}: {str(error) or type(error).__name__}")
            return False
        else:
            if self._keys.replace_fetched(fetched_keys):
                self._withdrawn()
            self._say("INFO", f"{len(fetched_keys)} keys from {self._url}")
            return True
        finally:
            self._running = None

    def _say(self, level: str, text: str) -> None:
        # The same failure each ten seconds would push everything else out of the log.
        if text != self._last_told:
            self._last_told = text
            self._tell(level, text)


async def fetched(url: str, timeout: float) -> Any:
    """The JSON document at `url`.

    Raises:
        httpx.HTTPError, OSError, ValueError: there is none, it is too long, or it takes too long.
    """
    async with (
        asyncio.timeout(timeout),
        httpx.AsyncClient(timeout=timeout, trust_env=False, verify=_authorities()) as client,
        client.stream("GET", url, headers=_PLAIN) as answer,
    ):
        answer.raise_for_status()
        body = b""
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) > _MOST_BYTES:
                raise ValueError("the answer is too long")
    return json.loads(body)


@cache
def _authorities() -> ssl.SSLContext:
    """Whom this host trusts; read once, because it takes a while and nothing else runs meanwhile."""
    return ssl.create_default_context()
