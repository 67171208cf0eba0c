"""The dashboards of `deploy/grafana/`: each query is one that Prometheus takes, of metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.telemetry.exposition import Moment, exposition
from gateway.telemetry.ledger import Ledger
from tests.gateway.running import ROOT

FOLDER = ROOT / "deploy" / "grafana"
#: As runbook 003 names their addresses.
BOARDS = ("cache-metrics", "performance", "system-overview")
#: Of Prometheus itself and of Kubernetes.
OTHERS = {"up", "container_cpu_usage_seconds_total", "container_memory_usage_bytes"}
NEEDS_PROMTOOL = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)"
)


def _board(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def _queries(board: dict[str, Any]) -> Iterator[str]:
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$job", "api-gateway")


def _known() -> set[str]:
    page = exposition(Ledger(100), Moment(2.0, 1.0, "v", 1, 1))
    types = re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE)
    return OTHERS | {f"{name}_bucket" if kind == "histogram" else name for name, kind in types}


def test_they_are_those_that_runbook_003_names() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == list(BOARDS)
    assert [_board(name)["uid"] for name in BOARDS] == list(BOARDS)


@pytest.mark.parametrize("name", BOARDS)
def test_each_metric_is_one_that_the_gateway_has(name: str) -> None:
    known = _known()
    for query in _queries(_board(name)):
        used = set(re.findall(r"\b([a-z_]+)\{", query))
        assert used, query
        assert used <= known, f"{query}: {used - known}"


@pytest.mark.parametrize("name", BOARDS)
def test_no_panel_lies_upon_another(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in _board(name)["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells


@NEEDS_PROMTOOL
def test_prometheus_takes_each_query(tmp_path: Path) -> None:
    queries = [query for name in BOARDS for query in _queries(_board(name))]
    rules = [{"record": f"dashboard:{number}", "expr": query} for number, query in enumerate(queries)]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout
