"""Loops that must not end: one that does is started again, and said."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

_FIRST_SECONDS, _LONGEST_SECONDS = 1.0, 60.0


async def supervised(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run until cancelled; what ends by itself, or fails, comes back after a pause that grows."""
    pause = _FIRST_SECONDS
    while True:
        try:
            await run()
            log.error("%s ended by itself; it is started again in %.0f s", name, pause)
        except Exception:
            log.exception("%s failed; it is started again in %.0f s", name, pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_SECONDS)
