"""What a client is told where its request is sent to nobody."""

from __future__ import annotations

from gateway.proxy.message import Refused


def circuit_open(retry_after: int) -> Refused:
    """The upstream's circuit breaker lets nothing through, for so many seconds."""
    again = ((b"retry-after", str(retry_after).encode()),)
    return Refused(
        503, "circuit_open", "the circuit breaker of the upstream is open: nothing is sent to it for a while", again
    )


def no_target() -> Refused:
    """Operators have taken all its targets away."""
    return Refused(503, "no_target", "no target of the upstream takes requests")
