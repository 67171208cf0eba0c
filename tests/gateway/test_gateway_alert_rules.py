"""The alert rules of runbooks 000 to 002, tried by promtool: each with a case that fires and one that does not."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.supervisor.upstream_targets import TargetNow
from gateway.telemetry.exposition import Moment, exposition
from gateway.telemetry.ledger import Ledger
from gateway.telemetry.tally import Tally
from tests.gateway.reports import report_of
from tests.gateway.running import ROOT

RULES = ROOT / "deploy" / "prometheus"
NEEDS_PROMTOOL = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)"
)
SEEDS = ROOT.parent / "shared" / "seeds"
FILES = {"000": RULES / "rules-000.yaml", "001": RULES / "rules-001.yaml", "002": RULES / "rules-002.yaml"}


def _requests(good: str, bad: str) -> dict[str, str]:
    """Counters of two routes; only one of them fails, so series with like labels say nothing of the share."""
    return {
        'http_requests_total{route="a",status="200"}': good,
        'http_requests_total{route="b",status="200"}': good,
        'http_requests_total{route="b",status="503"}': bad,
    }


def _latencies(name: str, slow: int) -> dict[str, str]:
    """Of a thousand requests a minute at each of two pods so many take up to a second, of one pod only."""
    found = {}
    for pod, late in (("a", slow), ("b", 0)):
        for le, count in (("0.05", 1000 - late), ("0.5", 1000 - late), ("1", 1000), ("+Inf", 1000)):
            found[f'{name}{{pod="{pod}",le="{le}"}}'] = f"0+{count}x20"
    return found


_SECONDS = "http_request_duration_seconds_bucket"
_CPU = 'container_cpu_usage_seconds_total{pod="api-gateway-1"}'
_RESTARTS = 'kube_pod_container_status_restarts_total{namespace="gateway",pod="g-1"}'
_AVAILABLE = 'kube_deployment_status_replicas_available{deployment="api-gateway"}'


def _memory(used: int) -> dict[str, str]:
    """One container with a limit of 100, and one without any."""
    return {
        'container_memory_usage_bytes{pod="api-gateway-1"}': f"{used}x20",
        'container_spec_memory_limit_bytes{pod="api-gateway-1"}': "100x20",
        'container_memory_usage_bytes{pod="api-gateway-2"}': "50x20",
        'container_spec_memory_limit_bytes{pod="api-gateway-2"}': "0x20",
    }


def _refusals(each: int) -> dict[str, str]:
    return {f'auth_failures_total{{reason="{reason}"}}': f"0+{each}x20" for reason in ("expired", "signature")}


def _day(then: int, now: int) -> dict[str, str]:
    """A counter that rises by `then` each five minutes for a day, and by `now` from then on."""
    return {'http_requests_total{route="a",status="200"}': f"0+{then}x288 {then * 288}+{now}x12"}


def _of_limit(used: str) -> dict[str, str]:
    """Seconds of a processor's time, of a pod that may use two."""
    limit = 'kube_pod_container_resource_limits{pod="api-gateway-1",resource="cpu"}'
    return {_CPU: used, limit: "2x20"}


def _connections(active: int, idle: int) -> dict[str, str]:
    return {
        'pg_stat_activity_count{instance="db",state="active"}': f"{active}x20",
        'pg_stat_activity_count{instance="db",state="idle"}': f"{idle}x20",
        'pg_settings_max_connections{instance="db"}': "100x20",
    }


_CERTIFICATE = 'certificate_expiry_days{name="api.example.com"}'
_ATTACKS = 'attacks_detected_total{route="a",category="xss"}'
_OVER_LIMIT = 'rate_limit_exceeded_total{route="a",key_type="ip"}'


#: By runbook and alert: what is measured where it fires, and where it does not. A step is a minute, for 20 minutes.
CASES: dict[tuple[str, str], tuple[dict[str, str], dict[str, str]]] = {
    ("000", "GatewayErrorSpike"): (_requests("0+900x20", "0+30x20"), _requests("0+900x20", "0+9x20")),
    ("000", "AuthenticationFailures"): (_refusals(12), _refusals(9)),
    ("000", "DatabaseConnectionExhaustion"): (_connections(60, 30), _connections(60, 20)),
    ("000", "CertificateExpiration"): ({_CERTIFICATE: "6x20"}, {_CERTIFICATE: "8x20"}),
    ("000", "SecurityViolations"): ({_ATTACKS: "0x15 1x5"}, {_ATTACKS: "7x20"}),
    ("000", "ApiUsageAnomaly"): (_day(3000, 12_000), _day(3000, 4500)),
    ("000", "GatewaySuccessRateLow"): (_requests("0+900x20", "0+15x20"), _requests("0+900x20", "0+5x20")),
    ("000", "GatewaySuccessRateCritical"): (_requests("0+900x20", "0+30x20"), _requests("0+900x20", "0+15x20")),
    ("000", "GatewayResponseTimeHigh"): (_latencies(_SECONDS, 200), _latencies(_SECONDS, 80)),
    ("000", "GatewayResponseTimeCritical"): (_latencies(_SECONDS, 200), _latencies(_SECONDS, 80)),
    ("000", "GatewayErrorRateHigh"): (_requests("0+900x20", "0+5x20"), _requests("0+900x20", "0+1x20")),
    ("000", "CertificateExpiresSoon"): ({_CERTIFICATE: "29x20"}, {_CERTIFICATE: "31x20"}),
    ("000", "AuthenticationFailuresRising"): (_refusals(3), _refusals(2)),
    ("000", "RateLimitViolations"): ({_OVER_LIMIT: "0+110x20"}, {_OVER_LIMIT: "0+90x20"}),
    ("000", "RateLimitViolationsCritical"): ({_OVER_LIMIT: "0+1100x20"}, {_OVER_LIMIT: "0+900x20"}),
    ("000", "PodCpuHigh"): (_of_limit("0+90x20"), _of_limit("0+78x20")),
    ("000", "PodCpuCritical"): (_of_limit("0+108x20"), _of_limit("0+96x20")),
    ("000", "PodMemoryHigh"): (_memory(75), _memory(65)),
    ("000", "PodMemoryCritical"): (_memory(90), _memory(80)),
    ("001", "GatewayDown"): ({'up{job="api-gateway"}': "0x20"}, {'up{job="api-gateway"}': "1x20"}),
    ("001", "HighErrorRate"): (_requests("0+900x20", "0+200x20"), _requests("0+3000x20", "0+80x20")),
    ("001", "HighLatency"): (_latencies(_SECONDS, 200), _latencies(_SECONDS, 80)),
    ("001", "PodCrashLooping"): ({_RESTARTS: "0+1x20"}, {_RESTARTS: "3x20"}),
    ("002", "GatewayPodsDown"): ({_AVAILABLE: "1x20"}, {_AVAILABLE: "2x20"}),
    ("002", "HighErrorRate"): (_requests("0+900x20", "0+200x20"), _requests("0+3000x20", "0+80x20")),
    ("002", "HealthCheckFailing"): ({'up{job="api-gateway"}': "0x20"}, {'up{job="api-gateway"}': "1x20"}),
    ("002", "HighLatency"): (_latencies(_SECONDS, 200), _latencies(_SECONDS, 10)),
    ("002", "HighCPU"): ({_CPU: "0+54x20"}, {_CPU: "0+42x20"}),
    ("002", "HighMemory"): (_memory(95), _memory(85)),
    ("002", "RedisDown"): ({'up{job="redis"}': "0x20"}, {'up{job="redis"}': "1x20"}),
    ("002", "UpstreamErrors"): (
        {f'upstream_failures_total{{service="s",failure_type="{kind}"}}': "0+400x20" for kind in ("slow", "gone")},
        {f'upstream_failures_total{{service="{name}",failure_type="slow"}}': "0+400x20" for name in ("s", "t")},
    ),
    ("002", "AuthFailureSpike"): (_refusals(3600), _refusals(2400)),
}  # fmt: skip


#: What looks at more than a day is tried by itself, each five minutes: all rules each half minute of a day take long.
OF_A_DAY = {"ApiUsageAnomaly"}


def rules(runbook: str) -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load(FILES[runbook].read_text())["groups"]
    assert {group["interval"] for group in groups} == {"30s"}
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def test_each_rule_has_its_cases_and_says_of_which_runbook_it_is() -> None:
    found = {(runbook, name): rule for runbook in FILES for name, rule in rules(runbook).items()}
    assert found.keys() == CASES.keys()
    assert {(runbook, rule["labels"]["runbook"]) for (runbook, _), rule in found.items()} == {
        (runbook, runbook) for runbook in FILES
    }


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the runbooks are not beside the project")
@pytest.mark.parametrize("runbook", ["001", "002"])
def test_names_severities_and_spans_are_those_of_the_runbook(runbook: str) -> None:
    [path] = SEEDS.glob(f"{runbook}_*.txt")
    written = re.findall(
        r"- alert: (\w+)\n.*?for: (\w+)\n\s+labels:\n\s+severity: (\w+)", path.read_text(encoding="utf-8"), re.DOTALL
    )
    ours = [(name, rule["for"], rule["labels"]["severity"]) for name, rule in rules(runbook).items()]
    assert ours == written


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the runbooks are not beside the project")
def test_each_alert_that_runbook_000_recommends_for_splunk_is_a_rule() -> None:
    [path] = SEEDS.glob("000_*.txt")
    table = path.read_text(encoding="utf-8").partition("#### Recommended Splunk Alerts")[2].partition("\n###")[0]
    written = re.findall(r"^\| ([A-Z][\w ]+) \| .*?\| (High|Critical|Medium) \|", table, re.MULTILINE)
    levels = {"Critical": {"severity": "critical"}, "High": {"priority": "high"}, "Medium": {"severity": "info"}}
    found = rules("000")
    assert len(written) == 6
    for name, priority in written:
        labels = found[name.title().replace(" ", "")]["labels"]
        assert labels.items() >= levels[priority].items(), name


@NEEDS_PROMTOOL
@pytest.mark.parametrize("runbook", FILES)
def test_each_fires_when_it_should_and_only_then(runbook: str, tmp_path: Path) -> None:
    cases = {key: both for key, both in CASES.items() if key[0] == runbook and key[1] not in OF_A_DAY}
    _try(cases, FILES[runbook], "1m", "19m", tmp_path)
    assert "SUCCESS" in _promtool("check", "rules", str(FILES[runbook]))


@NEEDS_PROMTOOL
def test_what_is_unlike_the_day_before_fires_and_what_varies_a_little_does_not(tmp_path: Path) -> None:
    for name in OF_A_DAY:
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump({"groups": [{"name": name, "interval": "5m", "rules": [rules("000")[name]]}]}))
        _try({("000", name): CASES["000", name]}, path, "5m", "1495m", tmp_path)


def _try(cases: dict[tuple[str, str], Any], file: Path, step: str, at: str, directory: Path) -> None:
    document = {
        "rule_files": [str(file)],
        "evaluation_interval": "30s" if step == "1m" else step,
        "tests": [
            _case(runbook, name, series, step, at, fires=fires)
            for (runbook, name), both in cases.items()
            for fires, series in zip((True, False), both, strict=True)
        ],
    }
    path = directory / "cases.yaml"
    path.write_text(yaml.safe_dump(document))
    _promtool("test", "rules", str(path))


def _promtool(*arguments: str) -> str:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _case(runbook: str, name: str, series: dict[str, str], step: str, at: str, *, fires: bool) -> dict[str, Any]:
    """The alert itself as a series: what fires is in ALERTS, with its labels."""
    expr = f'count(ALERTS{{alertname="{name}",alertstate="firing",runbook="{runbook}"}})'
    return {
        "name": f"{runbook} {name} {'fires' if fires else 'is silent'}",
        "interval": step,
        "input_series": [{"series": key, "values": values} for key, values in series.items()],
        "promql_expr_test": [
            {"expr": expr, "eval_time": at, "exp_samples": [{"labels": "{}", "value": 1}] if fires else []}
        ],
    }


@NEEDS_PROMTOOL
def test_promtool_has_nothing_to_say_of_the_metrics() -> None:
    ledger, tally = Ledger(100), Tally()
    tally.request("GET", "default", 503, 0.02)
    tally.upstream_answered("backend/blue", 503, 0.02)
    tally.upstream_failed("backend/blue", "timeout")
    ledger.absorb(report_of(tally.take(), connection_uses={"backend": [1, 3, 0]}), at=1.0)
    moment = Moment(2.0, 1.0, "v", 1, 1, targets={("backend", "blue"): TargetNow(1, 2)}, breakers={"backend": (2, 5)})
    page = exposition(ledger, moment)
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
