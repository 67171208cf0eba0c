"""What is there before a change: evidence and a baseline (mitigation.md, rules 6 and 13).

Both ask other systems, so they are begun as soon as the plan has its lock, and are under way while its target is
checked again. Nothing is changed before both are there.
"""

from __future__ import annotations

import asyncio
import contextlib

from commands.context import Services
from commands.domain.evidence import Evidence
from commands.domain.plan import Plan
from commands.domain.sli import Reading
from commands.locating import apart
from commands.mitigation import evidence
from commands.reading import WINDOW

Taken = tuple[Evidence, Reading]


class Before:
    """Its coroutines run on the main loop; `forget` may be called from any thread."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._begun: dict[str, asyncio.Task[Taken]] = {}

    async def begin(self, plan: Plan) -> None:
        """Go and look, without waiting for it."""
        self._begun[plan.id] = asyncio.create_task(self._look(plan))

    async def taken(self, plan: Plan) -> Taken:
        """What was begun, or what is there now. Raises what the telemetry raises."""
        begun = self._begun.pop(plan.id, None)
        return await (begun or self._look(plan))

    def forget(self, plan_id: str) -> None:
        """Nothing will be changed: what is still looked at is of no use."""
        begun = self._begun.pop(plan_id, None)
        if begun is not None:
            with contextlib.suppress(RuntimeError):  # a loop that has ended looks at nothing
                begun.get_loop().call_soon_threadsafe(_let_go, begun)

    async def _look(self, plan: Plan) -> Taken:
        """Side by side: neither waits for the other."""
        where = apart(plan.target, self._services)
        baseline = self._services.telemetry.reading(plan.target.name, window=WINDOW, at=where)
        return await asyncio.gather(evidence.capture(plan, self._services), baseline)


def _let_go(begun: asyncio.Task[Taken]) -> None:
    begun.add_done_callback(lambda task: task.cancelled() or task.exception())
    begun.cancel()
