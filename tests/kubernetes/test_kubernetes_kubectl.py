"""kubectl, which nobody here wrote, at the simulated cluster."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.gateway.running import ROOT
from tests.kubernetes.clients import budget, deployment, service
from tests.simulators.kubernetes import Behaviour, Kubernetes

_KUBECTL = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")

pytestmark = [
    pytest.mark.skipif(_KUBECTL is None, reason="kubectl is not installed"),
    pytest.mark.xdist_group("kubectl"),
]

Run = Callable[..., str]


@pytest.fixture(scope="module")
def living() -> Iterator[Kubernetes]:
    """Time passes in it by itself."""
    with Kubernetes.start() as running:
        yield running


@pytest.fixture
def kubectl(living: Kubernetes, tmp_path_factory: pytest.TempPathFactory, space: str) -> Run:
    """Runs it in the namespace of the test; what it printed. It must succeed, unless its failure is expected."""
    return _runner(living, Path(tmp_path_factory.getbasetemp()) / "kubectl", space)


def _runner(cluster: Kubernetes, home: Path, namespace: str) -> Run:
    home.mkdir(exist_ok=True)
    settings = cluster.kubeconfig(home / "config", namespace=namespace)
    known = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": str(settings)}

    def run(*said: str, sent: str | None = None, fails: bool = False) -> str:
        assert _KUBECTL is not None
        done = subprocess.run(
            [_KUBECTL, *said], env=known, input=sent, capture_output=True, text=True, timeout=120, check=False
        )
        assert (done.returncode != 0) == fails, f"{said}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    return run


@pytest.fixture
def space(living: Kubernetes) -> str:
    """A namespace for this test alone."""
    name = f"test-{living.core.suffix(8)}"
    living.create("namespaces", {"metadata": {"name": name}})
    return name


@pytest.fixture
def web(living: Kubernetes, space: str) -> str:
    """A deployment of three pods that are ready."""
    living.apply(deployment(), namespace=space)
    _until(living, space, ready=3)
    return space


def _until(living: Kubernetes, space: str, *, ready: int) -> None:
    def holds() -> bool:
        status = living.get("deployments", "web", space).get("status", {})
        return (status.get("readyReplicas", 0), status.get("replicas", 0)) == (ready, ready)

    living.until(holds)


def _rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_get_and_scale(living: Kubernetes, kubectl: Run, web: str) -> None:
    rows = _rows(kubectl("get", "deployments,pods,replicasets"))
    assert rows[0] == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert rows[1][:4] == ["deployment.apps/web", "3/3", "3", "3"]
    assert [row[1:4] for row in rows if row and row[0].startswith("pod/")] == [["1/1", "Running", "0"]] * 3
    assert kubectl("scale", "deployment/web", "--replicas=5") == "deployment.apps/web scaled\n"
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    assert len(_rows(kubectl("get", "pods", "-l", "app=web", "--no-headers"))) == 5
    assert "Expected replicas to be 9, was 5" in kubectl(
        "scale", "deployment/web", "--replicas=1", "--current-replicas=9", fails=True
    )


def test_rollout(living: Kubernetes, kubectl: Run, web: str) -> None:
    assert kubectl("rollout", "restart", "deployment/web") == "deployment.apps/web restarted\n"
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    kubectl("set", "image", "deployment/web", "app=gateway:3")
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    assert [row[0] for row in _rows(kubectl("rollout", "history", "deployment/web"))[2:] if row] == ["1", "2", "3"]
    assert "gateway:1" in kubectl("rollout", "history", "deployment/web", "--revision=2")
    assert "rolled back" in kubectl("rollout", "undo", "deployment/web", "--to-revision=1")
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    known = living.get("deployments", "web", web)
    assert known["spec"]["template"]["spec"]["containers"][0]["image"] == "gateway:1"
    assert "kubectl.kubernetes.io/restartedAt" not in known["spec"]["template"]["metadata"].get("annotations", {})
    assert "paused" in kubectl("rollout", "pause", "deployment/web")
    assert "can't restart paused deployment" in kubectl("rollout", "restart", "deployment/web", fails=True)
    assert "resumed" in kubectl("rollout", "resume", "deployment/web")


def test_a_rollout_that_fails(living: Kubernetes, kubectl: Run, space: str) -> None:
    living.apply(deployment(image="gateway:missing", progressDeadlineSeconds=1), namespace=space)
    told = kubectl("rollout", "status", "deployment/web", "--timeout=60s", fails=True)
    assert 'deployment "web" exceeded its progress deadline' in told
    living.until(lambda: "ImagePullBackOff" in kubectl("get", "pods"))
    pod = living.list("pods", space)[0]["metadata"]["name"]
    assert "trying and failing to pull image" in kubectl("logs", pod, fails=True)


def test_drain_and_what_a_budget_refuses(living: Kubernetes, kubectl: Run, web: str) -> None:
    living.apply(budget(minAvailable=3), namespace=web)
    living.until(lambda: living.get("poddisruptionbudgets", "web", web)["status"].get("currentHealthy") == 3)
    pod = living.list("pods", web)[0]
    name, node = pod["metadata"]["name"], pod["spec"]["nodeName"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": web}}
    path = f"/api/v1/namespaces/{web}/pods/{name}/eviction"
    refused = kubectl("create", "--raw", path, "-f", "-", sent=json.dumps(eviction), fails=True)
    assert "Cannot evict pod as it would violate the pod's disruption budget." in refused
    living.change("poddisruptionbudgets", "web", lambda known: known["spec"].update(minAvailable=2), web)
    living.until(lambda: living.get("poddisruptionbudgets", "web", web)["status"]["disruptionsAllowed"])
    try:
        assert kubectl("cordon", node) == f"node/{node} cordoned\n"
        assert "SchedulingDisabled" in kubectl("get", "node", node)
        drained = kubectl("drain", node, "--ignore-daemonsets", "--pod-selector=app=web", "--timeout=60s")
        assert f"node/{node} drained" in drained
        _until(living, web, ready=3)
        assert node not in {one["spec"]["nodeName"] for one in living.list("pods", web)}
    finally:
        assert kubectl("uncordon", node) == f"node/{node} uncordoned\n"


def test_logs_and_top(living: Kubernetes, kubectl: Run, web: str) -> None:
    first, second, _ = (one["metadata"]["name"] for one in living.list("pods", web))
    living.log(first, "GET /checkout 502\nGET /cart 200", namespace=web)
    living.log(second, "GET /cart 200", namespace=web)
    assert kubectl("logs", first, "--tail=1") == "GET /cart 200\n"
    prefixed = kubectl("logs", "-l", "app=web", "--prefix")
    assert f"[pod/{first}/app] GET /checkout 502" in prefixed
    assert f"[pod/{second}/app] GET /cart 200" in prefixed
    assert "previous terminated container" in kubectl("logs", first, "--previous", fails=True)
    living.use("web", cpu="300m", memory="64Mi", namespace=web)
    assert _rows(kubectl("top", "pods"))[1] == [first, "300m", "64Mi"]
    assert [row[0] for row in _rows(kubectl("top", "nodes"))[1:]] == ["node-1", "node-2", "node-3"]
    living.set_metrics("absent")
    try:
        assert "Metrics API not available" in kubectl("top", "pods", fails=True)
    finally:
        living.set_metrics("served")


def test_apply_describe_and_patch(living: Kubernetes, kubectl: Run, space: str) -> None:
    manifest = "---\n".join(yaml.safe_dump(one) for one in (deployment(), service()))
    assert "deployment.apps/web created" in kubectl("apply", "-f", "-", sent=manifest)
    assert "deployment.apps/web unchanged" in kubectl("apply", "-f", "-", sent=manifest)
    _until(living, space, ready=3)
    told = kubectl("describe", "deployment", "web")
    assert "3 desired | 3 updated | 3 total | 3 available | 0 unavailable" in told
    assert "Scaled up replica set web-" in told
    assert "Endpoints:" in kubectl("describe", "service", "web")
    patch = '{"spec":{"template":{"spec":{"containers":[{"name":"app","env":[{"name":"LEVEL","value":"debug"}]}]}}}}'
    assert "patched" in kubectl("patch", "deployment", "web", "-p", patch)
    failed = '[{"op":"test","path":"/spec/replicas","value":9}]'
    assert "the server rejected our request" in kubectl(
        "patch", "deployment", "web", "--type=json", "-p", failed, fails=True
    )
    wrong = manifest.replace("replicas: 3", "replicsa: 3")
    assert 'strict decoding error: unknown field "spec.replicsa"' in kubectl("apply", "-f", "-", sent=wrong, fails=True)
    kubectl("patch", "deployment", "web", "--subresource=scale", "--type=merge", "-p", '{"spec":{"replicas":2}}')
    conflict = kubectl("apply", "--server-side", "--field-manager=gitops", "-f", "-", sent=manifest, fails=True)
    assert 'conflict with "kubectl-patch" with subresource "scale" using apps/v1: .spec.replicas' in conflict
    assert kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}") == "2"


def test_crashes_and_waiting(living: Kubernetes, kubectl: Run, space: str) -> None:
    living.image("flaky:*", Behaviour("crashes", says="panic: no config"))
    kubectl("run", "box", "--image=flaky:1")
    living.until(lambda: "CrashLoopBackOff" in kubectl("get", "pod", "box"))
    assert kubectl("logs", "box", "--previous") == "panic: no config\n"
    living.image("flaky:*", Behaviour())
    assert "condition met" in kubectl("wait", "pod/box", "--for=condition=Ready", "--timeout=60s")
    assert 'pod "box" deleted' in kubectl("delete", "pod", "box")


def test_who_may(living: Kubernetes, kubectl: Run, space: str) -> None:
    assert kubectl("auth", "can-i", "patch", "deployments") == "yes\n"
    living.allow("ana", {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}, namespace=space)
    assert kubectl("auth", "can-i", "list", "pods", "--as=ana") == "yes\n"
    assert kubectl("auth", "can-i", "patch", "deployments.apps", "--as=ana", fails=True) == "no\n"
    assert "No resources found" in kubectl("get", "pods", "--as=ana")
    refused = kubectl("get", "nodes", "--as=ana", fails=True)
    assert 'nodes is forbidden: User "ana" cannot list resource "nodes" in API group ""' in refused


def test_an_old_server(tmp_path: Path) -> None:
    with Kubernetes.start(age="old", nodes=2) as old:
        run = _runner(old, tmp_path, "default")
        old.apply(deployment())
        old.apply({**budget(minAvailable=1), "apiVersion": "policy/v1beta1"})
        assert "successfully rolled out" in run("rollout", "status", "deployment/web", "--timeout=60s")
        run("scale", "deployment/web", "--replicas=2")
        assert "successfully rolled out" in run("rollout", "status", "deployment/web", "--timeout=60s")
        assert "node/node-1 drained" in run("drain", "node-1", "--timeout=60s")
        assert {one.body["apiVersion"] for one in old.calls_of("create pods/eviction")} == {"policy/v1beta1"}
        assert "poddisruptionbudget.policy/web" in run("get", "pdb", "-o", "name")


def test_the_manifests_of_the_gateway_are_taken_and_become_ready(living: Kubernetes, kubectl: Run, space: str) -> None:
    said = kubectl("apply", "-f", str(ROOT / "deploy" / "kubernetes" / "gateway.yaml"))
    assert [line.split()[-1] for line in said.splitlines()] == ["created"] * 7, said
    assert "Warning" not in said
    known = living.get("horizontalpodautoscalers", "api-gateway-hpa", space)
    living.until(lambda: _ready(living, space) == known["spec"]["minReplicas"])
    kubectl("apply", "-f", str(ROOT / "deploy" / "kubernetes" / "gateway.yaml"))
    known = living.get("deployments", "api-gateway", space)
    assert known["spec"]["replicas"] == _ready(living, space), "an apply leaves the number to the autoscaler"


def _ready(living: Kubernetes, space: str) -> int:
    return int(living.get("deployments", "api-gateway", space).get("status", {}).get("readyReplicas", 0))
