"""Looking for the next event instead of sleeping: who sleeps is woken late, and that is most of what a request waits.

A processor that has slept needs tens of microseconds to come back, in a virtual machine more. So, for a while after a
request began or ended, the loop is kept turning: it asks the kernel whether anything has arrived, and never waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class BusyPolling:
    """Keeps the loop of one worker awake for `seconds` after each call of `stay`."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until = 0.0
        self._turns = False

    def stay(self) -> None:
        """Something has happened, and more of it may follow at once."""
        self._until = self._clock() + self._seconds
        if not self._turns:
            self._turns = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        # What is called soon runs in the next turn of the loop, which therefore does not sleep before it.
        self._turns = self._clock() < self._until
        if self._turns:
            asyncio.get_running_loop().call_soon(self._turn)
