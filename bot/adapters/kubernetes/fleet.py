"""The gateway in several clusters and namespaces, behind the same ports: each request goes to the place that is meant.

What was not said is the service's own place, the first one. What fits several is looked for in each of them; where it
is in more than one, it is asked back, never guessed. A target says where it is, so a plan acts where it was made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.adapters.kubernetes.gateway import KubernetesGateway
from bot.adapters.kubernetes.inspecting import KubernetesInspection
from commands.domain.location import HERE, Location
from commands.domain.plan import Finding, Target
from commands.domain.sli import Reading
from commands.errors import Conflict, NotFound, Refusal
from commands.ports import (
    Change,
    Draft,
    ErrorCount,
    LogPage,
    LogQuery,
    Operation,
    Pod,
    RouteReading,
    Workload,
)
from commands.reading import SECONDS
from commands.registry import KUBERNETES


class KubernetesFleet:
    """`gateways`: one for each place, the service's own first."""

    offers = frozenset({KUBERNETES})
    grain = SECONDS

    def __init__(self, gateways: Sequence[KubernetesGateway], *, now: Callable[[], datetime]) -> None:
        self._gateways = tuple(gateways)
        self.several = len(self._gateways) > 1
        self.inspection = KubernetesInspection(lambda target: self._of(target).place, now)

    @property
    def home(self) -> Location:
        """The service's own place; the one whose figures are known."""
        place = self._gateways[0].place
        return Location(place.cluster.name, place.known_space)

    async def close(self) -> None:
        """Let go of the connections."""
        for one in self._gateways:
            await one.close()

    # ------------------------------------------------------------ which one

    def _of(self, target: Target) -> KubernetesGateway:
        """The one that a target is in; a target from before there were several is in the first."""
        self._gateways[0].place.check_name(target.name)
        found = [one for one in self._gateways if one.place.fits(target.location)]
        # The namespace of a kubeconfig's context is not known before the first look; then it is the cluster's only one.
        found += [one for one in self._gateways if one.place.may_be(target.location)]
        if not found:
            raise self._nowhere(target.name, target.location, self._gateways)
        return found[0]

    async def _at(self, service: str, at: Location) -> KubernetesGateway:
        """The one that is meant. Raises NotFound, and Conflict where it could be more than one."""
        self._gateways[0].place.check_name(service)
        if not at.said:
            return self._gateways[0]
        await asyncio.gather(*(one.place.space() for one in self._gateways), return_exceptions=True)
        fitting = [one for one in self._gateways if one.place.fits(at)]
        if not fitting:
            raise self._nowhere(service, at, self._gateways)
        there = fitting if len(fitting) == 1 else await self._where_it_runs(service, fitting)
        if not there:
            raise self._nowhere(service, at, fitting)
        if len(there) > 1:
            options = [one.place.options for one in there]
            said = f"{service} runs in {len(there)} places that {at.words[:120]} may mean."
            raise Conflict(said, hint="Say which:", allowed=options)
        return there[0]

    async def _where_it_runs(self, service: str, places: list[KubernetesGateway]) -> list[KubernetesGateway]:
        """Without those that certainly have none; one that does not answer may have it."""
        found = await asyncio.gather(*(one.find(service) for one in places), return_exceptions=True)
        for answer in found:
            if isinstance(answer, BaseException) and not isinstance(answer, Refusal):
                raise answer
        return [one for one, answer in zip(places, found, strict=True) if not isinstance(answer, NotFound)]

    def _nowhere(self, service: str, at: Location, looked: Sequence[KubernetesGateway]) -> NotFound:
        options = [one.place.options for one in looked]
        return NotFound(f"{service} does not run in {at.words[:120]}.", hint="I looked for:", allowed=options)

    # ------------------------------------------------------------ deployments

    async def find(self, name: str, at: Location = HERE) -> Workload:
        """See Deployments."""
        return await (await self._at(name, at)).find(name)

    async def pods(self, target: Target, *, workers: bool = False) -> Sequence[Pod]:
        """See Deployments."""
        return await self._of(target).pods(target, workers=workers)

    async def scale(self, target: Target, *, replicas: int, expected: int, operation: str, actor: str) -> None:
        """See Deployments."""
        there = self._of(target)
        await there.scale(target, replicas=replicas, expected=expected, operation=operation, actor=actor)

    async def restart(self, target: Target, *, operation: str, actor: str, only: Sequence[str] = ()) -> None:
        """See Deployments."""
        await self._of(target).restart(target, operation=operation, actor=actor, only=only)

    async def objections(self, target: Target, doing: str) -> Sequence[Finding]:
        """See Deployments."""
        return await self._of(target).objections(target, doing)

    async def operation(self, target: Target, operation: str) -> Operation | None:
        """See Deployments."""
        return await self._of(target).operation(target, operation)

    async def config(self, target: Target) -> str:
        """See Deployments."""
        return await self._of(target).config(target)

    async def history(self, target: Target, *, limit: int) -> Sequence[Change]:
        """See Deployments."""
        return await self._of(target).history(target, limit=limit)

    # ------------------------------------------------------------ alterations

    async def draft(self, change: str, target: Target, said: Mapping[str, Any], *, dry_run: bool) -> Draft:
        """See Alterations."""
        return await self._of(target).draft(change, target, said, dry_run=dry_run)

    async def alter(
        self,
        change: str,
        target: Target,
        settled: Mapping[str, Any],
        *,
        live: Mapping[str, Any],
        plan: str,
        actor: str,
        lasts: timedelta | None = None,
    ) -> None:
        """See Alterations."""
        await self._of(target).alter(change, target, settled, live=live, plan=plan, actor=actor, lasts=lasts)

    async def prolong(
        self, change: str, target: Target, settled: Mapping[str, Any], *, plan: str, actor: str, lasts: timedelta
    ) -> None:
        """See Alterations."""
        await self._of(target).prolong(change, target, settled, plan=plan, actor=actor, lasts=lasts)

    async def pursue(self, change: str, target: Target, settled: Mapping[str, Any], *, plan: str, actor: str) -> None:
        """See Alterations."""
        await self._of(target).pursue(change, target, settled, plan=plan, actor=actor)

    async def altered(self, change: str, target: Target, settled: Mapping[str, Any], *, plan: str) -> Operation | None:
        """See Alterations."""
        return await self._of(target).altered(change, target, settled, plan=plan)

    # ------------------------------------------------------------ telemetry and logs

    async def reading(self, service: str, *, window: timedelta, at: Location = HERE) -> Reading:
        """See Telemetry."""
        return await (await self._at(service, at)).reading(service, window=window)

    async def routes(self, service: str, *, window: timedelta, at: Location = HERE) -> Sequence[RouteReading]:
        """See Telemetry."""
        return await (await self._at(service, at)).routes(service, window=window)

    async def health(self, service: str, at: Location = HERE) -> dict[str, str]:
        """See Telemetry."""
        return await (await self._at(service, at)).health(service)

    async def lines(self, service: str, query: LogQuery, at: Location = HERE) -> LogPage:
        """See Logs."""
        there = await self._at(service, at)
        return await there.lines(service, query)

    async def errors(self, service: str, *, since: timedelta, at: Location = HERE) -> ErrorCount:
        """See Logs."""
        return await (await self._at(service, at)).errors(service, since=since)
