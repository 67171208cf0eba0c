"""The settings of rate limits (runbook 002)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from gateway.sections import RedisUrl, Section

#: Told of what operators should know: (level, event type, message).
Teller = Callable[[str, str, str], None]
KEY_TYPES = ("ip", "user", "api_key", "route")


def _parts(value: str) -> str:
    parts = value.split("+")
    if len(parts) > 2 or len(set(parts)) < len(parts) or not set(parts) <= set(KEY_TYPES):
        raise ValueError(f"must be one of {', '.join(KEY_TYPES)}, or two of them with a + between, such as ip+route")
    return value


class RateLimit(Section):
    """So many requests in so many seconds, for each of those that `key_type` tells apart."""

    limit: Annotated[int, Field(ge=1, le=1_000_000_000)]
    window_secs: Annotated[int, Field(ge=1, le=2_678_400)]
    algorithm: Literal["token_bucket", "sliding_window", "fixed_window"] = "token_bucket"
    key_type: str = "ip"

    @field_validator("key_type")
    @classmethod
    def _known(cls, value: str) -> str:
        return _parts(value)


def _several(value: Any) -> Any:
    return [value] if isinstance(value, dict | RateLimit) else value


#: One limit, or a list of several.
Limits = Annotated[
    tuple[RateLimit, ...], BeforeValidator(_several, RateLimit | tuple[RateLimit, ...]), Field(max_length=8)
]


class RateLimitingSettings(Section):
    """Where is counted, what happens when that fails, and the limits of routes that have none of their own."""

    enabled: bool = True
    redis_url: RedisUrl | None = None
    redis_timeout_secs: Annotated[float, Field(gt=0, le=10)] = 0.05
    redis_retry_secs: Annotated[float, Field(ge=0.01, le=3600)] = 1.0
    redis_key_prefix: Annotated[str, Field(max_length=64)] = "tocsin:limit:"
    failure_mode: Literal["fail_closed", "fail_open", "local"] = "local"
    max_keys: Annotated[int, Field(ge=100, le=100_000_000)] = 100_000
    ipv6_prefix: Annotated[int, Field(ge=16, le=128)] = 64
    default_limit: Limits | None = None
