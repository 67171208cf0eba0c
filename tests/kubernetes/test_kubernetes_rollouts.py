"""Deployments, replica sets and their pods in the simulated cluster, under a clock that stands still."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kubernetes.clients import STRICT, Tools, deployment
from tests.simulators.kubernetes import Behaviour, Kubernetes
from tests.simulators.kubernetes.store import Object

pytestmark = pytest.mark.xdist_group("kubernetes")

REVISION = "deployment.kubernetes.io/revision"


def _image(cluster: Kubernetes, space: str, image: str) -> None:
    def changed(known: Object) -> None:
        known["spec"]["template"]["spec"]["containers"][0]["image"] = image

    cluster.change("deployments", "web", changed, space)


def _conditions(known: Object) -> dict[str, tuple[str, str]]:
    return {one["type"]: (one["status"], one["reason"]) for one in known["status"].get("conditions", [])}


def _ready(cluster: Kubernetes, space: str) -> list[str]:
    return [
        one["metadata"]["name"]
        for one in cluster.list("pods", space)
        if any(each["type"] == "Ready" and each["status"] == "True" for each in one["status"].get("conditions", []))
    ]


def _sizes(cluster: Kubernetes, space: str) -> dict[str, int]:
    """The sizes of replica sets by their revision."""
    found = cluster.list("replicasets", space)
    return {one["metadata"]["annotations"][REVISION]: one["spec"]["replicas"] for one in found}


def test_a_deployment_gets_its_pods_step_by_step(cluster: Kubernetes, admin: Tools, space: str) -> None:
    admin.apps.create_namespaced_deployment(space, deployment(), **STRICT)
    assert "status" not in cluster.get("deployments", "web", space)
    cluster.cluster.rest()
    known = cluster.get("deployments", "web", space)
    assert known["status"]["observedGeneration"] == 1
    assert known["status"]["unavailableReplicas"] == 3
    assert _conditions(known) == {
        "Available": ("False", "MinimumReplicasUnavailable"),
        "Progressing": ("True", "ReplicaSetUpdated"),
    }
    pods = cluster.list("pods", space)
    assert {one["status"]["phase"] for one in pods} == {"Pending"}
    assert pods[0]["status"]["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}
    cluster.settle()
    known = cluster.get("deployments", "web", space)
    assert _conditions(known) == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }
    assert [known["status"][name] for name in ("replicas", "readyReplicas", "updatedReplicas")] == [3, 3, 3]
    owner = cluster.list("replicasets", space)[0]
    assert owner["metadata"]["name"] == f"web-{owner['metadata']['labels']['pod-template-hash']}"
    assert {one["spec"]["nodeName"] for one in pods} <= {"node-1", "node-2", "node-3"}


def test_a_rolling_update_keeps_its_bounds(cluster: Kubernetes, space: str) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}
    cluster.apply(deployment(replicas=4, strategy=rolling), namespace=space)
    cluster.settle()
    _image(cluster, space, "gateway:2")
    seen: list[tuple[int, int]] = []
    for _ in range(60):
        cluster.tick()
        alive = [one for one in cluster.list("pods", space) if "deletionTimestamp" not in one["metadata"]]
        ready = [one for one in _ready(cluster, space) if one in {pod["metadata"]["name"] for pod in alive}]
        seen.append((len(alive), len(ready)))
        cluster.advance(0.25)
    assert max(alive for alive, _ in seen) == 5
    assert min(ready for _, ready in seen) == 3
    assert _sizes(cluster, space) == {"1": 0, "2": 4}


def test_recreation_waits_for_the_old_pods(cluster: Kubernetes, space: str) -> None:
    cluster.apply(deployment(replicas=2, strategy={"type": "Recreate"}), namespace=space)
    cluster.settle()
    _image(cluster, space, "gateway:2")
    cluster.cluster.rest()
    pods = cluster.list("pods", space)
    assert len(pods) == 2
    assert all("deletionTimestamp" in one["metadata"] for one in pods)
    cluster.settle()
    assert _sizes(cluster, space) == {"1": 0, "2": 2}


def test_a_rollout_that_never_finishes_is_told(cluster: Kubernetes, space: str) -> None:
    cluster.apply(deployment(replicas=4, progressDeadlineSeconds=120), namespace=space)
    cluster.settle()
    _image(cluster, space, "gateway:missing")
    cluster.settle()
    states = [one["status"]["containerStatuses"][0]["state"] for one in cluster.list("pods", space)]
    assert {"reason": "ImagePullBackOff", "message": "Back-off pulling image"} in [one.get("waiting") for one in states]
    assert len(_ready(cluster, space)) == 3
    assert _conditions(cluster.get("deployments", "web", space))["Progressing"] == ("True", "ReplicaSetUpdated")
    cluster.advance(130)
    known = cluster.get("deployments", "web", space)
    assert _conditions(known)["Progressing"] == ("False", "ProgressDeadlineExceeded")
    assert _conditions(known)["Available"][0] == "True"
    _image(cluster, space, "gateway:1")
    cluster.settle()
    known = cluster.get("deployments", "web", space)
    assert _conditions(known)["Progressing"] == ("True", "NewReplicaSetAvailable")
    assert _sizes(cluster, space) == {"2": 0, "3": 4}
    assert known["metadata"]["annotations"][REVISION] == "3"


def test_going_back_makes_the_old_replica_set_the_newest(cluster: Kubernetes, admin: Tools, space: str) -> None:
    cluster.apply(deployment(replicas=2), namespace=space)
    for image in ("gateway:2", "gateway:3"):
        cluster.settle()
        _image(cluster, space, image)
    cluster.settle()
    sets = {one["metadata"]["annotations"][REVISION]: one for one in cluster.list("replicasets", space)}
    template = sets["1"]["spec"]["template"]
    del template["metadata"]["labels"]["pod-template-hash"]
    patch = [{"op": "replace", "path": "/spec/template", "value": template}]
    admin.apps.patch_namespaced_deployment("web", space, patch, **STRICT)
    cluster.settle()
    assert _sizes(cluster, space) == {"2": 0, "3": 0, "4": 2}
    newest = next(one for one in cluster.list("replicasets", space) if one["spec"]["replicas"])
    assert newest["metadata"]["uid"] == sets["1"]["metadata"]["uid"]
    assert newest["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] == "1"


def test_old_replica_sets_are_forgotten(cluster: Kubernetes, space: str) -> None:
    cluster.apply(deployment(replicas=1, revisionHistoryLimit=1), namespace=space)
    for image in ("gateway:2", "gateway:3", "gateway:4"):
        cluster.settle()
        _image(cluster, space, image)
    cluster.settle()
    assert _sizes(cluster, space) == {"3": 0, "4": 1}


def test_a_paused_deployment_scales_but_does_not_roll(cluster: Kubernetes, space: str) -> None:
    cluster.apply(deployment(replicas=2), namespace=space)
    cluster.settle()
    cluster.change("deployments", "web", lambda known: known["spec"].update(paused=True), space)
    _image(cluster, space, "gateway:2")
    cluster.change("deployments", "web", lambda known: known["spec"].update(replicas=3), space)
    cluster.settle()
    assert _sizes(cluster, space) == {"1": 3}
    known = cluster.get("deployments", "web", space)
    assert _conditions(known)["Progressing"] == ("Unknown", "DeploymentPaused")
    assert known["status"].get("updatedReplicas", 0) == 0
    cluster.change("deployments", "web", lambda known: known["spec"].pop("paused"), space)
    cluster.settle()
    assert _sizes(cluster, space) == {"1": 0, "2": 3}


def test_scaling_down_takes_the_worst_pods(cluster: Kubernetes, space: str) -> None:
    cluster.apply(deployment(replicas=3), namespace=space)
    cluster.settle()
    worst = cluster.list("pods", space)[1]["metadata"]["name"]
    cluster.hold(worst, space)
    cluster.settle()
    assert worst not in _ready(cluster, space)
    assert cluster.get("deployments", "web", space)["status"]["availableReplicas"] == 2
    cluster.change("deployments", "web", lambda known: known["spec"].update(replicas=2), space)
    cluster.settle()
    left = [one["metadata"]["name"] for one in cluster.list("pods", space)]
    assert len(left) == 2
    assert worst not in left


def test_a_pod_without_its_label_is_let_go_and_replaced(cluster: Kubernetes, admin: Tools, space: str) -> None:
    cluster.apply(deployment(replicas=2), namespace=space)
    cluster.settle()
    suspect = cluster.list("pods", space)[0]["metadata"]["name"]
    patch = {"metadata": {"labels": {"app": None, "quarantine": "yes"}}}
    admin.core.patch_namespaced_pod(suspect, space, patch, **STRICT)
    cluster.settle()
    pods = {one["metadata"]["name"]: one for one in cluster.list("pods", space)}
    assert len(pods) == 3
    assert "ownerReferences" not in pods[suspect]["metadata"]
    patch = {"metadata": {"labels": {"app": "web", "quarantine": None}}}
    admin.core.patch_namespaced_pod(suspect, space, patch, **STRICT)
    cluster.settle()
    assert len(cluster.list("pods", space)) == 2


def test_a_pod_that_is_deleted_takes_its_time(cluster: Kubernetes, admin: Tools, space: str) -> None:
    cluster.core.pace.stop, before = 20, cluster.core.pace.stop
    try:
        cluster.apply(deployment(replicas=1), namespace=space)
        cluster.settle()
        name = cluster.list("pods", space)[0]["metadata"]["name"]
        gone = admin.core.delete_namespaced_pod(name, space)
        assert gone.metadata.deletion_grace_period_seconds == 30
        cluster.advance(5)
        assert len(cluster.list("pods", space)) == 2
        admin.core.delete_namespaced_pod(name, space, grace_period_seconds=0)
        assert name not in [one["metadata"]["name"] for one in cluster.list("pods", space)]
    finally:
        cluster.core.pace.stop = before


def test_a_container_that_crashes_backs_off(cluster: Kubernetes, space: str) -> None:
    cluster.image("flaky:*", Behaviour("crashes", exit_code=3, says="panic: no config"))
    cluster.apply(deployment(replicas=1, image="flaky:1"), namespace=space)
    cluster.advance(8)
    status = cluster.list("pods", space)[0]["status"]["containerStatuses"][0]
    assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert status["lastState"]["terminated"]["exitCode"] == 3
    assert status["restartCount"] == 1
    cluster.advance(100)
    assert cluster.list("pods", space)[0]["status"]["containerStatuses"][0]["restartCount"] == 4
    told = [one for one in cluster.list("events", space) if one["reason"] == "BackOff"]
    assert told[0]["count"] >= 3
    cluster.image("flaky:*", Behaviour())
    cluster.advance(400)
    assert len(_ready(cluster, space)) == 1


@pytest.mark.parametrize(("policy", "left"), [("Background", 0), ("Foreground", 0), ("Orphan", 2)])
def test_what_becomes_of_dependents(cluster: Kubernetes, admin: Tools, space: str, policy: str, left: int) -> None:
    cluster.apply(deployment(replicas=2), namespace=space)
    cluster.settle()
    admin.apps.delete_namespaced_deployment("web", space, propagation_policy=policy)
    there = cluster.find("deployments", "web", space)
    assert (there is None) == (policy == "Background")
    cluster.settle()
    assert cluster.find("deployments", "web", space) is None
    assert len(cluster.list("pods", space)) == left
    assert len(cluster.list("replicasets", space)) == (1 if left else 0)


def _stateful(kind: str, **spec: Any) -> dict[str, Any]:
    known = {**deployment(), "kind": kind}
    known["spec"] = {name: value for name, value in known["spec"].items() if name in {"selector", "template"}}
    known["spec"] |= spec
    return known


def test_a_stateful_set_goes_one_by_one(cluster: Kubernetes, space: str) -> None:
    cluster.apply(_stateful("StatefulSet", replicas=3, serviceName="web"), namespace=space)
    cluster.cluster.rest()
    assert [one["metadata"]["name"] for one in cluster.list("pods", space)] == ["web-0"]
    cluster.settle()
    assert [one["metadata"]["name"] for one in cluster.list("pods", space)] == ["web-0", "web-1", "web-2"]

    def changed(known: Object) -> None:
        known["spec"]["template"]["spec"]["containers"][0]["image"] = "gateway:2"

    cluster.change("statefulsets", "web", changed, space)
    cluster.cluster.rest()
    leaving = [one["metadata"]["name"] for one in cluster.list("pods", space) if "deletionTimestamp" in one["metadata"]]
    assert leaving == ["web-2"]
    cluster.settle()
    known = cluster.get("statefulsets", "web", space)
    assert known["status"]["currentRevision"] == known["status"]["updateRevision"]
    revisions = sorted(cluster.list("controllerrevisions", space), key=lambda one: one["revision"])
    assert [one["revision"] for one in revisions] == [1, 2]
    assert revisions[0]["data"]["spec"]["template"]["spec"]["containers"][0]["image"] == "gateway:1"


def test_a_daemon_set_is_on_each_node(cluster: Kubernetes, space: str) -> None:
    cluster.apply(_stateful("DaemonSet"), namespace=space)
    cluster.settle()
    assert {one["spec"]["nodeName"] for one in cluster.list("pods", space)} == {"node-1", "node-2", "node-3"}
    status = cluster.get("daemonsets", "web", space)["status"]
    assert (status["desiredNumberScheduled"], status["numberAvailable"]) == (3, 3)
    assert len(cluster.list("controllerrevisions", space)) == 1
