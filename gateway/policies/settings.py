"""The settings of maintenance, of retirement and of concurrency."""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, date, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AwareDatetime, BeforeValidator, Field, field_validator, model_validator

from gateway.sections import Seconds, Secret, Section

_HEADER = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_TEXT = re.compile(r"[\x20-\x7e]{1,200}")


class MaintenanceSettings(Section):
    """Whether requests are answered with 503 instead of being passed on, and whose are not (runbook 004)."""

    enabled: bool = False
    routes: tuple[str, ...] = ()
    retry_after_secs: Annotated[int, Field(ge=1, le=604_800)] = 300
    message: Annotated[str, Field(min_length=1, max_length=1000)] = "the service is down for maintenance"
    body: Annotated[str, Field(max_length=65_536)] | None = None
    content_type: str = "text/html; charset=utf-8"
    bypass_networks: tuple[str, ...] = ()
    bypass_header: str = "x-maintenance-bypass"
    bypass_token: Secret | None = None

    @field_validator("bypass_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ipaddress.ip_network(network, strict=False)
        return value

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
