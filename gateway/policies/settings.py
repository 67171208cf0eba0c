"""The settings of what routes do by the way: maintenance, detection, concurrency, headers, compression."""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, field_validator, model_validator

from gateway.policies.attack_patterns import CATEGORIES, Category
from gateway.sections import Seconds, Secret, Section

_HEADER = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_TEXT = re.compile(r"[\x20-\x7e]{1,200}")
_VALUE = re.compile(r"[\x20-\x7e\xa0-\xff]{0,8192}")
_ORIGIN = re.compile(
    r"\*|null|[a-z][a-z0-9+.-]*://[a-z0-9.-]+(?::[0-9]{1,5})?|[a-z][a-z0-9+.-]*://\[[0-9a-f:.]+\](?::[0-9]{1,5})?"
)
_MEDIA = re.compile(r"(?:\*|[a-z0-9.+-]+/)[a-z0-9.+-]*\*?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
#: What belongs to one connection, frames a message, or is written by the gateway itself.
_OWN_HEADERS = frozenset(
    {"host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length", "via",
     "proxy-connection", "http2-settings", "x-request-id", "expect"}
)  # fmt: skip


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for network in value:
        ipaddress.ip_network(network, strict=False)
    return value


Networks = Annotated[tuple[str, ...], AfterValidator(_networks), Field(max_length=10_000)]


class MaintenanceSettings(Section):
    """Whether requests are answered with 503 instead of being passed on, and whose are not (runbook 004)."""

    enabled: bool = False
    routes: tuple[str, ...] = ()
    retry_after_secs: Annotated[int, Field(ge=1, le=604_800)] = 300
    message: Annotated[str, Field(min_length=1, max_length=1000)] = "the service is down for maintenance"
    body: Annotated[str, Field(max_length=65_536)] | None = None
    content_type: str = "text/html; charset=utf-8"
    bypass_networks: Networks = ()
    bypass_header: str = "x-maintenance-bypass"
    bypass_token: Secret | None = None

    @field_validator("content_type")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not _TEXT.fullmatch(value):
            raise ValueError("must be a media type in one line of ASCII")
        return value

    @field_validator("bypass_header")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not _HEADER.fullmatch(value.lower()):
            raise ValueError("must be a header's name in letters, digits and '-'")
        return value.lower()

    @field_validator("bypass_token")
    @classmethod
    def _long_enough(cls, value: Secret | None) -> Secret | None:
        if value is not None and len(value.get_secret_value()) < 8:
            raise ValueError("must have 8 characters or more")
        return value


def _midnight(value: Any) -> Any:
    """A day without a time begins at midnight (UTC)."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_midnight, str)]


class SunsetSettings(Section):
    """When a route goes out of service, as its clients are told with each answer (RFC 8594, RFC 9745)."""

    at: Moment
    deprecated_at: Moment | None = None
    link: str | None = None

    @field_validator("link")
    @classmethod
    def _http_url(cls, value: str | None) -> str | None:
        if value is not None:
            url = urlsplit(value)
            if url.scheme not in ("http", "https") or not url.hostname or not re.fullmatch(r"[!-~]+", value):
                raise ValueError("must be http://host/path or https://host/path")
            if "<" in value or ">" in value:
                raise ValueError("must have no angle brackets")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> SunsetSettings:
        if self.deprecated_at is not None and self.deprecated_at > self.at:
            raise ValueError("deprecated_at must not be later than at")
        return self


class ConcurrencySettings(Section):
    """How many requests are answered at a time, and how many wait for that, in each worker."""

    max_concurrency: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    queue_size: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    queue_timeout_secs: Seconds = 5.0


class IpFilterSettings(Section):
    """Which addresses may ask: not those that are denied, and only those that are allowed where any are."""

    allow: Networks = ()
    deny: Networks = ()


def _origin(value: str) -> str:
    if not _ORIGIN.fullmatch(value):
        raise ValueError("must be * or an origin such as https://app.example.com, in lower case and without a path")
    return value


def _token(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise ValueError("must be a method or a header's name")
    return value


Tokens = tuple[Annotated[str, AfterValidator(_token)], ...]


class CorsSettings(Section):
    """Which pages of other origins may ask, and read the answers (the Fetch standard)."""

    allow_origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = ()
    allow_methods: Tokens = ()
    allow_headers: Tokens = ()
    expose_headers: Tokens = ()
    allow_credentials: bool = False
    max_age_secs: Annotated[int, Field(ge=0, le=86_400)] = 600

    @model_validator(mode="after")
    def _named(self) -> CorsSettings:
        if self.allow_credentials and "*" in self.allow_origins:
            raise ValueError("allow_credentials needs origins by name: browsers refuse * with it")
        return self


def _name(value: str) -> str:
    name = value.lower()
    if not _TOKEN.fullmatch(name) or name in _OWN_HEADERS:
        raise ValueError("must be a header's name, and none of those that the gateway writes itself")
    return name


def _value(value: str) -> str:
    if not _VALUE.fullmatch(value) or value != value.strip():
        raise ValueError("must be one line of text, without spaces around it")
    return value


HeaderName = Annotated[str, AfterValidator(_name)]
HeaderValues = dict[HeaderName, Annotated[str, AfterValidator(_value)]]


class HeaderRules(Section):
    """What is done to the headers of a message: removed, set (in the place of any others), added (beside them)."""

    set: HeaderValues = Field(default_factory=dict)
    add: HeaderValues = Field(default_factory=dict)
    remove: tuple[HeaderName, ...] = ()


class HeaderSettings(Section):
    """What is done to requests, and what to answers."""

    request: HeaderRules = Field(default_factory=HeaderRules)
    response: HeaderRules = Field(default_factory=HeaderRules)


def _media(value: str) -> str:
    kind = value.lower()
    if not _MEDIA.fullmatch(kind):
        raise ValueError("must be a media type, or one that begins or ends with *, such as text/* or *+json")
    return kind


Encoding = Literal["zstd", "br", "gzip"]
Encodings = Annotated[tuple[Encoding, ...], Field(min_length=1, max_length=3)]
MediaTypes = Annotated[tuple[Annotated[str, AfterValidator(_media)], ...], Field(max_length=100)]
Level = Annotated[int, Field(ge=1, le=9)]
Length = Annotated[int, Field(ge=1, le=1_073_741_824)]


class RouteCompressionSettings(Section):
    """Whether answers of one route are compressed, and what differs from the others."""

    enabled: bool | None = None
    encodings: Encodings | None = None
    level: Level | None = None
    min_length: Length | None = None
    types: MediaTypes | None = None


class CompressionSettings(Section):
    """Which answers are compressed, and how; routes may say otherwise."""

    enabled: bool = False
    encodings: Encodings = ("zstd", "br", "gzip")
    level: Level = 5
    min_length: Length = 1024
    types: MediaTypes = (
        "text/*", "application/json", "application/javascript", "application/xml", "application/x-ndjson",
        "application/wasm", "*+json", "*+xml",
    )  # fmt: skip
    max_concurrent: Annotated[int, Field(ge=1, le=100_000)] = 64

    def of(self, own: RouteCompressionSettings | None, *, secret: bool) -> CompressionSettings:
        """Those of a route, with its own word; one whose answers are `secret` compresses only where it says so."""
        told = {} if own is None else own.model_dump(exclude_none=True)
        return self.model_copy(update={"enabled": self.enabled and not secret, **told})


class DetectionSettings(Section):
    """Which requests are looked at for attacks, for which ones, and what is done about them."""

    enabled: bool = False
    mode: Literal["log", "block"] = "log"
    categories: Annotated[tuple[Category, ...], Field(min_length=1)] = CATEGORIES
    headers: tuple[HeaderName, ...] = ("user-agent", "referer", "x-api-version", "x-forwarded-host")
    max_bytes: Annotated[int, Field(ge=64, le=65_536)] = 2048
    max_records_per_sec: Annotated[int, Field(ge=0, le=10_000)] = 20


class SecuritySettings(Section):
    """What is done about requests that look like attacks."""

    detection: DetectionSettings = Field(default_factory=DetectionSettings)


class RouteDetectionSettings(Section):
    """What is different for one route: where text like that is nothing unusual, as in a search."""

    mode: Literal["off", "log", "block"] | None = None
    exclude_categories: tuple[Category, ...] = ()
    exclude_parameters: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = ()
