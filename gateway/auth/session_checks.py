"""Sessions of open tunnels are looked up from time to time: what the login service has deleted allows nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.auth.tunnels import Tunnels

if TYPE_CHECKING:
    from gateway.auth.cache import CredentialCache
    from gateway.auth.sessions import Sessions

#: So many are asked for in one call; what comes back takes some milliseconds to read, and others have their turn then.
_AT_ONCE = 200


class SessionChecks:
    """Those of one worker. `clock` is monotonic, `now` of the epoch; `every` is in seconds, 0 for never."""

    def __init__(
        self, sessions: Sessions, cache: CredentialCache, every: float, *,
        leeway: float, clock: Callable[[], float], now: Callable[[], float],
    ) -> None:  # fmt: skip
        self._sessions = sessions
        self._cache = cache
        self._every = every
        self._leeway = leeway
        self._clock = clock
        self._now = now
        self._next_at = clock() + every
        self._looking: asyncio.Task[None] | None = None

    def tick(self, tunnels: Tunnels) -> None:
        """Begin to look, if it is time; to be called several times a second."""
        if self._every and self._clock() >= self._next_at and self._looking is None:
            self._next_at = self._clock() + self._every
            self._looking = asyncio.get_running_loop().create_task(self._look(tunnels))

    def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self, tunnels: Tunnels) -> None:
        try:
            names = tunnels.sessions()
            ends: dict[str, float | None] = {}
            for begin in range(0, len(names), _AT_ONCE):
                ends |= await self._sessions.ends_of(names[begin : begin + _AT_ONCE])
            for name in [name for name, end in ends.items() if end is None]:
                self._cache.drop(name)
            # One that is about to end may be gone for that: whether it takes its tunnel along is a setting.
            tunnels.renew(ends, over_until=self._now() + self._leeway)
        finally:
            self._looking = None
