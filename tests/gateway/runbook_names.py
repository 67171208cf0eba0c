"""What the five runbooks name of the gateway, by runbook: from the catalogue, with the form in which lines write it.

Keys of configuration blocks, fields of log records and alert rules are read from the blocks by `runbooks`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Name:
    """One thing that runbooks name."""

    kind: str
    name: str
    runbooks: str
    """Which of them name it, a digit for each."""
    written: str
    """A pattern of a line that does."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.written)


def _words(kind: str, runbooks: str, form: str, *names: str) -> list[Name]:
    return [Name(kind, name, runbooks, form.replace("NAME", re.escape(name))) for name in names]


#: Hosts of others in the same lines: their `/health` is not the gateway's.
FOREIGN = re.compile(r"upstream-service|prometheus:9090|api\.statuspage\.io|cloudflare|\$endpoint|dynatrace")

_END = r"(?![\w/-])"
_ENDPOINTS = [
    *_words(
        "endpoint", "01234", f"curl .*(?<!/)NAME{_END}",
        "/health", "/health/live", "/health/ready", "/metrics", "/metrics/performance", "/metrics/system",
        "/metrics/errors", "/alerts/active", "/cache/stats", "/cache/invalidation-stats", "/cache/optimize",
        "/cache/snapshot", "/cache/restore", "/circuit-breaker/status", "/admin/circuit-breaker/enable", "/api/errors",
        "/api/token/revoke",
    ),
    Name("endpoint", "/api/token/{id}", "0", r"/api/token/\[token-id\]"),
    Name("endpoint", "/api/clients/{id}/reset-secret", "0", r"/api/clients/\[client-id\]/reset-secret"),
    Name("port", "port 9090", "2", r"9090:9090|localhost:9090"),
    Name("port", "port 9443", "0", r":9443/"),
]  # fmt: skip

_FIGURES = [
    *_words(
        "figure", "3", r"(?:perf|metrics|stats|performance) \| jq .*[{. ]NAME\b(?!\.)",
        "p95_latency", "error_rate", "cache_hit_ratio", "cache_memory_usage", "eviction_rate", "circuit_breaker_state",
        "http2_adoption_rate", "connection_reuse_rate", "requests_per_second",
    ),
    *_words("figure", "3", r"(?:system|system_stats|metrics) \| jq .*[{. ]NAME\b",
            "memory_usage", "cpu_usage", "disk_usage", "memory_usage_mb", "cpu_usage_percent"),
    *_words("figure of the cache", "3", r"\$(?:cache|invalidation)_stats \| jq -r '\.NAME'",
            "hit_ratio", "size", "memory_usage", "eviction_count", "recent_evictions", "default_ttl", "average_age",
            "invalidation_rate"),
    Name("figure", "errors_by_type", "3", r"errors_by_type"),
    Name("figure", "circuit state", "3", r"\$cb_status \| jq -r '\.state'"),
    Name("figure", "failure_count", "3", r"\$cb_status \| jq -r '\.failure_count'"),
    Name("figure", "health status", "3", r"\$health \| jq '\.status'"),
    Name("figure", "name, severity", "3", r"\{name: \.name, severity: \.severity\}|\$alerts \| jq '\. \| length'"),
    Name("comparison", "p95_latency compared", "3", r"\$(?:current|p95)_latency [<>].*bc"),
    Name("comparison", "error_rate compared", "3", r"\$error_rate [<>].*bc"),
    Name("comparison", "requests_per_second compared", "3", r"\$current_rps [<>].*bc"),
    Name("comparison", "cache_hit_ratio compared", "3", r"\$(?:cache_)?hit_ratio [<>].*bc"),
]  # fmt: skip

_METRICS = [
    *_words(
        "metric", "12", r"\bNAME\b",
        "http_requests_total", "http_request_duration_seconds_bucket", "http_requests_per_second",
        "circuit_breaker_state", "circuit_breaker_rejected_total", "upstream_request_duration_seconds",
        "upstream_failures_total", "auth_failures_total",
    ),
    Name("metric", "circuit_breaker_rejected_total", "1", r"circuit_breaker_\(state\|rejected\)"),
    Name("metric", "circuit_breaker_state", "1", r"circuit_breaker_\(state\|rejected\)"),
    Name("metric", "gateway_error_rate", "2", r"\|error_rate\|"),
    Name("metric", "gateway_latency_seconds", "2", r"\|latency\)"),
    Name("metric", "metrics with duration", "1", r"/metrics \| grep duration"),
    Name("query", "errors by requests", "1", r"^rate\(http_requests_total\{.*\) / rate\("),
    Name("label", "status by route", "2", r"grep 'status=\"5'"),
]  # fmt: skip

_LOG_WORDS = [
    Name("log word", "ERROR", "01234", r"logs .*grep (?:ERROR|-i error)"),
    Name("log word", "Configuration loaded", "2", r"Configuration loaded"),
    Name("log word", "rate limit exceeded", "0", r"rate limit exceeded|grep -i \"rate limit\""),
    Name("log word", "authentication failed", "0", r"authentication failed|grep -i \"auth"),
    Name("log word", "unauthorized", "0", r"sourcetype=.*\"unauthorized\""),
    Name("log word", "502, 503, 504", "1", r"502\\\|503\\\|504"),
    Name("log word", "latency", "1", r"logs .*grep -i latency"),
    Name("log word", "attack patterns", "0", r"\"injection\" OR"),
    Name("log format", "fifth word of text", "4", r"grep ERROR.*awk '\{print \$5\}'"),
    Name("log format", "ninth word of text", "4", r"awk '\{print \$9\}'"),
    *_words("log field", "0", r"sourcetype=.*\bNAME\b", "api_name", "status", "client_id", "error_message",
            "response_time", "api_path", "src_ip", "event_type"),
    *_words("redaction", "2", r"^- \*\*NAME\*\*", "Session tokens", "Authorization headers", "API keys", "Passwords",
            "Email addresses"),
    Name("sampling", "errors always", "2", r"^- Error logs \("),
    Name("sampling", "good ones by a share", "2", r"^- Successful requests \("),
    Name("sampling", "health checks hardly", "2", r"^- Health check requests:"),
    Name("sampling", "authentication failures always", "2", r"^- Authentication failures: Always"),
]  # fmt: skip

_KEYS = [
    *_words("key", "0", r"^\s*# - NAME\b", "maxConnections", "connectionTimeout", "connectionIdleTimeout",
            "threadPoolSize", "queueSize", "maxConcurrency", "cacheEnabled", "cacheSize", "cacheTTL", "maxPoolSize",
            "minPoolSize", "maxIdleTime"),
    Name("key", "rate-limit-config", "0", r"configmap rate-limit-config"),
    Name("key", "sunset header", "0", r"sunset header"),
    Name("key", "rate_limiting", "1", r"grep .*rate_limiting"),
    Name("key", "max_connections", "3", r"/data/max_connections"),
    Name("key", "cache_size", "3", r"/data/cache_size"),
    Name("key", "default_ttl", "3", r"/data/default_ttl"),
]  # fmt: skip

_SWITCHES = [
    *_words("switch", "4", r"set env .*\bNAME=", "RATE_LIMIT", "RATE_LIMIT_ENABLED", "RATE_LIMIT_REQUESTS",
            "RATE_LIMIT_WINDOW", "MAINTENANCE_MODE", "LOG_LEVEL", "AUDIT_MODE", "DB_POOL_SIZE",
            "READ_REPLICA_ENABLED", "DATABASE_HOST"),
    *_words("switch", "2", r"^NAME=", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"),
]  # fmt: skip

NAMES = [*_ENDPOINTS, *_FIGURES, *_METRICS, *_LOG_WORDS, *_KEYS, *_SWITCHES]

#: A block whose first key is one of these is of the gateway's configuration, and each of its lines a key of it.
SECTIONS = (
    "server", "logging", "upstreams", "circuit_breaker", "critical_metrics", "system_metrics", "cache_optimization",
    "http2_optimization",
)  # fmt: skip
#: Keys between a section and its key that are but names of cases.
CASES = re.compile(r"^(?:(?:high|medium|low)_\w+|bandwidth_optimized)$")
