"""Something was said: whoever sends wakes up, or looks whether it is more urgent than what they are at."""

from __future__ import annotations

import asyncio


class Bell:
    """Rung from any thread, heard in the loop that listens. `rung` is how often."""

    def __init__(self) -> None:
        self.rung = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ringing = asyncio.Event()

    def listen(self) -> None:
        """From this loop."""
        self._loop = asyncio.get_running_loop()

    def ring(self) -> None:
        """There may be something to send."""
        self.rung += 1
        self.again()

    def again(self) -> None:
        """Something may go on; nothing new was said."""
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ringing.set)

    def hush(self) -> None:
        """All that was said so far will be looked at now."""
        self._ringing.clear()

    async def heard(self) -> None:
        """Until it rings."""
        await self._ringing.wait()
