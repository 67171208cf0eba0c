"""The figures of runbook 003 and the alerts by its thresholds, read as its scripts read them; the metrics port."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.settings import Settings
from gateway.supervisor.allowance import Allowance
from gateway.supervisor.cache_figures import CacheFigures
from gateway.supervisor.figures import FigurePages
from gateway.supervisor.resources import Resources
from gateway.telemetry.ledger import Ledger
from gateway.telemetry.tally import Tally
from gateway.thresholds import CriticalMetrics, SystemMetrics
from tests.gateway.reports import report_of
from tests.gateway.running import running, settings_for, wait_for
from tests.gateway.upstream import ControlledUpstream

RUNBOOK = {
    "critical_metrics": {
        "p95_latency": {"threshold": "10ms", "critical_threshold": "50ms", "monitoring_interval": "30s"},
        "cache_hit_ratio": {"threshold": "70%", "critical_threshold": "50%", "monitoring_interval": "1m"},
        "error_rate": {"threshold": "1%", "critical_threshold": "5%", "monitoring_interval": "30s"},
        "throughput": {"threshold": "50 RPS", "critical_threshold": "20 RPS", "monitoring_interval": "1m"},
    },
    "system_metrics": {
        "memory_usage": {"threshold": "80%", "critical_threshold": "95%", "monitoring_interval": "30s"},
        "cpu_usage": {"threshold": "70%", "critical_threshold": "90%", "monitoring_interval": "30s"},
        "disk_usage": {"threshold": "80%", "critical_threshold": "95%", "monitoring_interval": "5m"},
        "open_connections": {
            "threshold": "80% of max",
            "critical_threshold": "95% of max",
            "monitoring_interval": "1m",
        },
    },
}


def bc(number: Any, sign: str, limit: float) -> bool:
    """As `$(echo "$number > 50" | bc -l) -eq 1` of what `jq -r` printed; bc takes a name it does not know for 0."""
    text = "null" if number is None else json.dumps(number)
    value = 0.0 if text == "null" else float(text)
    return value > limit if sign == ">" else value < limit


class Stage:
    """A ledger, time and a machine that tests set."""

    def __init__(self, tmp_path: Path) -> None:
        self.now = 1000.0
        self.connections = 0.0
        self.ledger = Ledger(100)
        self.resources = Resources(
            lambda: self.now, pids=lambda: [os.getpid()], connections=lambda: self.connections, disk=tmp_path,
            allowance=Allowance(),
        )  # fmt: skip
        self.circuit: int | None = None
        self.cached: list[dict[str, Any]] = []
        self.limits = dict[str, Any]()

    def cache(self, **section: Any) -> CacheFigures:
        document = settings_for("http://127.0.0.1:1", cache=section)
        return CacheFigures(Settings.model_validate(document), clock=lambda: self.now, reports=lambda: self.cached)

    def pages(self, cache: CacheFigures | None = None, **critical: Any) -> FigurePages:
        return FigurePages(
            self.ledger, self.resources, clock=lambda: self.now, worst_circuit=lambda: self.circuit,
            cache=cache or self.cache(),
            critical=CriticalMetrics.model_validate(critical), system=SystemMetrics(),
        )  # fmt: skip

    def served(self, requests: int, *, seconds: float, failed: int = 0, uses: tuple[int, int, int] = (0, 0, 0)) -> None:
        tally = Tally()
        for number in range(requests):
            tally.request("GET", "default", 503 if number < failed else 200, seconds)
        self.ledger.absorb(report_of(tally.take(), connection_uses={"backend": list(uses)}), at=self.now)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def named(alerts: list[dict[str, Any]]) -> dict[str, str]:
    """jq '.[] | {name: .name, severity: .severity}', but for the machine that the tests run on."""
    machine = ("HighMemoryUsage", "HighCpuUsage", "HighDiskUsage")
    return {one["name"]: one["severity"] for one in alerts if one["name"] not in machine}


def test_the_figures_are_bare_numbers_that_scripts_compare(stage: Stage) -> None:
    pages = stage.pages()
    stage.served(100, seconds=0.03, failed=3, uses=(5, 95, 40))
    stage.now, stage.circuit = 1010.0, 2
    found = pages.performance()
    assert found["p95_latency"] == pytest.approx(30, rel=0.03)
    assert not bc(found["p95_latency"], ">", 50)
    assert bc(found["p95_latency"], ">", 25)
    assert (found["error_rate"], found["connection_reuse_rate"], found["circuit_breaker_state"]) == (3.0, 95.0, 2)
    assert found["http2_adoption_rate"] == 40.0
    assert bc(found["error_rate"], ">", 2)
    assert not bc(found["error_rate"], ">", 5)
    assert found["requests_per_second"] == 10, "of the ten seconds that it has run"
    assert not bc(found["requests_per_second"], ">", 80)


def test_what_is_not_measured_is_not_made_up(stage: Stage) -> None:
    found = stage.pages().performance()
    assert (found["p95_latency"], found["connection_reuse_rate"], found["circuit_breaker_state"]) == (None, None, None)
    assert found["requests_per_second"] == 0
    assert (found["cache_hit_ratio"], found["cache_memory_usage"], found["eviction_rate"]) == (None, 0, 0)
    assert found["http2_adoption_rate"] is None
    assert stage.pages().system() == {
        "memory_usage": None, "cpu_usage": None, "disk_usage": None, "memory_usage_mb": 0.0, "cpu_usage_percent": None,
    }  # fmt: skip


def test_the_figures_of_the_cache_are_bare_numbers_that_scripts_compare(stage: Stage) -> None:
    cache = stage.cache(enabled=True, default_ttl="15m", eviction_policy="lfu")
    pages = stage.pages(cache)
    counts = {"hit": 30, "stale": 5, "revalidated": 5, "miss": 60, "bypass": 100, "eviction": 20}
    cache.absorb({"counts": {**counts, "invalidation:unsafe": 8, "invalidation:tag": 2}})
    cache.absorb(None)
    stage.cached = [
        {"entries": 3, "bytes": 1_572_864, "average_age": 10.0}, {"entries": 1, "bytes": 524_288, "average_age": 30.0}
    ]  # fmt: skip
    stage.now += 10
    found = pages.performance()
    assert (found["cache_hit_ratio"], found["cache_memory_usage"], found["eviction_rate"]) == (40.0, 2.0, 2.0)
    assert bc(found["cache_hit_ratio"], "<", 80)
    stats = cache.stats()
    assert bc(stats["hit_ratio"], "<", 50)
    assert not bc(stats["hit_ratio"], "<", 39)
    assert {name: stats[name] for name in ("size", "memory_usage", "eviction_count", "recent_evictions")} == {
        "size": 4, "memory_usage": 2.0, "eviction_count": 20, "recent_evictions": 20,
    }  # fmt: skip
    assert (stats["default_ttl"], stats["average_age"], stats["eviction_policy"]) == (900, 15.0, "lfu")
    invalidations = cache.invalidation()
    assert (invalidations["invalidation_rate"], invalidations["invalidation_count"]) == (1.0, 10)
    assert named(pages.alerts())["LowCacheHitRatio"] == "critical"
    stage.now += 100
    assert (cache.stats()["hit_ratio"], cache.stats()["recent_evictions"]) == (40.0, 0)
    assert (pages.performance()["cache_hit_ratio"], cache.invalidation()["invalidation_rate"]) == (None, 0)
    assert "LowCacheHitRatio" not in named(pages.alerts()), "nobody has asked"


def test_the_past_does_not_count(stage: Stage) -> None:
    pages = stage.pages(throughput={"threshold": None, "critical_threshold": None})
    stage.served(10, seconds=1.0, failed=10)
    stage.now += 2
    assert named(pages.alerts()) == {"HighLatency": "critical", "HighErrorRate": "critical"}
    stage.now += 100
    assert (pages.performance()["error_rate"], named(pages.alerts())) == (0.0, {})


@pytest.mark.parametrize(
    ("seconds", "failed", "told"),
    [
        (0.005, 0, {}),
        (0.02, 0, {"HighLatency": "warning"}),
        (0.08, 0, {"HighLatency": "critical"}),
        (0.005, 10, {}),
        (0.005, 20, {"HighErrorRate": "warning"}),
        (0.005, 60, {"HighErrorRate": "critical"}),
    ],
)
def test_alerts_are_by_the_thresholds_of_the_runbook(
    stage: Stage, seconds: float, failed: int, told: dict[str, str]
) -> None:
    pages = stage.pages()
    stage.served(1000, seconds=seconds, failed=failed)
    stage.now += 5
    assert named(pages.alerts()) == told


@pytest.mark.parametrize(("requests", "severity"), [(100, None), (30, "warning"), (10, "critical")])
def test_too_little_is_an_alert_too_but_not_before_it_is_known(
    stage: Stage, requests: int, severity: str | None
) -> None:
    pages = stage.pages()
    for _ in range(61):
        assert named(pages.alerts()) == {}
        stage.served(requests, seconds=0.001)
        stage.now += 1
    stage.now += 0.5
    assert named(pages.alerts()).get("LowThroughput") == severity


def test_connections_are_of_what_is_allowed(stage: Stage) -> None:
    pages = stage.pages(throughput={"threshold": None, "critical_threshold": None})
    for share, told in ((50.0, {}), (85.0, {"ManyConnections": "warning"}), (99.0, {"ManyConnections": "critical"})):
        stage.now += 100
        stage.connections = share
        stage.resources.sample()
        assert named(pages.alerts()) == told


def test_what_the_processes_use(stage: Stage) -> None:
    stage.resources.sample()
    begun = time.process_time()
    while time.process_time() < begun + 0.05:  # Some ticks of the clock that the kernel counts by.
        pass
    stage.now += 0.5
    stage.resources.sample()
    found = stage.pages().system()
    assert found["memory_usage_mb"] > 10
    assert 0 < found["memory_usage"] < 100
    assert 0 < found["disk_usage"] <= 100
    assert found["cpu_usage"] == found["cpu_usage_percent"] > 0


def test_errors_are_told_by_their_type(stage: Stage) -> None:
    group = {
        "route": "default",
        "status": 504,
        "count": 2,
        "first_seen": "a",
        "last_seen": "b",
        "example": {"client_ip": "x"},
    }
    for kind in ("timeout", "upstream_status", "timeout"):
        stage.ledger.groups.add(time.time(), {**group, "error_type": kind})
    assert stage.pages().errors()["errors_by_type"] == {"timeout": 4, "upstream_status": 2}
    found = stage.pages().error_groups()
    assert [(one["error_type"], one["count"]) for one in found["groups"]] == [("timeout", 4), ("upstream_status", 2)]
    assert "client_ip" not in json.dumps(found)


# The limits of a container.


def group_files(root: Path, **files: str) -> Allowance:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return Allowance(root, root / "membership")


def test_limits_of_a_container(tmp_path: Path) -> None:
    one = group_files(
        tmp_path / "2", membership="0::/pod/app", pod__app__memory_dot_max="max", pod__memory_dot_max="104857600",
        pod__app__cpu_dot_max="50000 100000", cpu_dot_max="max 100000",
    )  # fmt: skip
    assert (one.memory_bytes(), one.processors()) == (104857600, 0.5)
    other = group_files(
        tmp_path / "1", membership="4:memory:/a\n1:cpu,cpuacct:/b\n0::/",
        memory__a__memory_dot_limit_in_bytes="52428800",
        cpu__b__cpu_dot_cfs_quota_us="25000", cpu__b__cpu_dot_cfs_period_us="100000",
    )  # fmt: skip
    assert (other.memory_bytes(), other.processors()) == (52428800, 0.25)


@pytest.mark.parametrize(("name", "text"), [("cpu_dot_max", "max 100000"), ("cpu__cpu_dot_cfs_quota_us", "-1")])
def test_without_limits_it_is_the_machine(tmp_path: Path, name: str, text: str) -> None:
    limits = {name: text, "cpu__cpu_dot_cfs_period_us": "100000", "memory_dot_max": "max"}
    free = group_files(tmp_path, membership="0::/../outside", **limits)
    assert free.memory_bytes() > 2**26
    assert 1 <= free.processors() <= (os.cpu_count() or 1)


# The settings.


def test_the_runbooks_own_lines_are_the_defaults() -> None:
    assert CriticalMetrics.model_validate(RUNBOOK["critical_metrics"]) == CriticalMetrics()
    assert SystemMetrics.model_validate(RUNBOOK["system_metrics"]) == SystemMetrics()


@pytest.mark.parametrize("wrong", ["10s", "ten", "-1ms", "1h"])
@pytest.mark.parametrize("key", ["threshold", "monitoring_interval"])
def test_other_units_are_refused(key: str, wrong: str) -> None:
    if (key, wrong) == ("monitoring_interval", "10s"):
        return
    with pytest.raises(ValueError, match=key):
        CriticalMetrics.model_validate({"p95_latency": {key: wrong}})


# Over all workers, as clients see it.


def test_all_pages_are_on_a_port_of_their_own(upstream: ControlledUpstream, tmp_path: Path) -> None:
    section = {"metrics_enabled": False, "metrics_port": 0}
    document = settings_for(upstream.url, observability=section)
    with running(document, tmp_path) as gateway, gateway.client() as client:
        with httpx.Client(base_url=gateway.ready["metrics"], trust_env=False) as metrics:
            assert [client.get("/status-503").status_code for _ in range(4)] == [503] * 4
            wait_for(lambda: metrics.get("/metrics/performance").json()["error_rate"] == 100, what="the figures")
            found = metrics.get("/metrics/performance").json()
            assert found["connection_reuse_rate"] >= 50
            assert found["memory_usage_mb"] > 30
            assert 'connection_pool_uses_total{connection="reused",service="backend"}' in metrics.get("/metrics").text
            assert metrics.get("/metrics/errors").json()["errors_by_type"] == {"upstream_status": 4}
            [group] = metrics.get("/api/errors").json()["groups"]
            assert (group["route"], group["status"], group["count"]) == ("default", 503, 4)
            assert named(metrics.get("/alerts/active").json())["HighErrorRate"] == "critical"
            assert metrics.get("/metrics/system").json()["disk_usage"] > 0
            assert metrics.get("/circuit-breaker/status").json()["state"] == "disabled"
            assert metrics.get("/admin/status").status_code == 404
            assert metrics.post("/metrics").status_code == 405
        for path in ("/metrics", "/metrics/performance", "/api/errors"):
            assert client.get(path).status_code == 200
    assert [one.target for one in upstream.requests][4:] == ["/metrics", "/metrics/performance", "/api/errors"]
