"""Counting in the process: the states of the keys that were asked for last, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from gateway.limits.algorithms import Algorithm, Decision


class LocalCounters:
    """The states of at most `max_keys` keys; those that were not asked for the longest are forgotten first.

    One that is forgotten begins anew. So whoever has very many addresses can outlast a limit by address: leave room for
    more keys than there are clients within the longest window, some 300 bytes each.
    """

    __slots__ = ("_max_keys", "_states")

    def __init__(self, max_keys: int) -> None:
        self._states: OrderedDict[bytes, Any] = OrderedDict()
        self._max_keys = max_keys

    def keep_at_most(self, max_keys: int) -> None:
        """Have room for more keys, or for fewer."""
        self._max_keys = max_keys
        while len(self._states) > max_keys:
            self._states.popitem(last=False)

    def __len__(self) -> int:
        return len(self._states)

    def decide(self, key: bytes, algorithm: Algorithm, now: float, limit: int, window: int) -> Decision:
        """Ask about one limit, and keep what comes of it."""
        # `state` and `keep` in one: on the way of nearly every request.
        states = self._states
        state = states.get(key)
        decision = algorithm(state, now, limit, window)
        if decision[0]:
            states[key] = decision[1]
        if state is not None:
            states.move_to_end(key)
        elif len(states) > self._max_keys:
            states.popitem(last=False)
        return decision

    def state(self, key: bytes) -> Any:
        """What was kept for the key; None where nothing was."""
        state = self._states.get(key)
        if state is not None:
            self._states.move_to_end(key)
        return state

    def keep(self, key: bytes, state: Any) -> None:
        """Keep the state of a key that `state` was just asked for."""
        states = self._states
        states[key] = state  # At the end, where it is new.
        if len(states) > self._max_keys:
            states.popitem(last=False)
