"""The alert rules of runbooks 001 and 002, tried by promtool: each with a case that fires and one that does not."""

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
FILES = {"001": RULES / "rules-001.yaml", "002": RULES / "rules-002.yaml"}


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


#: By runbook and alert: what is measured where it fires, and where it does not. A step is a minute, for 20 minutes.
CASES: dict[tuple[str, str], tuple[dict[str, str], dict[str, str]]] = {
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


def rules(runbook: str) -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load(FILES[runbook].read_text())["groups"]
    assert {group["interval"] for group in groups} == {"30s"}
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def test_each_rule_has_its_cases_and_says_of_which_runbook_it_is() -> None:
    found = {(runbook, name): rule for runbook in FILES for name, rule in rules(runbook).items()}
    assert found.keys() == CASES.keys()
    assert {(runbook, rule["labels"]["runbook"]) for (runbook, _), rule in found.items()} == {
        ("001", "001"),
        ("002", "002"),
    }


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the runbooks are not beside the project")
@pytest.mark.parametrize("runbook", FILES)
def test_names_severities_and_spans_are_those_of_the_runbook(runbook: str) -> None:
    [path] = SEEDS.glob(f"{runbook}_*.txt")
    written = re.findall(
        r"- alert: (\w+)\n.*?for: (\w+)\n\s+labels:\n\s+severity: (\w+)", path.read_text(encoding="utf-8"), re.DOTALL
    )
    ours = [(name, rule["for"], rule["labels"]["severity"]) for name, rule in rules(runbook).items()]
    assert ours == written


@NEEDS_PROMTOOL
def test_each_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    cases = {
        "rule_files": [str(path) for path in FILES.values()],
        "evaluation_interval": "30s",
        "tests": [
            _case(runbook, name, series, fires=fires)
            for (runbook, name), both in CASES.items()
            for fires, series in zip((True, False), both, strict=True)
        ],
    }
    path = tmp_path / "cases.yaml"
    path.write_text(yaml.safe_dump(cases))
    done = subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    checked = subprocess.run(
        ["promtool", "check", "rules", *map(str, FILES.values())], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout.count("SUCCESS")) == (0, 2), checked.stdout + checked.stderr


def _case(runbook: str, name: str, series: dict[str, str], *, fires: bool) -> dict[str, Any]:
    """The alert itself as a series: what fires is in ALERTS, with its labels."""
    expr = f'count(ALERTS{{alertname="{name}",alertstate="firing",runbook="{runbook}"}})'
    return {
        "name": f"{runbook} {name} {'fires' if fires else 'is silent'}",
        "interval": "1m",
        "input_series": [{"series": key, "values": values} for key, values in series.items()],
        "promql_expr_test": [
            {"expr": expr, "eval_time": "19m", "exp_samples": [{"labels": "{}", "value": 1}] if fires else []}
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
