"""Writing log lines without ever blocking the loop: a bounded queue and one thread. A full queue drops and counts."""

from __future__ import annotations

import os
import threading
from collections import deque

# What `logging.output` may say.
DESCRIPTORS = {"stdout": 1, "stderr": 2, "none": None}
_QUEUE_LINES = 10_000
# Writes of up to PIPE_BUF bytes are atomic on a pipe, so the lines of several processes never mix.
_ATOMIC_BYTES = 4096
_BATCH_SECS = 0.02


class LogWriter:
    """Writes lines to a file descriptor, or nowhere when it is None."""

    def __init__(self, descriptor: int | None) -> None:
        self.descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        if descriptor is not None:
            self._thread.start()

    def write(self, line: str) -> None:
        """Queue one line, without its line end."""
        if self.descriptor is None:
            return
        if len(self._lines) >= _QUEUE_LINES:
            self.dropped += 1
            return
        self._lines.append(line.encode("utf-8", "replace") + b"\n")
        if not self._wake.is_set():
            self._wake.set()

    def take_dropped(self) -> int:
        """How many lines were dropped since the last call."""
        taken, self.dropped = self.dropped, 0
        return taken

    def close(self, timeout: float = 1.0) -> None:
        """Write what is queued, for at most `timeout` seconds."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            # Waking for every line would take the interpreter away from the loop again and again.
            self._stopping.wait(_BATCH_SECS)
            self._wake.clear()
            while self._lines:
                self._write_all(self._next_batch())
            if self._stopping.is_set():
                return

    def _next_batch(self) -> bytes:
        batch = self._lines.popleft()
        while self._lines and len(batch) + len(self._lines[0]) <= _ATOMIC_BYTES:
            batch += self._lines.popleft()
        return batch

    def _write_all(self, batch: bytes) -> None:
        assert self.descriptor is not None
        try:
            while batch:
                batch = batch[os.write(self.descriptor, batch) :]
        except OSError:
            # The reader of the logs is gone; the gateway goes on without it.
            self.dropped += 1
