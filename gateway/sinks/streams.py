"""Standard output as a destination of records."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from gateway.sinks.lines import Line, Outcome, UnavailableError

Written = Callable[[Line], bytes]


class StandardOutput:
    """Writes to a file descriptor; a reader that does not read holds up nobody but this sink."""

    def __init__(self, descriptor: int, written: Written) -> None:
        self._descriptor = descriptor
        self._written = written
        self._rest = b""

    def deliver(self, batch: Sequence[Line]) -> Outcome:
        """Write them; what was begun of a batch is not written twice."""
        rest = self._rest or b"".join(self._written(line) + b"\n" for line in batch)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            self._rest = rest
            raise UnavailableError(f"standard output cannot be written: {error.strerror}") from None
        self._rest = b""
        return Outcome(delivered=len(batch))

    def close(self) -> None:
        """It is not ours to close."""
