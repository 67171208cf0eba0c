"""Checks passwords slowly on purpose, and not too often."""

from __future__ import annotations

import secrets
import time
from collections import defaultdict, deque
from collections.abc import Callable

import anyio
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bot.platforms.console.settings import ConsoleSettings, hash_password

#: Failed attempts in a window that are let through, for one person and for one address.
PER_PERSON, PER_ADDRESS, WINDOW_SECONDS = 5, 20, 300.0
_MOST_KEPT = 10_000


class Limiter:
    """Counts failures in a sliding window. In memory: a restart forgives, which costs an attacker the restart."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failures: dict[str, deque[float]] = defaultdict(deque)

    def wait(self, key: str, allowed: int) -> float:
        """Seconds until the next attempt is let through; 0 when it is now."""
        self._forget()
        recent = self._failures.get(key, deque())
        return max(0.0, recent[-allowed] + WINDOW_SECONDS - self._now()) if len(recent) >= allowed else 0.0

    def failed(self, *keys: str) -> None:
        """Remember a failure."""
        for key in keys:
            self._failures[key].append(self._now())

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
        self._nobody = hash_password(secrets.token_hex()) if settings.authentication == "password" else ""
        # A check takes 64 MB by design; a flood of them must not take the machine.
        self._places = anyio.CapacityLimiter(2)

    def wait(self, person: str, address: str) -> float:
        """Seconds that somebody has to wait before another attempt."""
        return max(
            self._limiter.wait(f"person:{person}", PER_PERSON),
            self._limiter.wait(f"address:{address}", PER_ADDRESS),
        )

    async def admits(self, person: str, password: str, address: str) -> bool:
        """Whether the password is the person's."""
        hashed = self._settings.passwords.get(person)
        expected = hashed.get_secret_value() if hashed else self._nobody
        right = await anyio.to_thread.run_sync(self._verify, expected, password, limiter=self._places)
        if right and hashed:
            self._limiter.succeeded(f"person:{person}")
            return True
        self._limiter.failed(f"person:{person}", f"address:{address}")
        return False

    def _verify(self, expected: str, password: str) -> bool:
        try:
            return self._hasher.verify(expected, password)
        except (VerificationError, InvalidHashError):
            return False
