"""A look into the queue as soon as something is in it: somebody who has confirmed a change waits for it.

The engine looks by itself several times a second, which is often enough for everything else, and for what another
process has put there. Whatever is missed here is found by that.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)
#: Something that was put in is committed within so many seconds, or the engine's own look finds it.
_SOON = 1.0
_PATIENCE_SECONDS = 10.0


class Prompt:
    """`look` takes what there is, and says whether there was anything. It is called in a thread of its own."""

    def __init__(self, look: Callable[[], bool]) -> None:
        self._look = look
        self._expected_until, self._expected = 0.0, 0
        self._woken, self._ending = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="queue-prompt", daemon=True)

    def start(self) -> None:
        """From now on."""
        self._thread.start()

    def expect(self) -> None:
        """Something is being put in by a transaction that is not committed yet."""
        self._expected_until = time.monotonic() + _SOON
        self._expected += 1

    def committed(self) -> None:
        """A transaction was committed, perhaps that one. Any thread may say so; it does not block."""
        if time.monotonic() < self._expected_until:
            self._woken.set()

    def close(self) -> None:
        """Take nothing more; one look that is under way is waited for, but not for ever."""
        self._ending = True
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE_SECONDS)

    def _run(self) -> None:
        while self._woken.wait() and not self._ending:
            self._woken.clear()
            expected = self._expected
            try:
                if self._look() and self._expected == expected:
                    self._expected_until = 0.0
            except Exception as error:
                log.info("a look into the queue took nothing; the engine looks by itself: %s", error)
