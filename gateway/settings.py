"""The settings of the gateway, typed; `config/gateway.yaml` documents every key.

Key names are those of the runbooks (`server`, `upstreams`, `routes`, ...). Times are seconds, sizes are bytes.
Unknown keys are errors, so that a typing mistake never becomes a silent default.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from gateway.admin.settings import AdminSettings
from gateway.auth.settings import AuthSettings, Name, Permission
from gateway.cache.settings import CacheProfiles, CacheSettings, RouteCacheSettings
from gateway.limits.settings import Limits, RateLimitingSettings
from gateway.listening.settings import FIRST, ListenerSettings, Speaking
from gateway.policies.settings import (
    CompressionSettings,
    ConcurrencySettings,
    CorsSettings,
    HeaderSettings,
    IpFilterSettings,
    MaintenanceSettings,
    RouteCompressionSettings,
    RouteDetectionSettings,
    SecuritySettings,
    SunsetSettings,
)
from gateway.sections import FOR_WORKERS, PlainId, Port, Seconds, Section, unique
from gateway.sinks.settings import LogLevel, SinkSettings, named
from gateway.telemetry.records import LEVELS
from gateway.thresholds import CriticalMetrics, SystemMetrics
from gateway.tracing.settings import TracingSettings
from gateway.upstreams.settings import CircuitBreakerSettings, Http2Optimization, UpstreamSettings

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class ServerSettings(Speaking):
    """The first public listener, those beside it, and the limits and timeouts of all."""

    bind_address: str = "127.0.0.1"
    port: Port = 8080
    request_timeout_secs: Seconds = 30.0
    connection_timeout_secs: Seconds = 60.0
    header_timeout_secs: Seconds = 10.0
    tunnel_idle_timeout_secs: Seconds = 300.0
    serve_half_closed: bool = False
    drain_timeout_secs: Seconds = 30.0
    drain_idle_secs: Annotated[float, Field(ge=0, le=600)] = 1.0
    max_connections: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    max_header_bytes: Annotated[int, Field(ge=1024, le=1_048_576)] = 32_768
    max_target_bytes: Annotated[int, Field(ge=256, le=65_536)] = 8192
    max_body_bytes: Annotated[int, Field(ge=0)] = 1_073_741_824
    backlog: Annotated[int, Field(ge=1, le=65_535)] = 1024
    busy_poll_us: Annotated[int, Field(ge=0, le=10_000)] = 0
    trusted_proxies: tuple[str, ...] = ()
    forwarded_header: bool = False
    zone: str | None = None
    listeners: Annotated[tuple[ListenerSettings, ...], Field(max_length=32)] = ()
    handover_path: str | None = None

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ipaddress.ip_network(network, strict=False)
        return value

    @model_validator(mode="after")
    def _apart(self) -> ServerSettings:
        unique("server.listeners", [one.id for one in self.all_listeners])
        ports = [(one.bind_address, one.port) for one in self.all_listeners if one.port]
        for address, port in ports:
            if ports.count((address, port)) > 1:
                raise ValueError(f"server.listeners: port {port} on {address} is that of several")
        if any(one.proxy_protocol for one in self.all_listeners) and not self.trusted_proxies:
            raise ValueError("proxy_protocol needs server.trusted_proxies: nobody else's header is believed")
        for one in self.all_listeners:
            if one.redirect_to_https and self.https_port_for(one) is None:
                raise ValueError("redirect_to_https needs a listener with tls, or redirect_port")
        return self

    @property
    def all_listeners(self) -> tuple[ListenerSettings, ...]:
        """The first one, named `main`, and those beside it."""
        own = {name: getattr(self, name) for name in ("bind_address", "port", *Speaking.model_fields)}
        return (ListenerSettings(id=FIRST, **own), *self.listeners)

    def https_port_for(self, listener: ListenerSettings) -> int | None:
        """Where its clients are sent to, if that is what it does."""
        if not listener.redirect_to_https:
            return None
        return listener.redirect_port or next((one.port for one in self.all_listeners if one.tls is not None), None)


class WorkerSettings(Section):
    """How many worker processes, and between which limits an operator may scale them."""

    count: Annotated[int, Field(ge=1, le=256)] = 3
    min: Annotated[int, Field(ge=1, le=256)] = 1
    max: Annotated[int, Field(ge=1, le=256)] = 50
    start_timeout_secs: Seconds = 30.0

    @model_validator(mode="after")
    def _ordered(self) -> WorkerSettings:
        if not self.min <= self.count <= self.max:
            raise ValueError(f"min <= count <= max is required, got {self.min}, {self.count}, {self.max}")
        return self


class ReloadSettings(Section):
    """When the configuration is loaded anew by itself."""

    watch: bool = True
    check_secs: Annotated[float, Field(ge=0.05, le=3600, allow_inf_nan=False)] = 1.0


class LoggingSettings(Section):
    """What is logged, how, how much of it, and where to."""

    level: LogLevel = "INFO"
    format: Literal["json", "text"] = "json"
    structured: bool = True
    output: Literal["stderr", "stdout", "none"] = "stderr"
    redaction_enabled: bool = True
    sampling_rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    health_sampling_rate: Annotated[float, Field(ge=0, le=1)] = 0.0
    slow_request_ms: Annotated[float, Field(gt=0, le=86_400_000)] | None = 1000.0
    audit_mode: bool = False
    recent_records: Annotated[int, Field(ge=100, le=100_000)] = 5000
    flush_timeout_secs: Annotated[float, Field(ge=0, le=600)] = 5.0
    sinks: Annotated[tuple[SinkSettings, ...], Field(max_length=20)] = ()

    @field_validator("sinks")
    @classmethod
    def _one_writer_for_a_file(cls, value: tuple[SinkSettings, ...]) -> tuple[SinkSettings, ...]:
        paths = [one.file.path for one in value if one.file and one.enabled]
        if len(set(paths)) < len(paths):
            raise ValueError("each file may be that of one sink only")
        return value

    @property
    def has_sinks(self) -> bool:
        """Whether records go to sinks, instead of to `output`."""
        return bool(named(self.sinks))

    @property
    def lowest_level(self) -> LogLevel:
        """The least that anybody wants."""
        levels = [self.level_of(one) for one in named(self.sinks).values()]
        return min(levels or [self._audited(self.level)], key=LEVELS.__getitem__)

    def level_of(self, sink: SinkSettings) -> LogLevel:
        """The least that this sink wants."""
        return self._audited(sink.min_level or self.level)

    def for_workers(self) -> LoggingSettings:
        """What a worker needs: it writes JSON to the supervisor where there are sinks, and knows none of them."""
        there = {"format": "json", "sinks": ()} if self.has_sinks else {"sinks": ()}
        return self.model_copy(update={"level": self.lowest_level, **there})

    def _audited(self, level: LogLevel) -> LogLevel:
        return "INFO" if self.audit_mode and LEVELS[level] > LEVELS["INFO"] else level


class HealthCheckSettings(Section):
    """Which probes are answered, and what makes a worker not ready (runbook 002)."""

    liveness_enabled: bool = True
    readiness_enabled: bool = True
    check_redis: bool = False
    check_upstreams: bool = True


class ObservabilitySettings(Section):
    """The gateway's own endpoints: on the main port, and those of metrics on a port of their own."""

    metrics_enabled: bool = True
    health_enabled: bool = True
    health_checks: HealthCheckSettings = Field(default_factory=HealthCheckSettings)
    metrics_port: Port | None = None
    metrics_bind_address: str = "127.0.0.1"
    tracing: TracingSettings = Field(default_factory=TracingSettings)


class RouteSettings(Section):
    """Which requests go to which upstream: by path prefix, then by method."""

    id: PlainId
    path: str
    upstream_id: str
    enabled: bool = True
    methods: tuple[str, ...] = tuple(sorted(METHODS))
    strip_prefix: bool = False
    log_every_request: bool = False
    upgrades: tuple[Literal["websocket"], ...] = ()
    auth_required: bool = False
    roles: tuple[Name, ...] = ()
    permissions: tuple[Permission, ...] = ()
    rate_limit: Limits | None = None
    concurrency: ConcurrencySettings | None = None
    sunset: SunsetSettings | None = None
    ip_filter: IpFilterSettings | None = None
    detection: RouteDetectionSettings | None = None
    cors: CorsSettings | None = None
    headers: HeaderSettings | None = None
    compression: RouteCompressionSettings | None = None
    cache: RouteCacheSettings | None = None

    @field_validator("path")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if not re.fullmatch(r"/[A-Za-z0-9._~!$&'()+,;=:@/-]*", value):
            raise ValueError("must be a path prefix that starts with / and has no query, space or %")
        return value

    @field_validator("methods")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(value) - METHODS)
        if unknown or not value:
            raise ValueError(f"must be a list of {', '.join(sorted(METHODS))}; not allowed: {unknown}")
        return value

    @model_validator(mode="after")
    def _asks_who_it_is(self) -> RouteSettings:
        if (self.roles or self.permissions) and not self.auth_required:
            raise ValueError("roles and permissions need auth_required: true")
        return self


class Settings(Section):
    """The whole configuration of one gateway."""

    server: ServerSettings = Field(default_factory=ServerSettings)
    workers: WorkerSettings = Field(default_factory=WorkerSettings)
    admin: AdminSettings
    reload: ReloadSettings = Field(default_factory=ReloadSettings)
    logging: LoggingSettings = Field(default_factory=LoggingSettings)
    observability: ObservabilitySettings = Field(default_factory=ObservabilitySettings)
    circuit_breaker: CircuitBreakerSettings = Field(default_factory=CircuitBreakerSettings)
    auth: AuthSettings = Field(default_factory=AuthSettings)
    rate_limiting: RateLimitingSettings = Field(default_factory=RateLimitingSettings)
    concurrency: ConcurrencySettings = Field(default_factory=ConcurrencySettings)
    maintenance: MaintenanceSettings = Field(default_factory=MaintenanceSettings)
    ip_filter: IpFilterSettings = Field(default_factory=IpFilterSettings)
    security: SecuritySettings = Field(default_factory=SecuritySettings)
    cors: CorsSettings = Field(default_factory=CorsSettings)
    headers: HeaderSettings = Field(default_factory=HeaderSettings)
    compression: CompressionSettings = Field(default_factory=CompressionSettings)
    cache: CacheSettings = Field(default_factory=CacheSettings)
    cache_optimization: CacheProfiles = Field(default_factory=CacheProfiles)
    critical_metrics: CriticalMetrics = Field(default_factory=CriticalMetrics)
    system_metrics: SystemMetrics = Field(default_factory=SystemMetrics)
    http2_optimization: Http2Optimization = Field(default_factory=Http2Optimization)
    upstreams: Annotated[tuple[UpstreamSettings, ...], Field(min_length=1, max_length=1000)]
    routes: Annotated[tuple[RouteSettings, ...], Field(min_length=1, max_length=1000)]

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        known = unique("upstreams", [upstream.id for upstream in self.upstreams])
        multiplexed = {upstream.id for upstream in self.upstreams if upstream.protocol == "http2"}
        routes = unique("routes", [route.id for route in self.routes])
        unknown = sorted(set(self.maintenance.routes) - routes)
        if unknown:
            raise ValueError(f"maintenance.routes: {unknown} are not known; allowed: {', '.join(sorted(routes))}")
        for route in self.routes:
            if route.upstream_id not in known:
                raise ValueError(
                    f"routes.{route.id}.upstream_id is {route.upstream_id!r}; allowed: {', '.join(sorted(known))}"
                )
            if route.upgrades and route.upstream_id in multiplexed:
                raise ValueError(f"routes.{route.id}.upgrades needs an upstream with protocol: http1")
            if route.auth_required and not self.auth.possible:
                raise ValueError(
                    f"routes.{route.id}.auth_required needs auth.jwt_secret, auth.jwt_public_keys, auth.jwks_url, "
                    "auth.sessions.redis_url or auth.api_keys"
                )
        return self


class ProxySettings(Section):
    """What a worker needs: everything but the admin API and its token."""

    server: ServerSettings
    logging: LoggingSettings
    log_to_supervisor: bool
    """Whether records go to its sinks, instead of to `logging.output`."""
    observability: ObservabilitySettings
    circuit_breaker: CircuitBreakerSettings
    auth: AuthSettings
    rate_limiting: RateLimitingSettings
    concurrency: ConcurrencySettings
    maintenance: MaintenanceSettings
    ip_filter: IpFilterSettings
    security: SecuritySettings
    cors: CorsSettings
    headers: HeaderSettings
    compression: CompressionSettings
    http2_optimization: Http2Optimization
    cache: CacheSettings
    cache_optimization: CacheProfiles
    upstreams: tuple[UpstreamSettings, ...]
    routes: tuple[RouteSettings, ...]

    @classmethod
    def of(cls, settings: Settings) -> ProxySettings:
        """The worker's part of `settings`."""
        logging = settings.logging
        parts = {name: getattr(settings, name) for name in cls.model_fields if name in Settings.model_fields}
        return cls(**{**parts, "logging": logging.for_workers(), "log_to_supervisor": logging.has_sinks})

    def for_worker(self) -> dict[str, Any]:
        """As JSON values, secrets included: for the control channel and nothing else."""
        return self.model_dump(mode="json", context=FOR_WORKERS)
