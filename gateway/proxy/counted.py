"""A connection that its pool counts, from when it was made until it is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class Counted(asyncio.Protocol):
    """`on_made` is called when it is there, `on_closed` once, when it is gone."""

    def __init__(self, on_closed: Callable[[Any], None], on_made: Callable[[], None]) -> None:
        self._on_closed = on_closed
        self._on_made = on_made
        self.made = False
        """Whether there ever was a connection; a failed TLS handshake makes none."""
        self.closed = False

    def count_in(self) -> None:
        """It was made; perhaps nobody wants it any more."""
        if not self.closed:
            self.made = True
            self._on_made()

    def count_out(self) -> None:
        """It is gone. Who waited for it may have left just when it was made: uvloop then tells nobody of its end."""
        if not self.closed:
            self.closed = True
            self._on_closed(self)
