"""One gateway, by its admin API, as the Deployments, Telemetry and Logs ports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx
import yaml

from bot.adapters.gateway.telling import GatewayTelling
from commands.domain.drill import Fault
from commands.domain.location import HERE, Location
from commands.domain.plan import Finding, Target
from commands.domain.sli import Reading
from commands.errors import Conflict, NotFound, Unavailable
from commands.ports import (
    Change,
    ErrorCount,
    LogLine,
    LogPage,
    LogQuery,
    Operation,
    Pod,
    RouteReading,
    Workload,
)
from commands.reading import SECONDS

_HEALTH = ("/health", "/health/live", "/health/ready")


class GatewayAdmin(GatewayTelling):
    """One gateway, by the address of its admin API. Reads are tried twice; changes are never sent twice."""

    grain = SECONDS

    # ------------------------------------------------------------ deployments

    async def find(self, name: str, at: Location = HERE) -> Workload:
        """The gateway, when `name` is its name."""
        self._check_place(at)
        if name != self._name:
            raise NotFound(f"There is no service {name[:60]!r} that I can act on.", hint=f"I know: {self._name}.")
        return _workload(self._name, await self._wire.get("/admin/status"))

    async def pods(self, target: Target, *, workers: bool = False) -> Sequence[Pod]:  # noqa: ARG002 - all of them are
        """The worker processes."""
        self._check(target)
        return [_pod(worker) for worker in (await self._wire.get("/admin/workers"))["workers"]]

    async def scale(self, target: Target, *, replicas: int, expected: int, operation: str, actor: str) -> None:
        """See Deployments."""
        wanted = {"uid": target.uid, "replicas": expected}
        await self._wire.change("/admin/scale", operation, actor, replicas=replicas, expected=wanted)

    async def restart(self, target: Target, *, operation: str, actor: str, only: Sequence[str] = ()) -> None:
        """See Deployments."""
        part = {"workers": list(only)} if only else {}
        await self._wire.change("/admin/restart", operation, actor, expected={"uid": target.uid}, **part)

    async def objections(self, target: Target, doing: str) -> Sequence[Finding]:  # noqa: ARG002 - nobody else owns them
        """See Deployments: worker processes have no other owner, and refuse a second change by themselves."""
        return ()

    async def operation(self, target: Target, operation: str) -> Operation | None:
        """See Deployments."""
        self._check(target)
        found = await self._wire.get(f"/admin/operations/{operation}", missing_ok=True)
        if found is None:
            return None
        progress = found["progress"]
        return Operation(
            id=operation,
            state=found["state"],
            done=progress["done"],
            total=progress["total"],
            error=found.get("error") or "",
        )

    async def config(self, target: Target) -> str:
        """The running configuration as YAML."""
        self._check(target)
        return yaml.safe_dump((await self._wire.get("/admin/config"))["config"], sort_keys=False, allow_unicode=True)

    async def history(self, target: Target, *, limit: int) -> Sequence[Change]:
        """The gateway's own record of changes."""
        self._check(target)
        return [_change(one) for one in (await self._wire.get("/admin/history", {"limit": limit}))["changes"]]

    # ------------------------------------------------------------ telemetry

    async def reading(self, service: str, *, window: timedelta, at: Location = HERE) -> Reading:
        """See Telemetry."""
        self._check_place(at)
        seconds = max(1, int(window.total_seconds()))
        try:
            self._check_name(service)
            summary = await self._wire.get("/admin/metrics/summary", {"window": seconds})
        except Unavailable:
            return Reading(at=datetime.now(UTC), up=False, window_seconds=seconds)
        return _reading(summary)

    async def routes(self, service: str, *, window: timedelta, at: Location = HERE) -> Sequence[RouteReading]:
        """The busiest routes first."""
        self._check_place(at)
        self._check_name(service)
        summary = await self._wire.get("/admin/metrics/summary", {"window": max(1, int(window.total_seconds()))})
        found = [RouteReading.model_validate(route) for route in summary["by_route"]]
        return sorted(found, key=lambda route: -route.requests)

    async def health(self, service: str, at: Location = HERE) -> dict[str, str]:
        """What each health endpoint of the main port answers."""
        self._check_place(at)
        self._check_name(service)
        listen = (await self._wire.get("/admin/status"))["listen"][0]
        return {path: await self._probe(listen + path) for path in _HEALTH}

    async def _probe(self, url: str) -> str:
        try:
            async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
                answer = await client.get(url)
        except httpx.HTTPError as error:
            return f"no answer ({type(error).__name__})"
        return f"{'ok' if answer.is_success else 'failing'} ({answer.status_code})"

    # ------------------------------------------------------------ logs

    async def lines(self, service: str, query: LogQuery, at: Location = HERE) -> LogPage:
        """See Logs. Its workers write into one stream."""
        self._check_place(at)
        if query.source.said:
            raise Conflict(
                f"{self._name} runs as local processes, whose log is one: it has no pods and no containers.",
                hint="Search for words in it instead.",
                example="/gw logs worker 2 --level ERROR",
            )
        self._check_name(service)
        asked: dict[str, object] = {"limit": query.limit, "since_seconds": max(1, int(query.since.total_seconds()))}
        if query.level != "DEBUG":
            asked["level"] = query.level
        if query.grep:
            asked["grep"] = query.grep
        found = await self._wire.get("/admin/logs", asked)
        return LogPage(
            lines=tuple(_line(record) for record in found["records"]),
            total=found["total_matched"],
            kept_since=found["kept_since"],
            missed=found["missed"],
        )

    async def errors(self, service: str, *, since: timedelta, at: Location = HERE) -> ErrorCount:
        """See Logs."""
        self._check_place(at)
        self._check_name(service)
        found = await self._wire.get("/admin/errors", {"since_seconds": max(1, int(since.total_seconds()))})
        return ErrorCount.model_validate({name: found[name] for name in ErrorCount.model_fields})

    # ------------------------------------------------------------ faults

    async def inject(self, fault: Fault, *, drill: str, actor: str, lasts: timedelta) -> None:
        """See Faults. A fault is known by its reason, which is the drill's own."""
        if await self._faults_of(drill):
            return
        said = {**fault.model_dump(), "expires_in_seconds": lasts.total_seconds(), "actor": actor, "reason": drill}
        await self._wire.send("POST", "/admin/faults", said)

    async def mend(self, *, drill: str) -> None:
        """See Faults."""
        for fault_id in await self._faults_of(drill):
            await self._wire.send("DELETE", f"/admin/faults/{fault_id}")

    async def _faults_of(self, drill: str) -> list[str]:
        found = (await self._wire.get("/admin/faults"))["faults"]
        return [str(one["id"]) for one in found if one["reason"] == drill]

    # ------------------------------------------------------------ who is meant

    def _check_place(self, at: Location) -> None:
        if at.said:
            raise NotFound(
                f"{self._name} runs as local processes: there is no {at.words} to look in.",
                hint="Leave --cluster and --namespace out.",
            )

    def _check(self, target: Target) -> None:
        self._check_name(target.name)

    def _check_name(self, name: str) -> None:
        if name != self._name:
            raise NotFound(f"There is no service {name[:60]!r} that I can watch.", hint=f"I know: {self._name}.")


def _workload(name: str, status: dict[str, Any]) -> Workload:
    running = status.get("operation")
    return Workload(
        target=Target(kind="gateway", name=name, uid=status["uid"]),
        version=status["version"],
        desired=status["replicas"]["desired"],
        ready=status["replicas"]["ready"],
        minimum=status["limits"]["min"],
        maximum=status["limits"]["max"],
        revision=str(status["revision"]),
        started_at=status["started_at"],
        busy_with=f"{running['kind']} by {running.get('actor') or 'unknown'}" if running else "",
    )


def _pod(worker: dict[str, Any]) -> Pod:
    return Pod(
        name=worker["name"],
        state=worker["state"],
        started_at=worker["started_at"],
        restarts=worker["restarts"],
        requests=worker["requests_total"],
        errors=worker["errors_total"],
        memory_bytes=worker.get("rss_bytes"),
    )


def _change(one: dict[str, Any]) -> Change:
    return Change(
        at=one["at"],
        kind=one["kind"],
        actor=one.get("actor") or "-",
        reason=one.get("reason") or "",
        before=_short(one.get("before")),
        after=_short(one.get("after")),
        outcome=str(one.get("outcome") or ""),
        operation=one.get("operation_id") or "",
    )


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return "" if value is None else str(value)


def _reading(summary: dict[str, Any]) -> Reading:
    window = summary["window"]
    names: tuple[Literal["p50_ms", "p95_ms", "p99_ms"], ...] = ("p50_ms", "p95_ms", "p99_ms")
    return Reading(
        at=summary["at"],
        window_seconds=window["seconds"],
        requests=window["requests"],
        errors=window["errors"],
        error_rate=window["error_rate"],
        rps=window["rps"],
        **{name: window[name] for name in names},
    )


def _line(record: dict[str, Any]) -> LogLine:
    return LogLine(at=record["timestamp"], level=record["level"], message=str(record.get("message", "")), fields=record)
