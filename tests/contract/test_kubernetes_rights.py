"""The doctor of Kubernetes, the Role that it prints, the settings, and who else has a say in a Deployment."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.adapters.kubernetes import detectors, doctor
from bot.adapters.kubernetes.access import ACCOUNT, ON_REQUEST, TABLE, manifest
from bot.adapters.kubernetes.building import build
from bot.adapters.kubernetes.detectors import Detected
from bot.settings import Settings, SettingsError, load
from tests.architecture.reading import ROOT
from tests.contract.clusters import DEPLOYMENT, SPACE, adapter, still
from tests.simulators.kubernetes import Kubernetes

MODULES = sorted((ROOT / "bot" / "adapters" / "kubernetes").glob("*.py"))
NO_FILE = Path("/dev/null")
WHERE = {"cluster": "production", "namespace": SPACE, "deployment": DEPLOYMENT}
CHOSEN = {"deployments": "kubernetes", "logs": "kubernetes"}


@pytest.fixture(params=["current", "old"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Kubernetes]:
    with still(age=request.param, keda=request.param == "current") as running:
        yield running


def settings(path: Path, **said: Any) -> Settings:
    """One cluster, and the gateway in it."""
    clusters = {"production": {"kubeconfig": str(path), **said.pop("how", {})}}
    values = {"kubernetes": {"clusters": clusters}, "gateway": {"kubernetes": WHERE}, "adapters": CHOSEN}
    return load(NO_FILE, **(values | said))


async def examined(known: Settings, ahead: float = 0) -> str:
    """All that the doctor says; this machine may be ahead of the wall, which is the server's time."""
    return "\n".join([str(one) async for one in doctor.examine(known, lambda: time.time() + ahead)])


def test_the_manifest_is_what_the_code_needs() -> None:
    file = ROOT / "deploy" / "kubernetes" / "rbac.yaml"
    assert file.read_text(encoding="utf-8") == manifest("gateway"), "run: tocsin k8s rbac > deploy/kubernetes/rbac.yaml"
    role = next(one for one in yaml.safe_load_all(manifest("gateway")) if one["kind"] == "Role")
    granted = {
        (g, r, v) for rule in role["rules"] for g in rule["apiGroups"] for r in rule["resources"] for v in rule["verbs"]
    }
    assert granted == {(one.group, one.resource, one.verb) for one in TABLE}


async def test_the_doctor_is_content_with_its_own_role(cluster: Kubernetes, tmp_path: Path) -> None:
    path = cluster.kubeconfig(tmp_path / "config", token=cluster.service_account(ACCOUNT, SPACE))
    said = await examined(settings(path))
    assert "✗" not in said
    assert "✓ production: reached, Kubernetes v1." in said
    assert "verbs is allowed in edge" in said
    assert "policy/v1beta1" in said if cluster.core.age == "old" else "policy/v1" in said
    assert "✓ production: api-gateway runs example.com/gateway:1.4.2" in said


async def test_the_doctor_names_what_is_missing_and_the_role_that_fixes_it(cluster: Kubernetes, tmp_path: Path) -> None:
    token = cluster.service_account("newcomer", SPACE)
    path = cluster.kubeconfig(tmp_path / "config", token=token)
    known = settings(path, how={"impersonate": True})
    said = await examined(known, 6000)
    assert re.search(r"✗ production: this machine is \d{4} s ahead", said)
    assert "    update deployments.apps/scale: /gw scale and /gw undo" in said
    assert "✗ production: impersonate is set, and not allowed" in said
    printed = said[said.index("    apiVersion: rbac") :].split("\n✗")[0]
    role = yaml.safe_load("\n".join(line.removeprefix("    ") for line in printed.splitlines()))
    cluster.allow(f"system:serviceaccount:{SPACE}:newcomer", *role["rules"], namespace=SPACE)
    assert "verbs is allowed in edge" in await examined(known)


async def test_the_doctor_looks_at_each_namespace(cluster: Kubernetes, tmp_path: Path) -> None:
    path = cluster.kubeconfig(tmp_path / "config", token=cluster.service_account(ACCOUNT, SPACE))
    said = await examined(settings(path, how={"namespaces": [SPACE, "default"]}))
    assert "verbs is allowed in edge" in said
    assert "✗ production: these verbs are missing in default:" in said
    assert "not granted: list nodes (/gw nodes" in said
    assert "tocsin k8s rbac --certs" in said


async def test_the_doctor_says_what_is_not_reached(cluster: Kubernetes, tmp_path: Path) -> None:
    path = cluster.kubeconfig(tmp_path / "config", token="nobody")
    assert "✗ production: it does not accept the credentials" in await examined(settings(path))
    path.write_text(path.read_text().replace(cluster.url, "https://127.0.0.1:1"), encoding="utf-8")
    assert "✗ production: The cluster production does not answer (NewConnectionError)." in await examined(
        settings(path)
    )
    missing = settings(tmp_path / "nowhere", adapters={})
    said = await examined(missing)
    assert "there is no such file" in said
    assert "✗ settings: no port is provided by Kubernetes" in said


async def test_those_who_have_a_say_are_found(cluster: Kubernetes, tmp_path: Path) -> None:
    version = "v1beta1" if cluster.core.age == "old" else "v1"
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": DEPLOYMENT}
    scaler = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 8, "targetCPUUtilizationPercentage": 70}
    budget = {"minAvailable": 1, "selector": {"matchLabels": {"app": DEPLOYMENT}}}
    for api, kind, name, spec in (
        ("autoscaling/v1", "HorizontalPodAutoscaler", "own", scaler),
        ("autoscaling/v1", "HorizontalPodAutoscaler", "other", scaler | {"scaleTargetRef": target | {"name": "other"}}),
        (f"policy/{version}", "PodDisruptionBudget", "budget", budget),
    ):
        cluster.apply({"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec}, namespace=SPACE)
    cluster.tick()

    def owned(old: dict[str, Any]) -> None:
        old["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] = "edge-apps"
        old["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": "edge:apps/Deployment:edge/api-gateway"}
        old["spec"]["paused"] = True

    cluster.change("deployments", DEPLOYMENT, owned, SPACE)
    if cluster.core.age != "old":
        spec = {"scaleTargetRef": {"name": DEPLOYMENT}}
        cluster.create("scaledobjects", {"metadata": {"name": "queue", "namespace": SPACE}, "spec": spec})
    gateway = adapter(cluster, tmp_path)
    found = await detectors.detect(gateway._place)
    await gateway.close()
    keda = [one for one in found if "KEDA" in one.what]
    assert len(keda) == (cluster.core.age != "old")
    assert [(one.what, one.stops) for one in found if one not in keda] == [
        ("the autoscaler own keeps it at 2 to 8 replicas and would undo this", ("scale",)),
        ("Argo CD owns it (edge), and may put back what its repository says", ()),
        ("Flux owns it (edge-apps), and may put back what its repository says", ()),
        ("its rollout is paused", ("restart", "rollback", "image", "resources", "env")),
        ("the budget budget lets 1 copies be missing now (2 healthy, 1 needed)", ()),
    ]
    assert all(isinstance(one, Detected) and (one.instead or not one.stops) for one in found)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"gateway": {"kubernetes": {"cluster": "staging"}}}, "'staging' is not among kubernetes.clusters: none yet"),
        ({"gateway": {"kubernetes": {"deployment": "web"}}}, "name one of kubernetes.clusters"),
        ({"kubernetes": {"clusters": {"a": {"in_cluster": True, "context": "b"}}}}, "leave one or the other out"),
        ({"kubernetes": {"clusters": {"a": {"kubeconfg": "x"}}}}, "kubernetes.clusters.a.kubeconfg"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load(NO_FILE, **wrong)


def test_an_adapter_without_a_place_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"gateway\.kubernetes\.deployment is empty"):
        build(load(NO_FILE, adapters=CHOSEN))


@pytest.mark.parametrize("path", MODULES, ids=lambda one: one.stem)
def test_whoever_does_not_use_it_does_not_wait_for_it(path: Path) -> None:
    """The client and what it stands on are imported by functions only: importing it takes most of a second."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {one.module for one in tree.body if isinstance(one, ast.ImportFrom) and one.module}
    names |= {alias.name for one in tree.body if isinstance(one, ast.Import) for alias in one.names}
    assert not {name.partition(".")[0] for name in names} & {"kubernetes", "urllib3"}


def test_the_page_explains_each_verb_as_the_table_does() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+ [\w./ ]+)` \| (.*) \|$", page, re.MULTILINE))
    assert {name: why.replace("`", "") for name, why in rows.items()} == {
        one.words: one.why for one in (*TABLE, *ON_REQUEST)
    }
