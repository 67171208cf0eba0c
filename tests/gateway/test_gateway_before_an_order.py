"""The history says of an order of a circuit breaker what held before it, also where that was an order for all."""

from __future__ import annotations

from typing import Any

from gateway.supervisor.circuit_overrides import CircuitOverrides


def test_what_held_for_an_upstream_is_told_when_it_gets_an_order_of_its_own() -> None:
    told: list[tuple[Any, Any]] = []
    overrides = CircuitOverrides(
        ["api", "other"], record=lambda *words: told.append((words[3], words[4])), changed=lambda: None
    )

    def order(upstream: str, state: Any) -> None:
        overrides.order(upstream=upstream, state=state, expires_in_seconds=60, actor="ana", reason="a drill")

    order("api", "enabled")
    order("*", "closed")
    order("other", "open")
    order("other", "closed")
    before = [held and (held["upstream"], held["state"]) for held, _ in told]
    assert before == [None, None, ("*", "closed"), ("other", "open")]
