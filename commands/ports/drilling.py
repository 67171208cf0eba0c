"""The port of what can be broken on purpose."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol, runtime_checkable

from commands.domain.drill import Fault


@runtime_checkable
class Faults(Protocol):
    """Injects faults into the gateway for drills. Doing either twice is as doing it once.

    Raises Rejected, OutcomeUnknown, Unavailable.
    """

    async def inject(self, fault: Fault, *, drill: str, actor: str, lasts: timedelta) -> None:
        """Break it; it is over by itself after that time, whoever is still there. `drill` names the fault."""

    async def mend(self, *, drill: str) -> None:
        """End the fault of a drill, if it is still there."""
