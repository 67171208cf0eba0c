"""How what happened reaches the app: in time, again when it was not taken, and by one of two ways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from tests.simulators.slack.faults import Faults

Kind = Literal["event", "slash", "interactive"]
RETRIES = (0.0, 60.0, 300.0)


@dataclass
class Ack:
    """What came back for a delivery. `error` is Slack's word for what went wrong."""

    ok: bool
    status: int = 0
    body: Any = None
    error: str = ""
    no_retry: bool = False


@dataclass
class Delivery:
    """One thing to bring to the app."""

    kind: Kind
    payload: dict[str, Any]
    attempt: int = 0
    reason: str = ""
    acks: list[Ack] = field(default_factory=list)


class Way(Protocol):
    """Signed HTTP, or sockets."""

    async def bring(self, delivery: Delivery, *, to_all: bool = False) -> Ack:
        """Bring it to one of the app's processes, or to all of them; the answer of the first."""


@dataclass
class Waiting:
    """A retry that is due later."""

    due: float
    delivery: Delivery


class Deliveries:
    """Keeps what is under way; the retries that are due later wait for the clock."""

    def __init__(
        self, way: Way, faults: Faults, now: Callable[[], float], retries: tuple[float, ...] = RETRIES
    ) -> None:
        self.way = way
        self.retries = retries
        self.sent: list[Delivery] = []
        self.given_up: list[Delivery] = []
        self.paused = False
        self._faults = faults
        self._now = now
        self._tasks: set[asyncio.Task[Any]] = set()
        self._later: list[Waiting] = []
        self._held: list[Delivery] = []
        self._unsent: list[Delivery] = []

    def event(self, payload: dict[str, Any]) -> None:
        """Send an event, and see to it."""
        delivery = Delivery("event", payload)
        self.sent.append(delivery)
        if self.paused:
            self._unsent.append(delivery)
        elif self._faults.delivery("event", "reorder"):
            self._held.append(delivery)
        else:
            self._start(delivery)
            self.release()

    def release(self) -> None:
        """Send what was held back to come out of order."""
        held, self._held = self._held, []
        for one in held:
            self._start(one)

    def resume(self) -> None:
        """Send what gathered while deliveries were paused."""
        self.paused = False
        unsent, self._unsent = self._unsent, []
        for one in unsent:
            self._start(one)

    def _start(self, delivery: Delivery) -> None:
        copies = 2 if self._faults.delivery(delivery.kind, "duplicate") else 1
        for _ in range(copies):
            self.spawn(self._see_to(delivery))

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Work that `settle` waits for."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _see_to(self, delivery: Delivery) -> None:
        ack = await self._bring(delivery)
        if ack.ok or ack.no_retry:
            return
        if delivery.attempt >= len(self.retries):
            self.given_up.append(delivery)
            return
        again = Delivery("event", delivery.payload, delivery.attempt + 1, ack.error, delivery.acks)
        delay = self.retries[delivery.attempt]
        if delay:
            self._later.append(Waiting(self._now() + delay, again))
        else:
            self._start(again)

    async def _bring(self, delivery: Delivery) -> Ack:
        ack = await self.way.bring(delivery, to_all=self._faults.delivery(delivery.kind, "to_all"))
        delivery.acks.append(ack)
        return ack

    async def ask(self, kind: Kind, payload: dict[str, Any]) -> Ack:
        """Bring a slash command or an interaction, and wait for its answer; it is not sent again."""
        delivery = Delivery(kind, payload)
        self.sent.append(delivery)
        twice = self._faults.delivery(kind, "duplicate")
        first = self.spawn(self._bring(delivery))
        if twice:
            self.spawn(self._bring(Delivery(kind, payload)))
        ack: Ack = await asyncio.shield(first)
        return ack

    def due(self, *, all_of_them: bool = False) -> int:
        """Start the retries whose time has come."""
        ready = [one for one in self._later if all_of_them or one.due <= self._now()]
        self._later = [one for one in self._later if one not in ready]
        for one in ready:
            self._start(one.delivery)
        return len(ready)

    def next_due(self) -> float | None:
        """When the next retry waits for."""
        return min((one.due for one in self._later), default=None)

    async def settle(self) -> None:
        """Until nothing is under way and no retry is due."""
        self.release()
        while self.due() or self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Leave everything."""
        self._later.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
