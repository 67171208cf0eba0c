"""What the runbooks name and nothing else tests by its name: keys, metrics, and words and fields of the log."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway import config_file
from gateway.auth.authentication import Authentication
from gateway.config_source import ConfigSource
from gateway.settings import LoggingSettings, Settings
from gateway.shared_pages import METRICS_PORT_PAGES
from gateway.supervisor.upstream_targets import TargetNow
from gateway.telemetry.exposition import Moment, exposition
from gateway.telemetry.journal import Journal
from gateway.telemetry.ledger import Ledger
from gateway.telemetry.log_writer import LogWriter
from gateway.telemetry.records import as_text, record
from gateway.telemetry.tally import Tally
from tests.gateway.reports import report_of
from tests.gateway.running import settings_for
from tests.gateway.signing import SECRET, token
from tests.gateway.stage import staged
from tests.gateway.starting import said_at_the_start

# The configuration: keys as the runbooks write them, with values that are not the defaults.

KEYS = """
server: {bind_address: 0.0.0.0, port: 8443, connection_timeout_secs: 61, max_connections: 9, request_timeout_secs: 31}
logging: {level: warning, format: text, sampling_rate: 0.1}
observability: {metrics_enabled: false, metrics_port: 9090}
circuit_breaker: {failure_threshold: 6, success_threshold: 3, timeout_secs: 61}
auth:
  token_format: jwt
  jwt_algorithm: HS384
  jwt_secret: ${JWT_SECRET}
  jwt_issuer: auth.example.com
  jwt_audience: api.example.com
  cookie_name: session_token
  cache: {enabled: false, max_capacity: 7, ttl_secs: 301}
rate_limiting:
  redis_url: redis://store:6379
  failure_mode: fail_closed
  default_limit: {limit: 1000, window_secs: 3600, algorithm: token_bucket, key_type: ip}
upstreams:
  - id: user-service
    base_url: http://u:8080
    timeout_secs: 29
    pool_max_idle_per_host: 50
    pool_idle_timeout_secs: 9
routes:
  - id: users-list
    methods: [GET]
    path: /api/users
    upstream_id: user-service
    auth_required: true
    rate_limit: {limit: 100, window_secs: 60, algorithm: sliding_window, key_type: user}
"""
CHANGED = {"logging.level": "WARNING", "auth.jwt_secret": "********", "rate_limiting.redis_url": "********"}


def test_the_keys_of_the_runbooks_mean_what_they_say(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(f"{KEYS}admin: {{token: {SECRET}}}\n")
    shown = config_file.masked(config_file.load(path, {"JWT_SECRET": SECRET}))
    written = yaml.safe_load(KEYS)
    assert len(list(leaves(written))) == 42
    for name, value in leaves(written):
        assert at(shown, name) == CHANGED.get(name, value), name


def leaves(document: dict[str, Any], above: str = "") -> Any:
    for name, value in document.items():
        inner = value[0] if isinstance(value, list) and isinstance(value[0], dict) else value
        if isinstance(inner, dict):
            yield from leaves(inner, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def at(document: Any, name: str) -> Any:
    for part in name.split("."):
        document = document[part]
        document = document[0] if isinstance(document, list) and isinstance(document[0], dict) else document
    return document


# The metrics: what `curl .../metrics | grep ...` is to find.


@pytest.mark.parametrize(
    ("looked_for", "found"),
    [
        (["http_requests_total", 'status="5'], {'http_requests_total{method="GET",route="users",status="503"} 3.0'}),
        (["(http_requests_total|error_rate|latency)", "^gateway_error_rate"], {"gateway_error_rate 0.75"}),
        (["(http_requests_total|error_rate|latency)", "^gateway_latency_seconds"],
         {f'gateway_latency_seconds{{share="{share}"}}' for share in ("0.5", "0.95", "0.99")}),
        (["duration", 'http_request_duration_seconds_bucket{le="0.05"'],
         {'http_request_duration_seconds_bucket{le="0.05",route="users"} 4.0'}),
        (["duration", "upstream_request_duration_seconds_count"],
         {'upstream_request_duration_seconds_count{service="backend",target="blue"} 3.0'}),
        (["circuit_breaker_(state|rejected)", "^circuit_breaker_state"],
         {'circuit_breaker_state{service="backend"} 2.0'}),
        (["circuit_breaker_(state|rejected)", "^circuit_breaker_rejected_total"],
         {'circuit_breaker_rejected_total{service="backend"} 1.0'}),
        (["^upstream_failures_total"],
         {'upstream_failures_total{failure_type="timeout",service="backend",target="blue"} 1.0'}),
        (["^auth_failures_total"], {'auth_failures_total{reason="expired"} 1.0'}),
        (["^http_requests_per_second"], {f"http_requests_per_second {4 / 60}"}),
        (["^gateway_workers_"], {"gateway_workers_desired 3.0", "gateway_workers_ready 2.0"}),
        (["^gateway_requests_in_flight"], {"gateway_requests_in_flight 7.0"}),
        (["^gateway_log_dropped_total"], {"gateway_log_dropped_total 0.0"}),
        (["^connection_pool_active"], {'connection_pool_active{service="backend",target="blue"} 1.0'}),
    ],
)  # fmt: skip
def test_what_is_looked_for_in_the_metrics_is_there(looked_for: list[str], found: set[str]) -> None:
    ledger, tally = Ledger(100), Tally()
    for status in (200, 503, 503, 503):
        tally.request("GET", "users", status, 0.02)
    for _ in range(3):
        tally.upstream_answered("backend/blue", 503, 0.02)
    tally.upstream_failed("backend/blue", "timeout")
    tally.circuit_rejected("backend")
    tally.auth_failed("expired")
    ledger.absorb(report_of(tally.take()), at=1.0)
    moment = Moment(
        2.0, 1.0, "v", 3, 2, in_flight=7, targets={("backend", "blue"): TargetNow(1, 2)}, breakers={"backend": (2, 5)}
    )
    page = exposition(ledger, moment)
    lines = [line for line in page.splitlines() if not line.startswith("#")]
    for pattern in looked_for:
        lines = [line for line in lines if re.search(pattern, line)]
    assert {line if line in found else line.rsplit(" ", 1)[0] for line in lines} == found


def test_every_metric_and_page_has_a_test_that_names_it() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    metrics = re.findall(r"# TYPE (\w+)", exposition(Ledger(1), Moment(1.0, 1.0, "v", 1, 1)))
    assert len(metrics) > 20
    assert [
        name for name in (*metrics, *METRICS_PORT_PAGES) if not re.search(rf"{name}(_bucket|_count)?\b", tests)
    ] == []


# The log: what `kubectl logs ... | grep ...` and searches by field are to find.


async def test_what_logs_are_searched_for_is_in_them() -> None:
    document = settings_for("http://127.0.0.1:1", auth={"jwt_secret": SECRET}, logging={"sampling_rate": 0})
    document["routes"][0]["auth_required"] = True
    tally = Tally()
    authentication = Authentication(Settings.model_validate(document).auth, tally=tally)
    async with staged(document, authentication.policy) as stage, stage.caller() as caller:
        stage.plane.tally = tally
        assert (await caller.get("/api/users", user_agent="curl/8")).status == 401
        assert (await caller.get("/api/users", authorization=f"Bearer {token()}", user_agent="curl/8")).status == 502
        refused, failed = sorted(stage.records(), key=lambda one: int(one["status"]))
    assert refused["error_message"].startswith("authentication failed")
    assert refused["error_type"] == "unauthorized"
    assert (failed["level"], failed["status"], failed["client_id"]) == ("ERROR", 502, "console")
    for name in (
        "timestamp", "level", "service", "component", "event_type", "correlation_id", "message", "method", "path",
        "client_ip", "user_agent", "request_size", "response_time", "error_message",
    ):  # fmt: skip
        assert failed.get(name) is not None, name
    event = as_text(record(0, "ERROR", "upstream", "circuit_turned", "the circuit breaker of a is open"))
    assert "ERROR" in event


async def test_errors_are_grouped_by_the_fifth_word_of_text(tmp_path: Path) -> None:
    path = tmp_path / "gateway.log"
    with path.open("wb") as file:
        writer = LogWriter(file.fileno())
        async with staged(settings_for("http://127.0.0.1:1")) as stage, stage.caller() as caller:
            stage.plane.journal = Journal(LoggingSettings(format="text"), worker="gateway-1", writer=writer)
            assert [(await caller.get(target)).status for target in ("/orders", "/limited/x")] == [502, 502]
        writer.close(timeout=10)
    lines = path.read_text().splitlines()
    assert [line.split()[4] for line in lines if "ERROR" in line] == ["connect_failed", "connect_failed"]
    assert [line.split()[8] for line in lines if '"GET' in line] == ["502", "502"]


async def test_a_start_says_that_the_configuration_is_loaded(tmp_path: Path) -> None:
    said = await said_at_the_start(ConfigSource(tmp_path / "gateway.yaml"))
    assert [one["level"] for one in said if "Configuration loaded" in one["message"]] == ["INFO"]


@pytest.mark.parametrize(("switch", "level"), [("DEBUG", "DEBUG"), ("error", "ERROR"), ("", "WARNING")])
def test_the_level_of_the_log_is_switched_in_the_environment(tmp_path: Path, switch: str, level: str) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(yaml.safe_dump(settings_for("http://a", logging={"level": "WARNING"})))
    assert config_file.load(path, {"LOG_LEVEL": switch}).logging.level == level


def test_a_level_that_means_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(yaml.safe_dump(settings_for("http://a")))
    with pytest.raises(config_file.ConfigError, match=r"logging\.level.*LOUD"):
        config_file.load(path, {"LOG_LEVEL": "LOUD"})
