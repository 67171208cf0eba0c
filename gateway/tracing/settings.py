"""The settings of tracing, `observability.tracing`: the keys of runbook 002, and the bounds of what waits."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit, urlunsplit

from pydantic import Field, field_validator, model_validator

from gateway.sections import Seconds, Section

_PATH = "/v1/traces"
_OTLP_PORT = 4318
#: Where Jaeger took Thrift over HTTP, as runbook 002 has it; it takes OTLP beside that.
_JAEGERS_PORT = 14268
_JAEGERS_PATH = "/api/traces"


class TracingSettings(Section):
    """Which requests are traced, and where the spans go to: OTLP over HTTP, in protobuf."""

    enabled: bool = False
    backend: Literal["otlp", "jaeger"] = "otlp"
    endpoint: str | None = None
    service_name: Annotated[str, Field(min_length=1, max_length=200)] = "api-gateway"
    sampling_rate: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.1
    client_sampled_per_sec: Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)] = 10.0
    queue_size: Annotated[int, Field(ge=1, le=100_000)] = 2048
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 256
    flush_interval_secs: Annotated[float, Field(ge=0.05, le=600, allow_inf_nan=False)] = 2.0
    timeout_secs: Seconds = 5.0

    @field_validator("endpoint")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None:
            _checked(value)
        return value

    @model_validator(mode="after")
    def _possible(self) -> TracingSettings:
        if self.enabled and self.endpoint is None:
            raise ValueError("enabled needs an endpoint, for example http://jaeger-collector:4318/v1/traces")
        if self.batch_size > self.queue_size:
            raise ValueError(f"batch_size is {self.batch_size}; it may not be more than queue_size, {self.queue_size}")
        return self

    @property
    def otlp_endpoint(self) -> str | None:
        """The URL that spans are posted to; Jaeger's own of former days is taken for the one it has for OTLP."""
        if self.endpoint is None:
            return None
        url = urlsplit(self.endpoint)
        place, path = url.netloc, url.path
        if self.backend == "jaeger":
            if url.port == _JAEGERS_PORT:
                place = f"{place.rpartition(':')[0]}:{_OTLP_PORT}"
            if path.rstrip("/") == _JAEGERS_PATH:
                path = _PATH
        return urlunsplit((url.scheme, place, path if path.strip("/") else _PATH, "", ""))


def _checked(value: str) -> SplitResult:
    try:
        url = urlsplit(value)
        is_one = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        is_one = False
    if not is_one or "@" in url.netloc or url.query or url.fragment:
        # What is wrong is not repeated: it might be a part of a password.
        raise ValueError("must be http://host[:port][/path] or https://..., without a user, a query or a fragment")
    return url
