"""Flat keys: one setting a file, as a mounted ConfigMap has its data (runbooks 000 and 003), in the runbooks' spelling.

`--config` may name the directory of such a mount. Its `gateway.yaml` is the configuration; files beside it whose names
are known here stand above it, so that `kubectl patch configmap ... /data/max_connections` changes one number. Other
files mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

DOCUMENT = "gateway.yaml"

#: The dotted key that a flat one means. `upstreams.*` is every upstream.
FLAT_KEYS = {
    # Runbook 003: "Increasing connection pool size for high load".
    "max_connections": "upstreams.*.pool_max_idle_per_host",
    # Runbook 000, "Connection Pooling" and "Thread Pool Configuration".
    "maxConnections": "server.max_connections",
    "connectionTimeout": "upstreams.*.connect_timeout_secs",
    "connectionIdleTimeout": "upstreams.*.pool_idle_timeout_secs",
    "threadPoolSize": "workers.count",
    "maxConcurrency": "concurrency.max_concurrency",
    "queueSize": "concurrency.queue_size",
    # Both runbooks, of the cache.
    "cacheEnabled": "cache.enabled",
    "cacheSize": "cache.cache_size",
    "cacheTTL": "cache.default_ttl",
    "cache_size": "cache.cache_size",
    "default_ttl": "cache.default_ttl",
    # Runbook 003 has it among the keys of its profiles; on its own, it is about answers.
    "compression": "compression.enabled",
}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def with_flat_keys(document: dict[str, Any], flat: Mapping[str, str]) -> dict[str, Any]:
    """The document with what the files say, by their names; what is wrong with a value is found by validation."""
    for name, text in flat.items():
        document = _with(document, FLAT_KEYS[name].split("."), _value(text.strip()))
    return document


def _with(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    first, rest = path[0], path[1:]
    if first == "*":
        return [_with(item, rest, value) for item in document] if isinstance(document, list) else document
    known = document if isinstance(document, dict) else {}
    return {**known, first: _with(known.get(first), rest, value)}


def _value(text: str) -> Any:
    """A span of time in seconds; anything else as it is."""
    found = _SPAN.fullmatch(text)
    return float(found[1]) * _SECONDS[found[2]] if found else text
