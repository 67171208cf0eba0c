"""Evictions, nodes, services and autoscalers of the simulated cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from tests.kubernetes.clients import STRICT, Tools, budget, deployment, refusal, service, still, tools
from tests.simulators.kubernetes import Kubernetes

pytestmark = pytest.mark.xdist_group("kubernetes")


def _evict(admin: Tools, space: str, name: str, **options: Any) -> Any:
    said = {"metadata": {"name": name, "namespace": space}, **options}
    return admin.core.create_namespaced_pod_eviction(name, space, said)


def _names(cluster: Kubernetes, space: str) -> list[str]:
    return [one["metadata"]["name"] for one in cluster.list("pods", space)]


def test_a_budget_refuses_evictions(cluster: Kubernetes, admin: Tools, space: str) -> None:
    cluster.apply(deployment(replicas=3), namespace=space)
    cluster.settle()
    admin.policy.create_namespaced_pod_disruption_budget(space, budget(minAvailable=2), **STRICT)
    first, second, third = _names(cluster, space)
    with pytest.raises(ApiException) as refused:
        _evict(admin, space, first)
    assert "still being processed by the server" in refusal(refused)["details"]["causes"][0]["message"]
    assert refused.value.headers["Retry-After"] == "10"
    cluster.cluster.rest()
    status = admin.policy.read_namespaced_pod_disruption_budget("web", space).status
    assert (status.disruptions_allowed, status.current_healthy, status.desired_healthy) == (1, 3, 2)
    tried = {"deleteOptions": {"dryRun": ["All"]}}
    _evict(admin, space, first, **tried)
    _evict(admin, space, first)
    with pytest.raises(ApiException) as refused:
        _evict(admin, space, second)
    status = refusal(refused)
    assert (status["code"], status["reason"]) == (429, "TooManyRequests")
    assert status["message"] == "Cannot evict pod as it would violate the pod's disruption budget."
    cause = status["details"]["causes"][0]
    assert cause["reason"] == "DisruptionBudget"
    assert cause["message"] == "The disruption budget web needs 2 healthy pods and has 3 currently"
    cluster.settle()
    assert first not in _names(cluster, space)
    assert {second, third} < set(_names(cluster, space))
    _evict(admin, space, second)


def test_a_pod_that_is_not_ready_may_go_while_enough_are(cluster: Kubernetes, admin: Tools, space: str) -> None:
    cluster.apply(deployment(replicas=3), namespace=space)
    cluster.apply(budget(maxUnavailable=1), namespace=space)
    cluster.settle()
    sick, other, _ = _names(cluster, space)
    cluster.hold(sick, space)
    cluster.settle()
    known = cluster.get("poddisruptionbudgets", "web", space)["status"]
    assert (known["disruptionsAllowed"], known["currentHealthy"], known["desiredHealthy"]) == (0, 2, 2)
    with pytest.raises(ApiException) as refused:
        _evict(admin, space, other)
    assert refusal(refused)["code"] == 429
    _evict(admin, space, sick)


def test_two_budgets_are_a_mistake(cluster: Kubernetes, admin: Tools, space: str) -> None:
    cluster.apply(deployment(replicas=1), namespace=space)
    for name in ("one", "two"):
        cluster.apply({**budget(minAvailable=0), "metadata": {"name": name}}, namespace=space)
    cluster.settle()
    with pytest.raises(ApiException) as refused:
        _evict(admin, space, _names(cluster, space)[0])
    assert refusal(refused)["code"] == 500
    assert "more than one PodDisruptionBudget" in refusal(refused)["message"]


def test_a_cordoned_node_takes_no_new_pods(tmp_path: Path) -> None:
    with still() as cluster, tools(cluster, tmp_path / "config") as admin:
        admin.core.patch_node("node-1", {"spec": {"unschedulable": True}}, **STRICT)
        cluster.settle()
        taints = admin.core.read_node("node-1").spec.taints
        assert [(one.key, one.effect) for one in taints] == [("node.kubernetes.io/unschedulable", "NoSchedule")]
        cluster.apply(deployment(replicas=4))
        cluster.settle()
        assert {one["spec"]["nodeName"] for one in cluster.list("pods")} == {"node-2", "node-3"}
        for name in ("node-2", "node-3"):
            admin.core.patch_node(name, {"spec": {"unschedulable": True}}, **STRICT)
        cluster.delete("pods", _names(cluster, "default")[0])
        cluster.settle()
        waiting = [one for one in cluster.list("pods") if not one["spec"].get("nodeName")]
        assert len(waiting) == 1
        assert waiting[0]["status"]["conditions"][0]["message"] == (
            "0/3 nodes are available: 3 node(s) were unschedulable."
        )
        admin.core.patch_node("node-1", {"spec": {"unschedulable": None}}, **STRICT)
        cluster.settle()
        assert all(one["spec"].get("nodeName") for one in cluster.list("pods"))
        assert admin.core.read_node("node-1").spec.taints is None


def test_pods_that_want_more_than_there_is_wait() -> None:
    with still(nodes=1) as cluster:
        known = deployment(replicas=3)
        known["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1500m"}}
        cluster.apply(known)
        cluster.settle()
        assert sum("nodeName" in one["spec"] for one in cluster.list("pods")) == 2
        told = [one["message"] for one in cluster.list("events") if one["reason"] == "FailedScheduling"]
        assert told == ["0/1 nodes are available: 1 Insufficient cpu."]


def test_a_node_that_vanishes() -> None:
    with still() as cluster:
        cluster.apply(deployment(replicas=3))
        cluster.apply(service())
        cluster.settle()
        lost = next(one for one in cluster.list("pods") if one["spec"]["nodeName"] == "node-2")["metadata"]["name"]
        cluster.lose_node("node-2")
        cluster.advance(45)
        node = cluster.get("nodes", "node-2")
        assert {one["status"] for one in node["status"]["conditions"]} == {"Unknown"}
        pod = cluster.get("pods", lost)
        assert next(one["status"] for one in pod["status"]["conditions"] if one["type"] == "Ready") == "False"
        assert cluster.get("deployments", "web")["status"]["availableReplicas"] == 2
        assert len(cluster.get("endpoints", "web")["subsets"][0]["addresses"]) == 2
        cluster.advance(310)
        assert "deletionTimestamp" in cluster.get("pods", lost)["metadata"]
        assert len(cluster.list("pods")) == 4
        assert cluster.get("deployments", "web")["status"]["availableReplicas"] == 3
        cluster.return_node("node-2")
        cluster.settle()
        assert cluster.find("pods", lost) is None
        assert "taints" not in cluster.get("nodes", "node-2")["spec"]


def test_a_service_follows_ready_pods(cluster: Kubernetes, admin: Tools, space: str) -> None:
    cluster.apply(deployment("blue", replicas=2), namespace=space)
    cluster.apply(deployment("green", replicas=1), namespace=space)
    cluster.apply(service("web", app="blue"), namespace=space)
    cluster.settle()

    def slices() -> list[tuple[str, bool]]:
        found = cluster.list("endpointslices", space, **{"kubernetes.io/service-name": "web"})
        return [(one["targetRef"]["name"].split("-")[0], one["conditions"]["ready"]) for one in found[0]["endpoints"]]

    assert slices() == [("blue", True), ("blue", True)]
    subset = admin.core.read_namespaced_endpoints("web", space).subsets[0]
    assert (len(subset.addresses), subset.ports[0].port) == (2, 8080)
    cluster.hold(_names(cluster, space)[0], space)
    cluster.settle()
    assert sorted(ready for _, ready in slices()) == [False, True]
    switch = [
        {"op": "test", "path": "/spec/selector/app", "value": "blue"},
        {"op": "replace", "path": "/spec/selector/app", "value": "green"},
    ]
    admin.core.patch_namespaced_service("web", space, switch, **STRICT)
    cluster.settle()
    assert slices() == [("green", True)]


def _scaler(least: int, most: int, goal: int = 50) -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    metric = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": goal}}
    spec = {"scaleTargetRef": target, "minReplicas": least, "maxReplicas": most}
    return {"metadata": {"name": "web"}, "spec": {**spec, "metrics": [{"type": "Resource", "resource": metric}]}}


def test_an_autoscaler_owns_the_number_of_replicas(cluster: Kubernetes, admin: Tools, space: str) -> None:
    cluster.apply(deployment(replicas=2), namespace=space)
    cluster.use("web", cpu="50m", namespace=space)
    admin.scaling.create_namespaced_horizontal_pod_autoscaler(space, _scaler(2, 6), **STRICT)
    cluster.settle()
    cluster.use("web", cpu="200m", namespace=space)
    cluster.advance(20)
    cluster.settle()
    known = cluster.get("deployments", "web", space)
    assert known["spec"]["replicas"] == 6
    status = admin.scaling.read_namespaced_horizontal_pod_autoscaler("web", space).status
    limited = next(one for one in status.conditions if one.type == "ScalingLimited")
    assert (limited.status, limited.reason) == ("True", "TooManyReplicas")
    admin.apps.patch_namespaced_deployment_scale("web", space, {"spec": {"replicas": 3}}, **STRICT)
    cluster.advance(20)
    assert cluster.get("deployments", "web", space)["spec"]["replicas"] == 6
    cluster.use("web", cpu="10m", namespace=space)
    cluster.advance(60)
    assert cluster.get("deployments", "web", space)["spec"]["replicas"] == 6
    cluster.advance(400)
    assert cluster.get("deployments", "web", space)["spec"]["replicas"] == 2
    told = [one["message"] for one in cluster.list("events", space) if one["reason"] == "SuccessfulRescale"]
    assert "New size: 6; reason: cpu resource utilization (percentage of request) above target" in told
    admin.apps.patch_namespaced_deployment_scale("web", space, {"spec": {"replicas": 0}}, **STRICT)
    cluster.advance(60)
    assert cluster.get("deployments", "web", space)["spec"]["replicas"] == 0


def test_an_autoscaler_needs_a_room(admin: Tools, space: str) -> None:
    with pytest.raises(ApiException) as refused:
        admin.scaling.create_namespaced_horizontal_pod_autoscaler(space, _scaler(5, 2), **STRICT)
    causes = refusal(refused)["details"]["causes"]
    assert [one["field"] for one in causes] == ["spec.maxReplicas"]
