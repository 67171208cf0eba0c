"""The gateway's SLIs from Prometheus: requests, errors and latency by PromQL, over the instant query API.

For gateways whose own admin API measures nothing, or where Prometheus is what people look at. What Prometheus cannot
say is never taken for a gateway that is down: a reading then has no requests and says why.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from string import Template
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from bot.adapters import Adapter
from commands.domain.location import HERE, Location
from commands.domain.sli import Reading
from commands.ports import RouteReading

if TYPE_CHECKING:
    from bot.settings import Settings

log = logging.getLogger(__name__)

_REQUESTS = "sum$by(increase(http_requests_total{$selector}[$window]))"
_ERRORS = 'sum$by(increase(http_requests_total{$selector,status=~"5.."}[$window]))'
_SECONDS = (
    "histogram_quantile($quantile, sum by (le$and)(rate(http_request_duration_seconds_bucket{$selector}[$window])))"
)
_UP = "max(up{$selector})"
_QUANTILES = (0.5, 0.95, 0.99)
#: How many figures must have been read after a change before a verdict: so much longer than one window it may take.
_WINDOWS_TO_VERIFY = 2


class Queries(BaseModel):
    """PromQL. `$selector`, `$window`, `$quantile` are filled in; `$by` and `$and` are by which label it is split."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests: str = _REQUESTS
    errors: str = _ERRORS
    seconds: str = _SECONDS
    up: str = _UP
    cache_hits: str = ""

    @field_validator("requests", "errors", "seconds", "up", "cache_hits")
    @classmethod
    def _fillable(cls, query: str) -> str:
        known = {"selector": "", "window": "1m", "quantile": 0.5, "by": "", "and": ""}
        try:
            Template(query).substitute(known)
        except (KeyError, ValueError) as error:
            raise ValueError(f"only $selector, $window, $quantile, $by and $and are filled in: {error}") from None
        return query


class PrometheusSettings(BaseModel):
    """Where Prometheus is, which series are the gateway's, and over how long a time a reading goes.

    `selector` may name the `$service`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = ""
    token: SecretStr = SecretStr("")
    timeout_seconds: float = Field(default=5, gt=0, le=60)
    selector: str = 'job="gateway"'
    route_label: str = Field(default="route", pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")
    window_seconds: float = Field(default=60, ge=2, le=600)
    queries: Queries = Queries()


class NoAnswer(Exception):  # noqa: N818 - a state of what is known
    """Prometheus did not say; why not."""


class PrometheusTelemetry:
    """See the Telemetry port. `grain` is the shortest time that its figures are about: four scrapes or more."""

    def __init__(self, settings: PrometheusSettings, *, now: Callable[[], datetime]) -> None:
        self.grain = timedelta(seconds=settings.window_seconds)
        self._settings = settings
        self._now = now
        token = settings.token.get_secret_value()
        self._http = httpx.AsyncClient(
            base_url=settings.url.rstrip("/"),
            headers={"authorization": f"Bearer {token}"} if token else {},
            timeout=settings.timeout_seconds,
            trust_env=False,
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def reading(
        self,
        service: str,
        *,
        window: timedelta,
        at: Location = HERE,  # noqa: ARG002 - labels say where
    ) -> Reading:
        """See Telemetry. One time for all queries, so that they are about the same requests."""
        now, seconds = self._now(), max(window, self.grain).total_seconds()
        queries, ask = self._settings.queries, self._asking(service, now, seconds)
        try:
            up, requests, errors, hits, *latency = await asyncio.gather(
                ask(queries.up),
                ask(queries.requests),
                ask(queries.errors),
                ask(queries.cache_hits),
                *(ask(queries.seconds, quantile=one) for one in _QUANTILES),
            )
        except NoAnswer as unknown:
            log.warning("no reading: %s", unknown)
            return Reading(at=now, window_seconds=seconds, trouble=str(unknown))
        if not up and not requests:
            return Reading(at=now, window_seconds=seconds, trouble=f"no series of {service}: check prometheus.selector")
        counted, failed = _only(requests) or 0.0, _only(errors) or 0.0
        p50, p95, p99 = (_milliseconds(_only(one)) for one in latency)
        return Reading(
            at=now,
            up=counted > 0 or (_only(up) or 0.0) > 0,
            window_seconds=seconds,
            requests=round(counted),
            errors=min(round(failed), round(counted)),
            error_rate=min(failed / counted, 1.0) if counted else 0.0,
            rps=counted / seconds,
            p50_ms=p50,
            p95_ms=p95,
            p99_ms=p99,
            cache_hit_ratio=_only(hits),
        )

    async def routes(
        self,
        service: str,
        *,
        window: timedelta,
        at: Location = HERE,  # noqa: ARG002 - labels say where
    ) -> Sequence[RouteReading]:
        """See Telemetry."""
        queries, ask = (
            self._settings.queries,
            self._asking(service, self._now(), max(window, self.grain).total_seconds()),
        )
        label = self._settings.route_label
        try:
            requests, errors, seconds = await asyncio.gather(
                ask(queries.requests, by=label),
                ask(queries.errors, by=label),
                ask(queries.seconds, by=label, quantile=0.95),
            )
        except NoAnswer as unknown:
            log.warning("no reading of routes: %s", unknown)
            return ()
        return [
            RouteReading(
                route=route,
                requests=round(count),
                error_rate=min(errors.get(route, 0.0) / count, 1.0),
                p95_ms=_milliseconds(seconds.get(route)),
            )
            for route, count in sorted(requests.items())
            if count >= 1
        ]

    async def health(self, service: str, at: Location = HERE) -> dict[str, str]:  # noqa: ARG002 - labels say where
        """Whether Prometheus answers, and whether it reaches the gateway."""
        ask = self._asking(service, self._now(), self.grain.total_seconds())
        try:
            found = _only(await ask(self._settings.queries.up))
        except NoAnswer as unknown:
            return {"Prometheus": f"failing ({unknown})"}
        scraped = "failing (no series: check prometheus.selector)" if found is None else "failing (not scraped)"
        return {"Prometheus": "ok (200)", "scrape": "ok (up)" if found else scraped}

    # ------------------------------------------------------------ the API

    def _asking(self, service: str, at: datetime, seconds: float) -> Any:
        selector = Template(self._settings.selector).safe_substitute(service=service)

        async def ask(query: str, *, by: str = "", quantile: float = 0.0) -> dict[str, float]:
            if not query:
                return {}
            filled = Template(query).substitute(
                selector=selector,
                window=f"{seconds:.0f}s",
                quantile=quantile,
                by=f" by ({by}) " if by else "",
                **{"and": f", {by}" if by else ""},
            )
            return {series.get(by, ""): value for series, value in await self._query(filled, at)}

        return ask

    async def _query(self, query: str, at: datetime) -> list[tuple[dict[str, str], float]]:
        try:
            answer = await self._http.get("/api/v1/query", params={"query": query, "time": f"{at.timestamp():.3f}"})
            said = answer.json()
            if said["status"] != "success":
                raise NoAnswer(f"Prometheus refused: {str(said.get('error', ''))[:200]}")
            found = [(dict(one["metric"]), float(one["value"][1])) for one in said["data"]["result"]]
        except httpx.HTTPError as error:
            raise NoAnswer(f"Prometheus does not answer ({type(error).__name__})") from error
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise NoAnswer(f"Prometheus answered what is none of its answers ({answer.status_code})") from error
        return [(series, value) for series, value in found if not math.isnan(value)]


def _only(found: dict[str, float]) -> float | None:
    return next(iter(found.values()), None)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None or math.isinf(seconds) else round(seconds * 1000, 3)


def build(settings: Settings) -> PrometheusTelemetry:
    """Raises SettingsError where it could not say in time how a change went."""
    from datetime import UTC

    from bot.settings import SettingsError

    own = settings.prometheus
    if not own.url:
        raise SettingsError("adapters.telemetry = prometheus: set prometheus.url, as http://prometheus:9090.")
    longest = _WINDOWS_TO_VERIFY * own.window_seconds
    if settings.verify.within_seconds < longest:
        raise SettingsError(
            f"verify.within_seconds = {settings.verify.within_seconds:g} is too short: with "
            f"prometheus.window_seconds = {own.window_seconds:g}, figures of after a change are there later. "
            f"Set it to {longest:g} or more."
        )
    return PrometheusTelemetry(own, now=lambda: datetime.now(UTC))


ADAPTERS = (Adapter(name="prometheus", ports=("telemetry",), build=build),)
