"""Work on all entries, a little at a time: a worker's loop has clients to answer meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")

#: Work of which each step takes a few microseconds, and its result.
Steps = Generator[None, None, T]

#: s; after so much of it the loop has a turn.
_AT_ONCE = 0.002


async def in_slices(steps: Steps[T]) -> T:
    """Do it with turns of the loop in between."""
    until = time.perf_counter() + _AT_ONCE
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: T = end.value
            return found
        if time.perf_counter() >= until:
            await asyncio.sleep(0)
            until = time.perf_counter() + _AT_ONCE


def at_once(steps: Steps[T]) -> T:
    """Do all of it now."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: T = end.value
            return found
