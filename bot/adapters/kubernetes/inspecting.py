"""The Inspection port on a Deployment: each look is a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from bot.adapters.kubernetes import (
    certificates,
    describing,
    happening,
    machines,
    mapping,
    revisions,
    scaling,
    serving,
    surrounding,
    using,
)
from bot.adapters.kubernetes.place import Place
from commands.domain.plan import Target
from commands.ports.inspecting import (
    Autoscaler,
    Certificate,
    ConfigMap,
    Described,
    EventPage,
    Node,
    Rollout,
    Served,
    Surroundings,
    Used,
)


class KubernetesInspection:
    """`place` finds where a target is."""

    def __init__(self, place: Callable[[Target], Place], now: Callable[[], datetime]) -> None:
        self._place = place
        self._now = now
        self._memory = mapping.Memory()

    async def describe(self, target: Target, name: str) -> Described:
        """See Inspection."""
        return await describing.describe(self._place(target), name)

    async def events(self, target: Target, *, since: timedelta, limit: int, everything: bool) -> EventPage:
        """See Inspection."""
        began = self._now() - since
        return await happening.page(self._place(target), since=began, limit=limit, everything=everything)

    async def usage(self, target: Target, what: Literal["pods", "nodes"]) -> Sequence[Used]:
        """See Inspection."""
        place = self._place(target)
        return await (using.of_pods(place) if what == "pods" else using.of_nodes(place))

    async def rollout(self, target: Target, *, limit: int) -> Rollout:
        """See Inspection."""
        return await revisions.rolled(self._place(target), self._now(), limit)

    async def autoscalers(self, target: Target) -> Sequence[Autoscaler]:
        """See Inspection."""
        return await scaling.autoscalers(self._place(target))

    async def served(self, target: Target) -> Sequence[Served]:
        """See Inspection."""
        return await serving.served(self._place(target))

    async def config_maps(self, target: Target) -> Sequence[ConfigMap]:
        """See Inspection."""
        return await mapping.config_maps(self._place(target), self._memory, self._now())

    async def nodes(self, target: Target) -> Sequence[Node]:
        """See Inspection."""
        return await machines.nodes(self._place(target))

    async def certificates(self, target: Target) -> Sequence[Certificate]:
        """See Inspection."""
        return await certificates.certificates(self._place(target))

    async def changes(self, target: Target, *, since: timedelta) -> Surroundings:
        """See Inspection."""
        return await surrounding.changes(self._place(target), self._now() - since)
