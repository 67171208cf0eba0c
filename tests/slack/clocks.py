"""A clock for stories in which something is tried again and again while other things happen."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta

from tests.fakes import START, FakeClock


class Fast(FakeClock):
    """Runs as evenly as the wall's, and many times faster. Who sleeps for a minute is back in a moment."""

    def __init__(self, speed: float = 60.0) -> None:
        super().__init__(START)
        self._speed = speed
        self._begun = time.monotonic()

    def now(self) -> datetime:
        """What was skipped, and what has passed."""
        return self.at + timedelta(seconds=(time.monotonic() - self._begun) * self._speed)

    async def sleep(self, seconds: float) -> None:
        """As long as the clock says."""
        await asyncio.sleep(seconds / self._speed)
