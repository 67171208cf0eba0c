"""Changing single keys of a configuration, as an operator does for a while: `logging.level`, `routes.api.rate_limit`.

What is an entry of a list is named by its id. The result is validated as any configuration is. What steers is for
operators; what decides who is believed, who may ask what, and where things are sent, needs an admin's token.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.config_file import ConfigError, validated
from gateway.sections import FOR_WORKERS
from gateway.settings import Settings

#: These are not for the body of a request and the history of changes.
_CLOSED = frozenset({"admin", "auth", "reload"})
_PRIVATE = re.compile(r"token|secret|password|redis_url", re.IGNORECASE)
#: What operators may change: of a section all, or these of it.
_STEERS = frozenset(
    {"circuit_breaker", "rate_limiting", "concurrency", "maintenance", "security", "compression", "cache",
     "cache_optimization", "critical_metrics", "system_metrics"}
)  # fmt: skip
_STEERS_IN = {
    "server": frozenset(
        {"request_timeout_secs", "connection_timeout_secs", "header_timeout_secs", "tunnel_idle_timeout_secs",
         "drain_timeout_secs", "drain_idle_secs", "max_connections", "max_header_bytes", "max_target_bytes",
         "max_body_bytes"}
    ),
    "logging": frozenset({"level", "audit_mode", "sampling_rate", "health_sampling_rate", "slow_request_ms"}),
    "upstreams": frozenset(
        {"timeout_secs", "connect_timeout_secs", "pool_max_idle_per_host", "pool_idle_timeout_secs", "load_balancing",
         "outlier_detection", "retry", "circuit_breaker"}
    ),
    "routes": frozenset(
        {"enabled", "log_every_request", "rate_limit", "concurrency", "sunset", "detection", "compression",
         "cache"}
    ),
}  # fmt: skip


def patched(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """The settings with these keys changed.

    Raises:
        ConfigError: a key is not there, may not be changed so, or its value is not allowed.
    """
    document = settings.model_dump(mode="json", context=FOR_WORKERS)
    for key, value in changes.items():
        fields = _set(document, key, value, key)
        if fields[0] in _CLOSED or any(_PRIVATE.search(name) for name in (*fields, *_inner(value))):
            raise ConfigError(f"{key}: cannot be overridden; change it in the configuration")
    return validated(document, "the override")


def beyond_steering(settings: Settings, changes: Mapping[str, Any]) -> list[str]:
    """Those of the keys that are not for operators; keys that are not there are none of them."""
    document = settings.model_dump(mode="json")
    found = []
    for key in changes:
        try:
            section, *within = _set(document, key, changes[key], key)
        except ConfigError:
            continue
        if section not in _STEERS and not (within and within[0] in _STEERS_IN.get(section, ())):
            found.append(key)
    return found


def _set(document: Any, key: str, value: Any, whole: str) -> list[str]:
    """The fields on the way, without ids. Ids may have dots in them, so the longest name that fits goes first."""
    names = _names(document)
    if key in names:
        document[names[key]] = value
        return [key] if isinstance(document, dict) else []
    for name in sorted(names, key=len, reverse=True):
        if key.startswith(f"{name}."):
            within = _set(document[names[name]], key[len(name) + 1 :], value, whole)
            return [name, *within] if isinstance(document, dict) else within
    if not names:
        above = whole.removesuffix(key).removesuffix(".")
        raise ConfigError(f"{whole}: there is no such key; change {above} as a whole")
    raise ConfigError(f"{whole}: there is no such key; known here: {', '.join(sorted(names))}")


def _inner(value: Any) -> Iterator[str]:
    """The names within a value."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield str(name)
            yield from _inner(item)
    elif isinstance(value, list):
        for item in value:
            yield from _inner(item)


def _names(document: Any) -> dict[str, Any]:
    if isinstance(document, dict):
        return {str(name): name for name in document}
    if isinstance(document, list):
        return {
            str(item["id"]): place for place, item in enumerate(document) if isinstance(item, dict) and "id" in item
        }
    return {}
