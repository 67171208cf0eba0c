"""`deploy/kubernetes/gateway.yaml`: the gateway takes its configuration, and its numbers are the runbook's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config_file import load
from gateway.settings import Settings
from tests.gateway.running import ROOT

FILE = ROOT / "deploy" / "kubernetes" / "gateway.yaml"
SEEDS = ROOT.parent / "shared" / "seeds"
OBJECTS: dict[str, Any] = {one["kind"]: one for one in yaml.safe_load_all(FILE.read_text())}
SECRETS = {
    "GATEWAY_ADMIN_TOKEN": "a-token-for-tests",
    "REDIS_URL": "redis://redis:6379/0",
    "JWT_SECRET": "a secret that is long enough for tests",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The configuration, as the gateway reads it."""
    path = tmp_path / "gateway.yaml"
    path.write_text(OBJECTS["ConfigMap"]["data"]["gateway.yaml"])
    return load(path, SECRETS)


def _pod() -> dict[str, Any]:
    found: dict[str, Any] = OBJECTS["Deployment"]["spec"]["template"]["spec"]
    return found


def _container() -> dict[str, Any]:
    found: dict[str, Any] = _pod()["containers"][0]
    return found


def test_its_ports_and_secrets_are_those_of_the_configuration(settings: Settings) -> None:
    ports = {one["name"]: one["containerPort"] for one in _container()["ports"]}
    assert ports == {
        "http": settings.server.port,
        "admin": settings.admin.port,
        "metrics": settings.observability.metrics_port,
    }
    assert {one["name"] for one in _container()["env"]} == set(SECRETS)
    opened = [one["port"] for rule in OBJECTS["NetworkPolicy"]["spec"]["ingress"] for one in rule["ports"]]
    assert sorted(opened) == sorted(ports.values())
    free = [one["ports"][0]["port"] for one in OBJECTS["NetworkPolicy"]["spec"]["ingress"] if "from" not in one]
    assert free == [settings.server.port], "nobody but those with the label gets to the admin API"


def test_what_it_writes_is_on_a_volume_and_it_is_nobody(settings: Settings) -> None:
    paths = [Path(one or "") for one in (settings.admin.history_path, settings.admin.versions_path)]
    written = [Path(one["mountPath"]) for one in _container()["volumeMounts"] if not one.get("readOnly")]
    assert all(any(path.is_relative_to(one) for one in written) for path in paths)
    secured = _container()["securityContext"]
    assert secured["readOnlyRootFilesystem"]
    assert not secured["allowPrivilegeEscalation"]
    assert _pod()["securityContext"]["runAsNonRoot"]
    assert not _pod()["automountServiceAccountToken"]


def test_a_pod_has_time_to_drain_and_a_processor_for_each_worker(settings: Settings) -> None:
    pause = int(_container()["lifecycle"]["preStop"]["exec"]["command"][1])
    assert _pod()["terminationGracePeriodSeconds"] > pause + settings.server.drain_timeout_secs
    assert int(_container()["resources"]["requests"]["cpu"]) == settings.workers.count


def test_it_is_scaled_as_the_runbook_says() -> None:
    book = next(iter(SEEDS.glob("002_*")), None) if SEEDS.is_dir() else None
    if book is None:
        pytest.skip("the runbooks are not here")
    texts = re.findall(r"```yaml\n(.*?)```", book.read_text(), re.DOTALL)
    for kind in ("HorizontalPodAutoscaler", "PodDisruptionBudget"):
        wanted = next(yaml.safe_load(one) for one in texts if f"kind: {kind}\n" in one)
        assert _numbers(OBJECTS[kind]["spec"]) == _numbers(wanted["spec"])


def _numbers(spec: Any) -> Any:
    """Quantities are strings or numbers to Kubernetes; both mean the same."""
    if isinstance(spec, dict):
        return {key: _numbers(value) for key, value in spec.items()}
    if isinstance(spec, list):
        return [_numbers(one) for one in spec]
    return int(spec) if str(spec).isdigit() else spec
