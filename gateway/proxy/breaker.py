"""A circuit breaker: an upstream that fails is left alone for a while, and then tried with care (runbook 001).

Closed, it counts failures in a row. Open, it lets nothing through until its time is over. Half open, it lets one
request through at a time, until enough of them succeeded or one failed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import IntEnum

from gateway.upstreams.settings import CircuitBreakerSettings


class CircuitState(IntEnum):
    """As the gauge `circuit_breaker_state` tells it."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


# Each request asks for them twice, and CPython 3.11 calls a function for a member of an enumeration.
_CLOSED, _OPEN = CircuitState.CLOSED, CircuitState.OPEN


class CircuitBreaker:
    """That of one worker. `turned` is told of each change.

    Whoever enters gets a ticket, and says once what came of it: `succeeded`, `failed`, or `gave_up` where it came to
    nothing. A ticket from before the state has changed says nothing about now, and is ignored.
    """

    def __init__(
        self,
        settings: CircuitBreakerSettings,
        clock: Callable[[], float],
        turned: Callable[[CircuitState], None] = lambda _: None,
    ) -> None:
        self.state = CircuitState.CLOSED
        self.failures = 0
        """In a row, while it is closed; those that opened it, until it is closed again."""
        self._settings = settings
        self._clock = clock
        self._turned = turned
        self._round = 1
        self._successes = 0
        self._probing = False
        self._until = 0.0

    def judge_by(self, settings: CircuitBreakerSettings) -> None:
        """Go by other thresholds from now on; what it knows, it keeps."""
        self._settings = settings

    def enter(self) -> int | None:
        """A ticket for one request, or None where it is not let through."""
        if self.state is _CLOSED:
            return self._round
        if self.state is _OPEN and self._clock() >= self._until:
            self._turn(CircuitState.HALF_OPEN)
        if self.state is _OPEN or self._is_probed():
            return None
        self._probing = True
        self._until = self._clock() + self._settings.timeout_secs
        return self._round

    def _is_probed(self) -> bool:
        """Whether one is under way. One that takes longer than the breaker was open holds up nobody, and is void."""
        if self._probing and self._clock() >= self._until:
            self._round += 1
            self._probing = False
        return self._probing

    def succeeded(self, ticket: int) -> None:
        """The upstream answered as it should."""
        if ticket != self._round:
            return
        if self.state is _CLOSED:
            self.failures = 0
            return
        self._probing = False
        self._successes += 1
        if self._successes >= self._settings.success_threshold:
            self.failures = 0
            self._turn(CircuitState.CLOSED)

    def failed(self, ticket: int) -> None:
        """It did not answer, or said itself that something is wrong with it."""
        if ticket != self._round:
            return
        self.failures += 1
        if self.state is CircuitState.HALF_OPEN or self.failures >= self._settings.failure_threshold:
            self._until = self._clock() + self._settings.timeout_secs
            self._turn(CircuitState.OPEN)

    def gave_up(self, ticket: int) -> None:
        """Nothing can be said of it: the client left. The next request may try."""
        if ticket == self._round:
            self._probing = False

    @property
    def shown(self) -> CircuitState:
        """The state as operators see it: one whose time is over would let a request through, if one came."""
        over = self.state is CircuitState.OPEN and self._clock() >= self._until
        return CircuitState.HALF_OPEN if over else self.state

    @property
    def retry_after(self) -> int:
        """Whole seconds until it may be tried again, at least one."""
        return max(1, math.ceil(self._until - self._clock())) if self.state is CircuitState.OPEN else 1

    def _turn(self, state: CircuitState) -> None:
        self.state = state
        self._round += 1
        self._successes = 0
        self._probing = False
        self._turned(state)
