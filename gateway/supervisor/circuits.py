"""The circuit breakers of all workers as one: each worker has its own, and the worst of them is told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.supervisor.circuit_overrides import CircuitOverride

_STATES = ("closed", "half_open", "open")

Circuits = dict[str, tuple[int, int]]


def worst(reports: Iterable[dict[str, Any]]) -> Circuits:
    """(state, failures in a row) by upstream: the worst state of any worker, and the most failures."""
    found: Circuits = {}
    for report in reports:
        for service, (state, failures) in report["breakers"].items():
            known = found.get(service, (0, 0))
            found[service] = (max(known[0], state), max(known[1], failures))
    return found


def gauge(circuits: Circuits) -> int | None:
    """The worst as the gauge's number; None where no upstream has a breaker."""
    return max((state for state, _ in circuits.values()), default=None)


def told(circuits: Circuits, orders: Mapping[str, CircuitOverride]) -> str:
    """As `/circuit-breaker/status` answers (runbook 003): the worst upstream's state and failures, then each.

    Where an operator's order holds, it says what was ordered, by whom and until when.
    """
    state, failures = max(circuits.values(), default=(0, 0))
    each: dict[str, dict[str, Any]] = {
        name: {"state": _STATES[now], "failure_count": count} for name, (now, count) in sorted(circuits.items())
    }
    for name in each.keys() & orders.keys():
        each[name]["forced"] = orders[name].told()
    whole = {"state": _STATES[state] if circuits else "disabled", "failure_count": failures, "upstreams": each}
    return json.dumps(whole)
