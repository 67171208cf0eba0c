"""The client of a Redis, as all that asks one needs it."""

from __future__ import annotations

from pydantic import SecretStr
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


def redis_at(url: SecretStr, *, connect_secs: float | None = None) -> Redis:
    """A client that tries once, and whose calls are given a deadline as a whole by whoever makes them."""
    return Redis.from_url(
        url.get_secret_value(),
        socket_timeout=None,
        socket_connect_timeout=connect_secs,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
