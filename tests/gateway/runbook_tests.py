"""What runs each thing that the runbooks name: kept by hand, shown by `runbooks`, held to by its test."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Runs:
    """A test does what lines with this name ask for."""

    test: str
    sought: str = ""
    """What of the name is in the test; its last part, if nothing else is said."""

    def __str__(self) -> str:
        return f"`{self.test}`"


@dataclass(frozen=True)
class Differs(Runs):
    """The gateway can do it, but not as it is written."""

    how: str = ""

    def __str__(self) -> str:
        return f"differs: {self.how}; `{self.test}`"


@dataclass(frozen=True)
class NotYet:
    """It waits for something that is not there."""

    what: str

    def __str__(self) -> str:
        return f"not yet: {self.what}"


Verdict = Runs | NotYet


def _test(file: str, name: str) -> str:
    return f"tests/gateway/test_gateway_{file}.py::test_{name}"


_LINES = "runbook_lines"
_CONFIGURATION = _test(_LINES, "the_keys_of_the_runbooks_mean_what_they_say")
_WORDS = _test(_LINES, "what_logs_are_searched_for_is_in_them")
_GREPPED = _test(_LINES, "what_is_looked_for_in_the_metrics_is_there")
_OWN = _test("proxying", "own_endpoints")
_FIGURES = _test("figures", "the_figures_are_bare_numbers_that_scripts_compare")
_USED = _test("figures", "what_the_processes_use")
_ON_A_PORT = _test("figures", "all_pages_are_on_a_port_of_their_own")
_THRESHOLDS = _test("figures", "the_runbooks_own_lines_are_the_defaults")
_REVOKED = _test("revocations", "operators_revoke_in_every_worker_and_over_restarts")
_SAMPLED = _test("fleet", "good_requests_are_sampled_and_connections_have_a_limit")
_BREAKER = _test("breaker", "an_upstream_that_fails_is_left_alone_and_then_trusted_again")
_RULES = _test("alert_rules", "each_fires_when_it_should_and_only_then")
_REDACTED = _test("redaction", "what_is_left_of_a_secret")
_SINKS = _test("logging", "the_keys_of_sinks_mean_what_they_say")
_IN_CLOUDWATCH = _test("sink_cloudwatch", "records_are_events_of_a_stream_that_is_made_for_them")
_IN_SPLUNK = _test("logging", "what_splunk_is_asked_for_is_in_each_record")
_SWITCHES = _test("config", "switches_in_the_environment_change_the_default_limit")
_ENABLED = _test("config", "switches_in_the_environment_make_a_limit_for_all_routes_that_allow_one")

_FLAT = _test("flat_keys", "a_flat_key_stands_above_the_file")
_READINESS = _test("readiness", "as_runbook_002_writes_it_upstreams_are_not_asked_about")
_BESIDE = _test("listeners", "https_beside_http_and_http_that_leads_to_it")
_HTTPS = _test("tls", "the_gateway_serves_https_as_runbook_002_configures_it")
_PROFILES = _test("http2_connections", "the_profiles_are_those_of_the_runbook")

_DIVIDED = "with `sum()` on both sides; without it, series of like labels are divided, which gives 1"
_ALERTS = (
    *(f"001 {name}" for name in ("GatewayDown", "HighErrorRate", "HighLatency", "PodCrashLooping")),
    *(f"002 {name}" for name in ("GatewayPodsDown", "HighErrorRate", "HealthCheckFailing", "HighLatency", "HighCPU",
                                 "HighMemory", "RedisDown", "UpstreamErrors", "AuthFailureSpike")),
)  # fmt: skip

_CACHED = _test("cache_orders", "operators_do_what_the_runbook_says_in_all_workers")
_CACHE_FIGURES = _test("figures", "the_figures_of_the_cache_are_bare_numbers_that_scripts_compare")
_CACHE_KEYS = _test("cache_store", "the_keys_of_the_runbooks_are_those_of_the_section")
_OF_AN_OPERATOR = "on the admin listener, with `Authorization: Bearer <admin.token>`"
_TRACED = _test("tracing_settings", "the_keys_of_runbook_002_mean_what_they_say")
_NO_DATABASE = _test("misplaced", "what_the_runbooks_set_for_a_database_is_told_to_be_of_others")
_OF_THE_SERVICE = Differs(
    _NO_DATABASE,
    how="it is the service's behind the gateway, set on that deployment as it is written, or by `/gw env` where it is "
    "Tocsin's target; set for the gateway, which has no database, it is a warning in its log and does nothing",
)
_OF_THE_DATABASE = Differs(
    _NO_DATABASE,
    how="it is the pool of the services' database, in their ConfigMap; the gateway has no database, and says so in its "
    "log where the key is in its own",
)

VERDICTS: dict[str, dict[str, Verdict]] = {
    "endpoint": {
        **dict.fromkeys(("/health", "/health/live", "/health/ready", "/metrics"), Runs(_OWN)),
        **dict.fromkeys(
            ("/metrics/performance", "/metrics/system", "/metrics/errors", "/alerts/active"),
            Runs(_test("admin", "the_pages_are_on_the_public_port_as_well")),
        ),
        **dict.fromkeys(("/cache/stats", "/cache/invalidation-stats"), Runs(_CACHED)),
        **dict.fromkeys(
            ("/cache/optimize", "/cache/snapshot", "/cache/restore"), Differs(_CACHED, how=_OF_AN_OPERATOR)
        ),
        "/circuit-breaker/status": Runs(_BREAKER),
        "/api/errors": Runs(_ON_A_PORT),
        "/admin/circuit-breaker/enable": Differs(
            _test("forced", "an_operator_forces_one_and_undoes_it"),
            how="on the admin listener, with `Authorization: Bearer <admin.token>`",
        ),
        "/api/token/{id}": Runs(_REVOKED, "/api/token/leaked"),
        "/api/token/revoke": Differs(_REVOKED, how="with `Authorization: Bearer <admin.token>`, as its neighbours"),
        "/api/clients/{id}/reset-secret": Runs(_REVOKED, "/reset-secret"),
    },
    "port": {"port 9090": Runs(_ON_A_PORT, "metrics_port"), "port 9443": Runs(_BESIDE, "9443")},
    "figure": {
        **dict.fromkeys(
            ("p95_latency", "error_rate", "circuit_breaker_state", "connection_reuse_rate", "http2_adoption_rate",
             "requests_per_second"),
            Runs(_FIGURES),
        ),
        **dict.fromkeys(
            ("memory_usage", "cpu_usage", "disk_usage", "memory_usage_mb", "cpu_usage_percent"), Runs(_USED)
        ),
        **dict.fromkeys(("cache_hit_ratio", "cache_memory_usage", "eviction_rate"), Runs(_CACHE_FIGURES)),
        "errors_by_type": Runs(_test("figures", "errors_are_told_by_their_type")),
        "circuit state": Runs(_BREAKER, "state"),
        "failure_count": Runs(_BREAKER),
        "health status": Runs(_OWN, '"status"'),
        "name, severity": Runs(_test("figures", "alerts_are_by_the_thresholds_of_the_runbook"), 'one["severity"]'),
    },
    "figure of the cache": dict.fromkeys(
        ("hit_ratio", "size", "memory_usage", "eviction_count", "recent_evictions", "default_ttl", "average_age",
         "invalidation_rate"), Runs(_CACHE_FIGURES),
    ),
    "comparison": {
        "p95_latency compared": Runs(_FIGURES, 'bc(found["p95_latency"]'),
        "error_rate compared": Runs(_FIGURES, 'bc(found["error_rate"]'),
        "requests_per_second compared": Runs(_FIGURES, 'bc(found["requests_per_second"]'),
        "cache_hit_ratio compared": Runs(_CACHE_FIGURES, 'bc(stats["hit_ratio"], "<", 50)'),
    },
    "metric": {
        **dict.fromkeys(
            ("http_requests_total", "http_request_duration_seconds_bucket", "http_requests_per_second",
             "circuit_breaker_state", "circuit_breaker_rejected_total", "upstream_request_duration_seconds",
             "upstream_failures_total", "auth_failures_total", "gateway_error_rate", "gateway_latency_seconds"),
            Runs(_GREPPED),
        ),
        "metrics with duration": Runs(_GREPPED, '"duration"'),
    },
    "label": {"status by route": Runs(_GREPPED, 'status="5')},
    "log word": {
        **dict.fromkeys(("ERROR", "authentication failed", "unauthorized"), Runs(_WORDS)),
        "502, 503, 504": Runs(_WORDS, "502"),
        "rate limit exceeded": Runs(_test("limits", "beyond_the_limit_it_is_429_until_its_time_has_come")),
        "Configuration loaded": Runs(_test(_LINES, "a_start_says_that_the_configuration_is_loaded")),
        "latency": Runs(_test("logging", "a_slow_request_is_logged_with_the_word_latency")),
        "attack patterns": Runs(
            _test("attacks", "it_is_told_without_what_was_sent_and_passed_on"),
            '("injection", "XSS", "attack", "exploit")',
        ),
    },
    "log format": {
        "fifth word of text": Runs(_test(_LINES, "errors_are_grouped_by_the_fifth_word_of_text"), "split()[4]"),
        "ninth word of text": Runs(_test("units", "text_lines_suit_awk"), "split()[8]"),
    },
    "log field": {
        **dict.fromkeys(
            ("timestamp", "level", "service", "component", "event_type", "correlation_id", "message", "method", "path",
             "client_ip", "user_agent", "request_size", "status", "error_message", "response_time"), Runs(_WORDS),
        ),
        "client_id": Runs(_WORDS),
        **dict.fromkeys(("api_name", "api_path", "src_ip"), Runs(_IN_SPLUNK)),
    },
    "redaction": {
        "Session tokens": Runs(_REDACTED, "session_token"),
        "Authorization headers": Runs(_REDACTED, "Bearer"),
        "API keys": Runs(_REDACTED, "api-key"),
        "Passwords": Runs(_REDACTED, "password"),
        "Email addresses": Runs(_REDACTED, "@example.com"),
    },
    "sampling": {
        "errors always": Runs(_SAMPLED, "/status-500"),
        "good ones by a share": Runs(_SAMPLED, "sampling_rate"),
        "health checks hardly": Runs(_test("keys_of_their_own", "health_sampling_rate"), "/health"),
        "authentication failures always": Runs(_WORDS, "sampling_rate"),
    },
    "alert rule": {name: Runs(_RULES) for name in _ALERTS},
    "alert condition": {
        **{name: Runs(_RULES) for name in _ALERTS},
        "001 HighErrorRate": Differs(_RULES, how=_DIVIDED),
        **dict.fromkeys(
            ("001 HighLatency", "002 HighLatency"),
            Differs(_RULES, how="over all instances and routes, with `sum by (le)`"),
        ),
        "002 HighMemory": Differs(_RULES, how="without containers that have no limit, which is 0 there"),
        "002 AuthFailureSpike": Differs(_RULES, how="over all reasons, with `sum()`"),
    },
    "query": {"errors by requests": Differs(_RULES, "HighErrorRate", how=_DIVIDED)},
    "switch": {
        **dict.fromkeys(("RATE_LIMIT", "RATE_LIMIT_REQUESTS", "RATE_LIMIT_WINDOW"), Runs(_SWITCHES)),
        "RATE_LIMIT_ENABLED": Runs(_ENABLED),
        "LOG_LEVEL": Runs(_test(_LINES, "the_level_of_the_log_is_switched_in_the_environment")),
        "AUDIT_MODE": Runs(_test("logging", "in_audit_mode_all_requests_are_logged_with_who_sent_them")),
        "MAINTENANCE_MODE": Runs(_test("maintenance", "it_is_switched_in_the_environment")),
        **dict.fromkeys(("DB_POOL_SIZE", "READ_REPLICA_ENABLED", "DATABASE_HOST"), _OF_THE_SERVICE),
        **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), Runs(_IN_CLOUDWATCH)),
        "AWS_REGION": Runs(_test("logging", "the_region_of_the_environment_is_for_sinks_without_one")),
    },
    "key": {
        # A section that is not named here in full is as the nearest one above it that is.
        **dict.fromkeys(("server", "logging", "observability", "auth", "rate_limiting", "upstreams", "routes",
                         "circuit_breaker"), Runs(_CONFIGURATION)),
        "server.tls": Runs(_HTTPS),
        "logging.structured": Runs(_test("sink_queues", "unstructured_records_are_lines_of_text")),
        "logging.redaction_enabled": Runs(_test("redaction", "redaction_enabled_is_about_addresses_only")),
        "logging.sinks": Runs(_SINKS),
        "observability.health_checks": Runs(_READINESS),
        "observability.tracing": Runs(_TRACED),
        "observability.tracing.endpoint": Differs(
            _TRACED,
            how="Jaeger takes OTLP, on :4318/v1/traces; its former endpoint, :14268/api/traces, is taken for that",
        ),
        **dict.fromkeys(("critical_metrics", "system_metrics"), Runs(_THRESHOLDS)),
        "cache_optimization": Runs(_test("cache_store", "the_runbooks_own_profiles_are_the_defaults")),
        "http2_optimization": Runs(_PROFILES),
        **dict.fromkeys(
            ("queueSize", "maxConcurrency", "max_connections", "maxConnections", "connectionTimeout",
             "connectionIdleTimeout", "cacheEnabled", "cacheSize", "cache_size", "cacheTTL", "default_ttl"),
            Runs(_FLAT),
        ),
        "threadPoolSize": Differs(_FLAT, how="it is `workers.count`, processes for threads, from the next start on"),
        **dict.fromkeys(("maxPoolSize", "minPoolSize", "maxIdleTime"), _OF_THE_DATABASE),
        "rate-limit-config": Differs(
            _CONFIGURATION, "rate_limiting", "limits are in the gateway's own configuration, in `rate_limiting`"
        ),
        "sunset header": Runs(_test("maintenance", "a_sunset_header_is_on_every_answer_of_its_route"), "sunset"),
    },
}  # fmt: skip


def verdict_of(kind: str, name: str) -> Verdict:
    """What runs it. A key without a line of its own is as the section that it is in."""
    known = VERDICTS[kind]
    while name not in known and kind == "key" and "." in name:
        name = name.rpartition(".")[0]
    return known[name]


def sought_of(kind: str, name: str) -> str:
    """What its test has to name."""
    verdict = verdict_of(kind, name)
    if isinstance(verdict, Runs) and verdict.sought:
        return verdict.sought
    return (
        name.rpartition("." if kind == "key" else " ")[2] if kind in ("key", "alert rule", "alert condition") else name
    )
