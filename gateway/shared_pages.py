"""The pages about all workers as one: the supervisor makes them; a worker serves them, and the metrics port does."""

from __future__ import annotations

#: By path, on both ports.
PUBLIC_PAGES = {
    "/metrics": "metrics",
    "/metrics/performance": "performance",
    "/metrics/system": "system",
    "/metrics/errors": "errors",
    "/alerts/active": "alerts",
    "/circuit-breaker/status": "circuits",
}
#: On the public port only where something is cached: else they may well be paths of an upstream.
CACHE_PAGES = {"/cache/stats": "cache", "/cache/invalidation-stats": "cache_invalidation"}
#: On the metrics port only: on the public one it may well be a path of an upstream.
METRICS_PORT_PAGES = {**PUBLIC_PAGES, **CACHE_PAGES, "/api/errors": "error_groups"}


def page_type(name: str) -> str:
    """The content type of a page."""
    return "text/plain; version=0.0.4; charset=utf-8" if name == "metrics" else "application/json"
