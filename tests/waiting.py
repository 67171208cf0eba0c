"""Waiting for what must become true, with a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(found: Callable[[], T | None], what: str, *, within: float = 60.0) -> T:
    """The first true value of `found`."""
    deadline = time.monotonic() + within
    while True:
        value = found()
        if value:
            return value
        assert time.monotonic() < deadline, f"in {within:.0f} s it did not happen: {what}"
        threading.Event().wait(0.03)
