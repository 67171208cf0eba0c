"""An answer that was kept in memory on its way to a client, with back-pressure: it is not copied as a whole."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange

_PIECE = 262_144
#: Of one that is compressed on its way: about a millisecond.
SLICE = 65_536
#: What is longer ends in a later turn of the loop, when it is known whether the client reads: else one that asks for
#: the same thing thousands of times at once would have it pile up here as often.
_AT_ONCE = 4096


class KeptLeg:
    """In the place of an upstream's leg. `service` is the upstream whose answer it was."""

    __slots__ = ("_exchange", "_left", "_scheduled", "full", "service")

    def __init__(self, exchange: Exchange, body: bytes | memoryview, service: str | None) -> None:
        self._exchange: Exchange | None = exchange
        self._left: bytes | memoryview = body
        self._scheduled = False
        self.service = service
        self.full = False

    @property
    def connecting(self) -> bool:
        """Nothing is connected."""
        return False

    @property
    def connected(self) -> bool:
        """Nobody waits for the request's body: it has none."""
        return False

    def is_late(self, now: float) -> bool:  # noqa: ARG002 - it has no deadline
        """Nobody waits for it."""
        return False

    def resume_answer(self) -> None:
        """Write the next part; those after it follow in later turns of the loop, while the client reads."""
        exchange = self._exchange
        if exchange is None or self._scheduled:
            return
        if len(self._left) > _AT_ONCE:
            left, size = memoryview(self._left), _PIECE if exchange.encoder is None else SLICE
            piece, self._left = left[:size], left[size:]
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._go_on)
            exchange.answer_body(bytes(piece))
            return
        if self._left:
            exchange.answer_body(bytes(self._left))
        self._exchange = None
        exchange.kept_ended()

    def _go_on(self) -> None:
        self._scheduled = False
        exchange = self._exchange
        if exchange is not None and not (self._left and exchange.client_is_full):
            self.resume_answer()

    def pause_answer(self) -> None:
        """The client does not read: `_go_on` sees it."""

    def request_body(self, chunk: bytes) -> None:
        """There is none."""

    def request_ended(self) -> None:
        """Nobody waits for it."""

    def fail(self, status: int, failure: str, message: str) -> None:
        """It has no deadline."""

    def drop(self) -> None:
        """Write no more."""
        self._exchange = None
        self._left = b""

    def conclude(self) -> None:
        """The exchange is over."""
        self.drop()
