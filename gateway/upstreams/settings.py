"""The settings of upstreams: their targets, how requests are spread over them, and what is done when they fail.

Times are seconds, sizes are bytes, shares are percentages.
"""

from __future__ import annotations

import re
import ssl
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from gateway.sections import PlainId, Seconds, Section, unique
from gateway.thresholds import Span

_STATUSES = re.compile(r"([1-5]\d\d)(?:-([1-5]\d\d))?")
_HASHED = re.compile(r"client_ip|(header|cookie):[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_ADDRESS = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
_MOST_TARGETS = 100
_TAKEN = "overrides"

Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
#: 200, or "200-299".
Statuses = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]


class CircuitBreakerSettings(Section):
    """When an upstream is left alone for a while, and when it is trusted again (runbook 001)."""

    enabled: bool = False
    failure_threshold: Annotated[int, Field(ge=1, le=10_000)] = 5
    success_threshold: Annotated[int, Field(ge=1, le=10_000)] = 2
    timeout_secs: Seconds = 60.0


class TargetSettings(Section):
    """One place where an upstream is served, and its share of the requests."""

    address: str
    id: PlainId | None = None
    weight: Annotated[int, Field(ge=0, le=1000)] = 1
    zone: PlainId | None = None

    @field_validator("address")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        match = _ADDRESS.fullmatch(value)
        if match is None or not 0 < int(match.group(1)) < 65_536:
            raise ValueError("must be host:port, for example 10.0.0.1:8080 or [2001:db8::1]:8080")
        return value

    @property
    def name(self) -> str:
        """What metrics and the admin API call it."""
        return self.id or self.address


class LoadBalancingSettings(Section):
    """Which of several targets gets a request."""

    algorithm: Literal["round_robin", "least_connections", "consistent_hash"] = "round_robin"
    hash_on: str = "client_ip"
    zone_min_healthy_percent: Percent = 50.0

    @field_validator("hash_on")
    @classmethod
    def _known(cls, value: str) -> str:
        if not _HASHED.fullmatch(value):
            raise ValueError("must be client_ip, header:NAME or cookie:NAME")
        return value


class HealthCheckSettings(Section):
    """Requests of the gateway's own that tell whether a target is well."""

    path: str = "/health"
    interval_secs: Seconds = 10.0
    timeout_secs: Seconds = 2.0
    healthy_threshold: Annotated[int, Field(ge=1, le=100)] = 2
    unhealthy_threshold: Annotated[int, Field(ge=1, le=100)] = 3
    expected_statuses: Annotated[tuple[Statuses, ...], Field(min_length=1)] = ("200-299",)

    @field_validator("path")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if not re.fullmatch(r"/[!-~]*", value) or "#" in value:
            raise ValueError("must be a path that starts with /, in plain ASCII")
        return value

    @field_validator("expected_statuses")
    @classmethod
    def _statuses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            if not _STATUSES.fullmatch(item):
                raise ValueError(f'must be a list of statuses or ranges, such as [200, "300-399"]; not {item!r}')
        return value

    def expects(self, status: int) -> bool:
        """Whether a target that answers so is well."""
        for item in self.expected_statuses:
            first, _, last = item.partition("-")
            if int(first) <= status <= int(last or first):
                return True
        return False


class OutlierDetectionSettings(Section):
    """When a target is left out because of how it answers requests."""

    consecutive_failures: Annotated[int, Field(ge=1, le=10_000)] = 5
    base_ejection_secs: Seconds = 30.0
    max_ejection_secs: Seconds = 300.0
    max_ejected_percent: Percent = 50.0


class RetrySettings(Section):
    """When a request that failed at one target is sent to another."""

    max_retries: Annotated[int, Field(ge=0, le=10)] = 1
    statuses: tuple[Annotated[int, Field(ge=500, le=599)], ...] = (502, 503, 504)
    budget_percent: Percent = 20.0
    budget_min_per_sec: Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)] = 1.0
    max_body_bytes: Annotated[int, Field(ge=0, le=1_048_576)] = 16_384


class Http2Profile(Section):
    """How connections of HTTP/2 are used."""

    max_connections_per_host: Annotated[int, Field(ge=1, le=1000)] = 10
    idle_timeout: Span = 60.0
    keep_alive: bool = True
    tcp_no_delay: bool = True
    compression: bool = False


class Http2Optimization(Section):
    """Profiles for upstreams to choose from, with the names and figures of runbook 003."""

    high_concurrency: Http2Profile = Http2Profile(max_connections_per_host=30, idle_timeout=60)
    low_latency: Http2Profile = Http2Profile(max_connections_per_host=10, idle_timeout=30)
    bandwidth_optimized: Http2Profile = Http2Profile(max_connections_per_host=5, idle_timeout=120, compression=True)


class UpstreamTlsSettings(Section):
    """What an upstream with https has to prove. It is always verified."""

    ca_path: str | None = None
    server_name: str | None = None

    @field_validator("ca_path")
    @classmethod
    def _has_certificates(cls, value: str | None) -> str | None:
        try:
            ssl.create_default_context(cafile=value) if value else None
        except OSError as error:
            raise ValueError(f"cannot be read as PEM certificates: {error}") from None
        return value


class UpstreamSettings(Section):
    """A service that requests are passed on to."""

    id: PlainId
    base_url: str
    targets: Annotated[tuple[TargetSettings, ...], Field(max_length=_MOST_TARGETS)] = ()
    timeout_secs: Seconds = 30.0
    connect_timeout_secs: Seconds = 5.0
    pool_max_idle_per_host: Annotated[int, Field(ge=0, le=10_000)] = 64
    pool_idle_timeout_secs: Seconds = 4.0
    protocol: Literal["http1", "http2"] = "http1"
    http2_profile: Literal["high_concurrency", "low_latency", "bandwidth_optimized"] = "high_concurrency"
    load_balancing: LoadBalancingSettings = Field(default_factory=LoadBalancingSettings)
    health_check: HealthCheckSettings | None = None
    outlier_detection: OutlierDetectionSettings | None = None
    retry: RetrySettings = Field(default_factory=RetrySettings)
    tls: UpstreamTlsSettings = Field(default_factory=UpstreamTlsSettings)
    circuit_breaker: CircuitBreakerSettings | None = None

    @field_validator("id")
    @classmethod
    def _shown_by_the_admin_api(cls, value: str) -> str:
        if value == _TAKEN:
            raise ValueError(f"is what the admin API has at /admin/upstreams/{_TAKEN}; choose another id")
        return value

    @field_validator("base_url")
    @classmethod
    def _http_url(cls, value: str) -> str:
        url = urlsplit(value)
        if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment or url.username:
            raise ValueError("must be http://host[:port][/prefix] or https://..., without query or user name")
        if not value.isascii() or any(character <= " " for character in value):
            raise ValueError("must be plain ASCII without spaces or control characters")
        _ = url.port
        return value

    @model_validator(mode="after")
    def _told_apart(self) -> UpstreamSettings:
        unique("targets", [target.name for target in self.targets])
        unique("targets, by address", [target.address for target in self.targets])
        if self.targets and not any(target.weight for target in self.targets):
            raise ValueError("one of the targets needs a weight above 0")
        return self

    @property
    def places(self) -> tuple[TargetSettings, ...]:
        """Its targets; without any, the one that `base_url` names."""
        if self.targets:
            return self.targets
        url = urlsplit(self.base_url)
        host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
        return (TargetSettings(address=f"{host}:{url.port or (443 if url.scheme == 'https' else 80)}"),)
