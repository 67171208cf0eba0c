"""Checks passwords slowly on purpose, and not too often."""

from __future__ import annotations

import secrets
import time
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress

import anyio
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from bot.platforms.console.settings import ConsoleSettings

#: Attempts in a window that are let through before one succeeds, for one person and for one address.
PER_PERSON, PER_ADDRESS, WINDOW_SECONDS = 5, 20, 300.0
_MOST_KEPT = 10_000
#: Checks that may be under way or wait for a place; whoever comes then is asked to wait some seconds.
_MOST_AT_ONCE, _BUSY_SECONDS = 40, 10.0


class Limiter:
    """Counts attempts in a sliding window. In memory: a restart forgives, which costs an attacker the restart."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failures: dict[str, deque[float]] = defaultdict(deque)

    def wait(self, key: str, allowed: int) -> float:
        """Seconds until the next attempt is let through; 0 when it is now."""
        self._forget()
        recent = self._failures.get(key, deque())
        return max(0.0, recent[-allowed] + WINDOW_SECONDS - self._now()) if len(recent) >= allowed else 0.0

    def count(self, *keys: str) -> None:
        """Remember an attempt, as a failure until it has succeeded."""
        for key in keys:
            self._failures[key].append(self._now())

    def take_back(self, key: str) -> None:
        """An attempt that was counted was none."""
        recent = self._failures.get(key)
        if recent:
            recent.pop()
        if not recent:
            self._failures.pop(key, None)

    def succeeded(self, key: str) -> None:
        """Forget the failures of somebody who got in."""
        self._failures.pop(key, None)

    def _forget(self) -> None:
        horizon = self._now() - WINDOW_SECONDS
        stale = [key for key, times in self._failures.items() if times[-1] < horizon]
        for key in stale:
            del self._failures[key]
        while len(self._failures) > _MOST_KEPT:
            del self._failures[next(iter(self._failures))]


class Doorkeeper:
    """Lets people in who know their password."""

    def __init__(self, settings: ConsoleSettings, *, now: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._limiter = Limiter(now=now)
        self._hasher = PasswordHasher()
        # Checked for people who do not exist, so that the time taken does not tell who does.
        self._nobody = _hash_of_nobody(settings) if settings.authentication == "password" else ""
        # A check takes 64 MB by design; a flood of them must not take the machine.
        self._places = anyio.CapacityLimiter(2)
        self._under_way = 0

    def wait(self, person: str, address: str) -> float:
        """Seconds that somebody has to wait before another attempt; everybody, while too many are being checked."""
        busy = self._under_way >= _MOST_AT_ONCE
        return max(
            _BUSY_SECONDS if busy else 0.0,
            self._limiter.wait(f"person:{person}", PER_PERSON),
            self._limiter.wait(f"address:{address}", PER_ADDRESS),
        )

    async def admits(self, person: str, password: str, address: str) -> bool:
        """Whether the password is the person's. Counted before it is checked: many at once are as many attempts."""
        self._limiter.count(f"person:{person}", f"address:{address}")
        hashed = self._settings.passwords.get(person)
        expected = hashed.get_secret_value() if hashed else self._nobody
        self._under_way += 1
        try:
            right = await anyio.to_thread.run_sync(self._verify, expected, password, limiter=self._places)
        finally:
            self._under_way -= 1
        if right and hashed:
            self._limiter.succeeded(f"person:{person}")
            self._limiter.take_back(f"address:{address}")
            return True
        return False

    def _verify(self, expected: str, password: str) -> bool:
        try:
            return self._hasher.verify(expected, password)
        except (VerificationError, InvalidHashError):
            return False


def _hash_of_nobody(settings: ConsoleSettings) -> str:
    """As costly as those that there are: a cheaper or a dearer one would tell."""
    for hashed in settings.passwords.values():
        with suppress(InvalidHashError):
            like = extract_parameters(hashed.get_secret_value())
            return PasswordHasher.from_parameters(like).hash(secrets.token_hex())
    return PasswordHasher().hash(secrets.token_hex())
