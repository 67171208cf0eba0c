"""The `logging.sinks` section: runbook 002's keys, and what each sink needs beside them. Times are seconds."""

from __future__ import annotations

import re
import time
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from gateway.sections import Seconds, Secret, Section

_LOG_GROUP = re.compile(r"[A-Za-z0-9._/#-]{1,512}")
_INDEX = re.compile(r"[a-z0-9.][a-z0-9._+-]{0,199}")


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _http_url(value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment or url.username:
        raise ValueError("must be http://host[:port][/path] or https://..., without user name, password or query")
    _ = url.port
    return value


LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
BatchSize = Annotated[int, Field(ge=1, le=10_000)]


class FileSettings(Section):
    """A file, and what becomes of it when it is large or old."""

    path: Annotated[str, Field(min_length=1)]
    rotation_enabled: bool = True
    max_size_mb: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)] = 100
    rotate_hours: Annotated[float, Field(gt=0, le=8760, allow_inf_nan=False)] | None = 24
    max_backups: Annotated[int, Field(ge=1, le=100_000)] | None = 10
    max_age_days: Annotated[float, Field(gt=0, le=36_500, allow_inf_nan=False)] | None = 30


class ElasticsearchSettings(Section):
    """An Elasticsearch or OpenSearch cluster that takes `_bulk`."""

    urls: Annotated[tuple[HttpUrl, ...], Field(min_length=1, max_length=100)]
    index: str = "api-gateway-logs-%Y.%m.%d"
    batch_size: BatchSize = 100
    flush_interval_secs: Seconds = 5.0
    username: str | None = None
    password: Secret | None = None
    timeout_secs: Seconds = 10.0
    ca_path: str | None = None

    @field_validator("index")
    @classmethod
    def _name_of_an_index(cls, value: str) -> str:
        if not _INDEX.fullmatch(time.strftime(value, time.gmtime(0))):
            raise ValueError(
                "must come to lower-case letters, digits, '.', '_', '+' and '-' when the date is filled in"
            )
        return value

    @model_validator(mode="after")
    def _both_or_none(self) -> ElasticsearchSettings:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together")
        return self


class CloudWatchSettings(Section):
    """A stream of CloudWatch Logs. Credentials are the SDK's: the environment's AWS_*, or the role of the machine."""

    region: str
    log_group: str
    log_stream: str = "gateway-{instance_id}"
    batch_size: BatchSize = 100
    flush_interval_secs: Seconds = 5.0
    timeout_secs: Seconds = 10.0
    endpoint_url: HttpUrl | None = None

    @field_validator("log_group")
    @classmethod
    def _name_of_a_group(cls, value: str) -> str:
        if not _LOG_GROUP.fullmatch(value):
            raise ValueError("must be 1 to 512 letters, digits, '.', '_', '/', '#' or '-'")
        return value

    @field_validator("log_stream")
    @classmethod
    def _name_of_a_stream(cls, value: str) -> str:
        if not re.fullmatch(r"[^:*{}]{1,400}", value.replace("{instance_id}", "")) and value != "{instance_id}":
            raise ValueError("must be a name without ':' and '*'; {instance_id} in it is the name of the host or pod")
        return value


class SplunkSettings(Section):
    """A Splunk HTTP Event Collector."""

    endpoint: HttpUrl
    token: Secret
    sourcetype: str = "api_gateway"
    index: str | None = None
    batch_size: BatchSize = 100
    flush_interval_secs: Seconds = 5.0
    timeout_secs: Seconds = 10.0
    ca_path: str | None = None


class SinkSettings(Section):
    """One place that records go to. The section that has the name of its type says where that is."""

    type: Literal["stdout", "file", "elasticsearch", "cloudwatch", "splunk"]
    enabled: bool = True
    min_level: LogLevel | None = None
    queue_records: Annotated[int, Field(ge=10, le=1_000_000)] = 10_000
    queue_bytes: Annotated[int, Field(ge=10_000, le=1_073_741_824)] = 16_777_216
    retry_secs: Seconds = 1.0
    max_retry_secs: Seconds = 30.0
    file: FileSettings | None = None
    elasticsearch: ElasticsearchSettings | None = None
    cloudwatch: CloudWatchSettings | None = None
    splunk: SplunkSettings | None = None

    @model_validator(mode="after")
    def _says_where(self) -> SinkSettings:
        sections = {name for name in ("file", "elasticsearch", "cloudwatch", "splunk") if getattr(self, name)}
        wanted = set() if self.type == "stdout" else {self.type}
        if missing := wanted - sections:
            raise ValueError(f"a sink of type {self.type} needs its section `{missing.pop()}:`")
        if stray := sections - wanted:
            raise ValueError(f"a sink of type {self.type} has no section `{min(stray)}:`")
        return self


def named(sinks: tuple[SinkSettings, ...]) -> dict[str, SinkSettings]:
    """Those that are enabled, by what metrics and pages call them: the type, and its number from the second on."""
    found: dict[str, SinkSettings] = {}
    for sink in sinks:
        if sink.enabled:
            before = sum(one.type == sink.type for one in found.values())
            found[f"{sink.type}-{before + 1}" if before else sink.type] = sink
    return found
