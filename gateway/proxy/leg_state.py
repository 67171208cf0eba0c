"""What is known of one request that is sent to an upstream (see `UpstreamLeg`, which sends it)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from gateway.proxy.breaker import CircuitBreaker
from gateway.proxy.legs import AnswerTaker, AnswerWatcher
from gateway.proxy.pool import UpstreamPool
from gateway.proxy.target_pool import Carrier, TargetPool

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange


_NEVER = float("inf")
#: How exactly it is seen when an upstream has last read some of a request: to this part of its time.
_LOOKS = 8


class LegState:
    """What is known of it."""

    __slots__ = (
        "_breaker", "_connection", "_exchange", "_kept", "_kept_bytes", "_looked_at", "_passed_on", "_pool", "_retried",
        "_reused", "_since", "_taker", "_target", "_task", "_ticket", "_tried", "_unsent", "_untaken", "_watcher",
        "deadline", "full",
    )  # fmt: skip

    _looked_at: float
    """When that was; not even set where nothing was sent but a head."""

    def __init__(
        self, exchange: Exchange, pool: UpstreamPool, unsent: list[bytes], watcher: AnswerWatcher | None = None
    ) -> None:
        self._exchange = exchange
        self._watcher = watcher
        self._taker: AnswerTaker = watcher or exchange
        self._pool = pool
        self._unsent = unsent
        self._connection: Carrier | None = None
        self._target: TargetPool[Any] | None = None
        self._tried: tuple[TargetPool[Any], ...] = ()
        self._kept: list[bytes] | None = None
        """What was sent of the body, where it may be sent again."""
        self._kept_bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._breaker: CircuitBreaker | None = None
        """Who let it through, until it was told what came of it."""
        self._ticket = 0
        self._reused = False
        self._retried = False
        self._passed_on = False
        """Whether the client was sent anything of an answer."""
        self._since = 0.0
        self._untaken: int | None = 0
        """Bytes of the request that the upstream had yet to read when that was seen last; None where some were sent."""
        self.full = False
        """Whether the upstream does not read: send no more until `upstream_ready`."""
        self.deadline = _NEVER

    @property
    def service(self) -> str:
        """The upstream's id."""
        return self._pool.id

    @property
    def target(self) -> str | None:
        """The target that was asked last."""
        return None if self._target is None else self._target.name

    @property
    def retries(self) -> int:
        """How many targets were asked in vain before it."""
        return len(self._tried)

    @property
    def connecting(self) -> bool:
        """Whether a new connection is being made; that has a timeout of its own."""
        return self._task is not None

    @property
    def connected(self) -> bool:
        """Whether the request is on a connection."""
        return self._connection is not None

    @property
    def heard_at(self) -> float:
        """When something happened last."""
        return self.deadline - self._pool.timeout

    def touch(self) -> None:
        """Something happened, so the upstream's time starts anew."""
        self.deadline = self._exchange.plane.clock() + self._pool.timeout

    def is_late(self, now: float) -> bool:
        """Whether the upstream was silent for too long. One that reads a body slowly is not silent."""
        if self._untaken != 0 and now - max(self.heard_at, self._looked_at) > self._pool.timeout / _LOOKS:
            self._look(now)
        return now > self.deadline

    def _look(self, now: float) -> None:
        """See whether it has read some of the request."""
        before, self._looked_at = self._untaken, now
        self._untaken = 0 if self._connection is None else self._connection.untaken()
        if before is not None and self._untaken < before:
            self.touch()

    def _tell(self, *, success: bool | None) -> None:
        """Tell the circuit breaker what came of it; None where nothing can be said. Only the first word counts."""
        breaker, self._breaker = self._breaker, None
        if breaker is None:
            return
        if success is None:
            breaker.gave_up(self._ticket)
        elif success:
            breaker.succeeded(self._ticket)
        else:
            breaker.failed(self._ticket)
