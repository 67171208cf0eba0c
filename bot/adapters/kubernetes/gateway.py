"""The gateway in Kubernetes as one object behind three ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from bot.adapters.gateway import GatewayAdmin
from bot.adapters.kubernetes.altering.carrying import KubernetesAlterations
from bot.adapters.kubernetes.logs import PodLogs
from bot.adapters.kubernetes.place import Place
from commands.domain.location import HERE, Location
from commands.domain.sli import Reading
from commands.errors import NotFound, Unavailable
from commands.ports import ErrorCount, LogPage, LogQuery, RouteReading


class KubernetesGateway(KubernetesAlterations):
    """`admin`: the gateway's own admin API, where it can be reached; only it measures requests."""

    def __init__(
        self,
        place: Place,
        *,
        limits: tuple[int, int],
        people: Mapping[str, str] | None = None,
        admin: GatewayAdmin | None = None,
        now: Callable[[], datetime],
    ) -> None:
        super().__init__(place, limits=limits, people=people, now=now)
        self.place = place
        self._logs = PodLogs(place)
        self._admin = admin

    async def close(self) -> None:
        """Let go of the connections."""
        await self._place.cluster.close()
        if self._admin:
            await self._admin.close()

    # ------------------------------------------------------------ telemetry

    async def reading(self, service: str, *, window: timedelta, at: Location = HERE) -> Reading:
        """The admin API's figures; without one, whether any copy is ready, and no request is known of."""
        self._place.check(service, at)
        if self._admin:
            return await self._admin.reading(self._place.service, window=window)
        try:
            up = (await self.find(service)).ready > 0
        except (Unavailable, NotFound):
            up = False
        return Reading(at=self._now(), up=up, window_seconds=window.total_seconds())

    async def routes(self, service: str, *, window: timedelta, at: Location = HERE) -> Sequence[RouteReading]:
        """See Telemetry. Without an admin API there are none."""
        self._place.check(service, at)
        return await self._admin.routes(self._place.service, window=window) if self._admin else ()

    async def health(self, service: str, at: Location = HERE) -> dict[str, str]:
        """The admin API's checks; without one, each pod by its readiness probe."""
        self._place.check(service, at)
        if self._admin:
            return await self._admin.health(self._place.service)
        pods = await self.pods((await self.find(service)).target)
        return {pod.name: "ok (ready)" if pod.state == "ready" else f"failing ({pod.state})" for pod in pods}

    # ------------------------------------------------------------ logs

    async def lines(self, service: str, query: LogQuery, at: Location = HERE) -> LogPage:
        """See Logs."""
        self._place.check(service, at)
        return await self._logs.lines(service, query)

    async def errors(self, service: str, *, since: timedelta, at: Location = HERE) -> ErrorCount:
        """See Logs."""
        self._place.check(service, at)
        return await self._logs.errors(service, since=since)
