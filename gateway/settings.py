"""The settings of the gateway, typed; `config/gateway.yaml` documents every key.

Key names are those of the runbooks (`server`, `upstreams`, `routes`, ...). Times are seconds, sizes are bytes.
Unknown keys are errors, so that a typing mistake never becomes a silent default.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)]


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ROUTE_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")


class Section(BaseModel):
    """A part of the settings; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(Section):
    """The public listener, its limits and its timeouts."""

    bind_address: str = "127.0.0.1"
    port: Port = 8080
    request_timeout_secs: Seconds = 30.0
    connection_timeout_secs: Seconds = 60.0
    header_timeout_secs: Seconds = 10.0
    drain_timeout_secs: Seconds = 30.0
    drain_idle_secs: Annotated[float, Field(ge=0, le=600)] = 1.0
    max_connections: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    max_header_bytes: Annotated[int, Field(ge=1024, le=1_048_576)] = 32_768
    max_target_bytes: Annotated[int, Field(ge=256, le=65_536)] = 8192
    max_body_bytes: Annotated[int, Field(ge=0)] = 1_073_741_824
    backlog: Annotated[int, Field(ge=1, le=65_535)] = 1024
    trusted_proxies: tuple[str, ...] = ()

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ipaddress.ip_network(network, strict=False)
        return value


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


class AdminSettings(Section):
    """The admin API's listener. It never runs without a token."""

    bind_address: str = "127.0.0.1"
    port: Port = 9901
    token: SecretStr
    history_path: str | None = None

    @field_validator("token")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 8:
            raise ValueError(
                "the admin API never runs unauthenticated: set a token of 8 characters or more "
                "(for example with GATEWAY_ADMIN_TOKEN)"
            )
        return value


class LoggingSettings(Section):
    """What is logged, how and how much of it."""

    level: LogLevel = "INFO"
    format: Literal["json", "text"] = "json"
    output: Literal["stderr", "stdout", "none"] = "stderr"
    sampling_rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    health_sampling_rate: Annotated[float, Field(ge=0, le=1)] = 0.0
    recent_records: Annotated[int, Field(ge=100, le=100_000)] = 5000


class ObservabilitySettings(Section):
    """The gateway's own endpoints on the main port."""

    metrics_enabled: bool = True
    health_enabled: bool = True


class UpstreamSettings(Section):
    """A service that requests are passed on to."""

    id: str
    base_url: str
    timeout_secs: Seconds = 30.0
    connect_timeout_secs: Seconds = 5.0
    pool_max_idle_per_host: Annotated[int, Field(ge=0, le=10_000)] = 64
    pool_idle_timeout_secs: Seconds = 4.0

    @field_validator("id")
    @classmethod
    def _plain_id(cls, value: str) -> str:
        return _checked_id(value)

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


class RouteSettings(Section):
    """Which requests go to which upstream: by path prefix, then by method."""

    id: str
    path: str
    upstream_id: str
    methods: tuple[str, ...] = tuple(sorted(METHODS))
    strip_prefix: bool = False

    @field_validator("id")
    @classmethod
    def _plain_id(cls, value: str) -> str:
        return _checked_id(value)

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


class Settings(Section):
    """The whole configuration of one gateway."""

    server: ServerSettings = ServerSettings()
    workers: WorkerSettings = WorkerSettings()
    admin: AdminSettings
    logging: LoggingSettings = LoggingSettings()
    observability: ObservabilitySettings = ObservabilitySettings()
    upstreams: Annotated[tuple[UpstreamSettings, ...], Field(min_length=1, max_length=1000)]
    routes: Annotated[tuple[RouteSettings, ...], Field(min_length=1, max_length=1000)]

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        known = _unique("upstreams", [upstream.id for upstream in self.upstreams])
        _unique("routes", [route.id for route in self.routes])
        for route in self.routes:
            if route.upstream_id not in known:
                raise ValueError(
                    f"routes.{route.id}.upstream_id is {route.upstream_id!r}; allowed: {', '.join(sorted(known))}"
                )
        return self


class ProxySettings(Section):
    """What a worker needs: everything but the admin API and its token."""

    server: ServerSettings
    logging: LoggingSettings
    observability: ObservabilitySettings
    upstreams: tuple[UpstreamSettings, ...]
    routes: tuple[RouteSettings, ...]

    @classmethod
    def of(cls, settings: Settings) -> ProxySettings:
        """The worker's part of `settings`."""
        return cls(**{name: getattr(settings, name) for name in cls.model_fields})


def _checked_id(value: str) -> str:
    # Ids become metric labels and URL parts, and names that start with "_" are the gateway's own.
    if not _ROUTE_ID.fullmatch(value):
        raise ValueError("must be 1 to 64 letters, digits, '.', '_' or '-', and start with a letter or digit")
    return value


def _unique(section: str, ids: list[str]) -> set[str]:
    repeated = sorted({name for name in ids if ids.count(name) > 1})
    if repeated:
        raise ValueError(f"{section}: each id must be unique; repeated: {', '.join(repeated)}")
    return set(ids)
