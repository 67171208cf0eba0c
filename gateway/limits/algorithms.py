"""The three ways to limit: pure functions from a key's state and the time to a decision.

Each is called with the state that it returned for the last request that passed (None where there is none), the time in
seconds, and how many requests may come in a window of how many seconds. The state that it returns is kept only if the
request passes, so one that is refused counts nowhere. The script for Redis does the same sums, in microseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

#: (whether it passes, the state afterwards, how many more would pass now, seconds to wait): a plain tuple, because one
#: is made for each request. One waits until another passes where none is left, otherwise until all is there again.
Decision: TypeAlias = tuple[bool, Any, int, float]
Algorithm: TypeAlias = Callable[[Any, float, int, int], Decision]
# Sums of floating-point numbers are off by less than this share of a request.
_SLACK = 1e-6


def token_bucket(state: tuple[float, float] | None, now: float, limit: int, window: int) -> Decision:
    """A bucket of `limit` tokens that fills up evenly. The state is (tokens, the time at which there were so many)."""
    rate = limit / window
    tokens: float = limit
    if state is not None:
        before, at = state
        if now > at:
            before += (now - at) * rate
        if before < limit:
            tokens = before
    if tokens < 1 - _SLACK:
        return False, state, 0, (1 - tokens) / rate
    tokens = tokens - 1 if tokens > 1 else 0.0
    left = int(tokens + _SLACK)
    wait = (limit - tokens) / rate if left else (1 - tokens) / rate
    return True, (tokens, now), left, wait


def fixed_window(state: tuple[int, int] | None, now: float, limit: int, window: int) -> Decision:
    """A counter that begins anew at each multiple of the window. The state is (number of the window, count)."""
    number = int(now // window)
    count = state[1] if state is not None and state[0] == number else 0
    wait = (number + 1) * window - now
    if count >= limit:
        return False, state, 0, wait
    return True, (number, count + 1), limit - count - 1, wait


def sliding_window(state: tuple[int, int, int] | None, now: float, limit: int, window: int) -> Decision:
    """A window that moves along: of the last fixed one counts the share that it still covers.

    The state is (number of the window, its count, the count of the one before).
    """
    number = int(now // window)
    current, before = _counts(state, number)
    elapsed = now - number * window
    used = before * (1 - elapsed / window) + current
    if used + 1 > limit + _SLACK:
        return False, state, 0, _until_next(current, before, elapsed, limit, window)
    left = int(limit + _SLACK - used - 1)
    wait = _until_next(current + 1, before, elapsed, limit, window) if not left else 2 * window - elapsed
    return True, (number, current + 1, before), left, wait


def _counts(state: tuple[int, int, int] | None, number: int) -> tuple[int, int]:
    if state is None or state[0] < number - 1:
        return 0, 0
    return (state[1], state[2]) if state[0] == number else (0, state[1])


def _until_next(current: int, before: int, elapsed: float, limit: int, window: int) -> float:
    """Seconds until one more passes, if nobody asks until then."""
    if current < limit:
        # So much of the window before may still count.
        share = (limit - 1 - current) / before if before else 1.0
        return max(0.0, window * (1 - share) - elapsed)
    return window - elapsed + window * (1 - (limit - 1) / current)


ALGORITHMS: dict[str, Algorithm] = {
    "token_bucket": token_bucket,
    "fixed_window": fixed_window,
    "sliding_window": sliding_window,
}
