"""`deploy/prometheus/`: what is scraped has the names that rules, dashboards and the autoscaler go by."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.telemetry.exposition import Moment, exposition
from gateway.telemetry.ledger import Ledger
from tests.gateway.running import ROOT

FOLDER = ROOT / "deploy" / "prometheus"
OBJECTS: dict[str, Any] = {
    one["kind"]: one for one in yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / "gateway.yaml").read_text())
}


def jobs() -> dict[str, Any]:
    document = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    return {one["job_name"]: one for one in document["scrape_configs"]}


def test_each_job_that_a_rule_or_a_dashboard_asks_for_is_scraped() -> None:
    files = [*FOLDER.glob("rules-*.yaml"), *(ROOT / "deploy" / "grafana").glob("*.json")]
    asked = {name for file in files for name in re.findall(r'job="([a-z-]+)"', file.read_text())}
    assert asked == {"api-gateway", "redis"} == set(jobs())


def test_the_pods_of_the_deployment_are_found_by_their_label_and_port() -> None:
    [keep] = [one for one in jobs()["api-gateway"]["relabel_configs"] if one.get("action") == "keep"]
    pod = OBJECTS["Deployment"]["spec"]["template"]
    [container] = pod["spec"]["containers"]
    found = [f"{pod['metadata']['labels']['app']};{one['name']}" for one in container["ports"]]
    assert [one for one in found if re.fullmatch(keep["regex"], one)] == ["api-gateway;metrics"]


def test_the_autoscaler_gets_the_metric_that_it_asks_for() -> None:
    [rule] = yaml.safe_load((FOLDER / "adapter.yaml").read_text())["rules"]["custom"]
    [wanted] = [one["pods"]["metric"]["name"] for one in OBJECTS["HorizontalPodAutoscaler"]["spec"]["metrics"]
                if one["type"] == "Pods"]  # fmt: skip
    assert rule["name"]["as"] == wanted == rule["seriesQuery"].partition("{")[0]
    assert f"# TYPE {wanted} gauge\n" in exposition(Ledger(100), Moment(2.0, 1.0, "v", 1, 1))
    labels = {one["target_label"] for one in jobs()["api-gateway"]["relabel_configs"] if "target_label" in one}
    assert set(rule["resources"]["overrides"]) == labels


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_promtool_takes_it_with_all_rules(tmp_path: Path) -> None:
    document = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    document["rule_files"] = [str(FOLDER / one) for one in document["rule_files"]]
    for job in document["scrape_configs"]:
        # Debian's promtool knows of no Kubernetes.
        if job.pop("kubernetes_sd_configs", None) == [{"role": "pod"}]:
            job["static_configs"] = [{"targets": ["pod:9090"]}]
    path = tmp_path / "prometheus.yaml"
    path.write_text(yaml.safe_dump(document))
    done = subprocess.run(["promtool", "check", "config", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 rule files found" in done.stdout
