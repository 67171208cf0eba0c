"""Loops that must not end: a look that fails is told and costs only itself; a loop that ends is started again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from bot.store.errors import StoreUnavailable

log = logging.getLogger(__name__)
Look = Callable[[], Coroutine[Any, Any, None]]

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


async def repeated(
    name: str, look: Callable[[], Coroutine[Any, Any, None]], rest: Callable[[], Awaitable[None]]
) -> None:
    """Look, rest, and look again, until cancelled."""
    while True:
        await looked(name, look())
        await rest()


async def looked(name: str, look: Coroutine[Any, Any, None]) -> None:
    """One look. Without the database there is nothing to see, which is no fault of ours."""
    try:
        await look
    except StoreUnavailable as gone:
        log.warning("%s: %s", name, gone)
    except Exception:
        log.exception("%s: a look failed", name)
