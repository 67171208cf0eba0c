"""What the API server fills in where nothing was said."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

Known = dict[str, Any]


def fill(plural: str, known: Known) -> None:
    """Fill in an object of a resource."""
    if plural in _FILLERS:
        _FILLERS[plural](known)


def _set(known: Known, **values: Any) -> None:
    for name, value in values.items():
        known.setdefault(name, value)


def pod_spec(spec: Known) -> None:
    """A pod's, or a template's."""
    _set(
        spec,
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        securityContext={},
        schedulerName="default-scheduler",
    )
    if "serviceAccountName" in spec:
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    for container in (*spec.get("initContainers", []), *spec.get("containers", [])):
        _container(container)
    for volume in spec.get("volumes", []):
        _volume(volume)


def _container(container: Known) -> None:
    image = str(container.get("image", ""))
    latest = image.endswith(":latest") or ":" not in image.rpartition("/")[2]
    _set(
        container,
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy="Always" if latest and "@" not in image else "IfNotPresent",
    )
    for port in container.get("ports", []):
        _set(port, protocol="TCP")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in container:
            _set(container[name], timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
            if "httpGet" in container[name]:
                _set(container[name]["httpGet"], path="/", scheme="HTTP")
    limits = container["resources"].get("limits")
    if limits:
        container["resources"]["requests"] = {**limits, **container["resources"].get("requests", {})}
    for one in container.get("env", []):
        if "fieldRef" in one.get("valueFrom", {}):
            _set(one["valueFrom"]["fieldRef"], apiVersion="v1")


def _volume(volume: Known) -> None:
    for name in ("configMap", "secret", "downwardAPI", "projected"):
        if name in volume:
            _set(volume[name], defaultMode=420)
    if set(volume) == {"name"}:
        volume["emptyDir"] = {}


def _template(known: Known) -> None:
    template = known["spec"].setdefault("template", {})
    template.setdefault("metadata", {})
    pod_spec(template.setdefault("spec", {}))


def _deployment(known: Known) -> None:
    spec = known.setdefault("spec", {})
    _set(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = spec.setdefault("strategy", {})
    _set(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _set(strategy.setdefault("rollingUpdate", {}), maxSurge="25%", maxUnavailable="25%")
    _template(known)


def _replica_set(known: Known) -> None:
    _set(known.setdefault("spec", {}), replicas=1)
    _template(known)


def _stateful_set(known: Known) -> None:
    spec = known.setdefault("spec", {})
    _set(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady", serviceName="")
    strategy = spec.setdefault("updateStrategy", {})
    _set(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _set(strategy.setdefault("rollingUpdate", {}), partition=0)
    _set(spec, persistentVolumeClaimRetentionPolicy={"whenDeleted": "Retain", "whenScaled": "Retain"})
    _template(known)


def _daemon_set(known: Known) -> None:
    spec = known.setdefault("spec", {})
    _set(spec, revisionHistoryLimit=10)
    strategy = spec.setdefault("updateStrategy", {})
    _set(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _set(strategy.setdefault("rollingUpdate", {}), maxSurge=0, maxUnavailable=1)
    _template(known)


def _pod(known: Known) -> None:
    spec = known.setdefault("spec", {})
    pod_spec(spec)
    _set(spec, serviceAccountName="default", enableServiceLinks=True, preemptionPolicy="PreemptLowerPriority")
    _set(spec, serviceAccount=spec["serviceAccountName"], priority=0)
    tolerations = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(one.get("key") == key or not one.get("key") for one in tolerations):
            tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
    status = known.setdefault("status", {"phase": "Pending"})
    status.setdefault("qosClass", _quality(spec))


def _quality(spec: Known) -> str:
    resources = [one.get("resources", {}) for one in spec.get("containers", [])]
    if not any(one.get("requests") or one.get("limits") for one in resources):
        return "BestEffort"
    whole = all({"cpu", "memory"} <= set(one.get("limits", {})) for one in resources)
    equal = all(one.get("requests") == one.get("limits") for one in resources)
    return "Guaranteed" if whole and equal else "Burstable"


def _service(known: Known) -> None:
    spec = known.setdefault("spec", {})
    _set(spec, type="ClusterIP", sessionAffinity="None", internalTrafficPolicy="Cluster")
    _set(spec, ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
    for port in spec.get("ports", []):
        _set(port, protocol="TCP", targetPort=port.get("port"))
    known.setdefault("status", {"loadBalancer": {}})


def _autoscaler(known: Known) -> None:
    spec = known.setdefault("spec", {})
    _set(spec, minReplicas=1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    known.setdefault("status", {"desiredReplicas": 0, "currentReplicas": 0, "currentMetrics": None, "conditions": []})
    if known["status"].get("currentMetrics") is None:
        known["status"].pop("currentMetrics", None)


def _namespace(known: Known) -> None:
    known.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    known.setdefault("status", {}).setdefault("phase", "Active")
    known["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = known["metadata"]["name"]


def _node(known: Known) -> None:
    known.setdefault("spec", {})
    known.setdefault("status", {})


def _network_policy(known: Known) -> None:
    spec = known.setdefault("spec", {})
    _set(spec, podSelector={})
    types = ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    _set(spec, policyTypes=types)


def _budget(known: Known) -> None:
    known.setdefault("spec", {})
    known.setdefault("status", {"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0})


def _secret(known: Known) -> None:
    _set(known, type="Opaque")
    texts = known.pop("stringData", None)
    if texts:
        coded = {name: base64.b64encode(str(text).encode()).decode() for name, text in texts.items()}
        known["data"] = {**known.get("data", {}), **coded}


_FILLERS: dict[str, Callable[[Known], None]] = {
    "deployments": _deployment,
    "replicasets": _replica_set,
    "statefulsets": _stateful_set,
    "daemonsets": _daemon_set,
    "pods": _pod,
    "services": _service,
    "horizontalpodautoscalers": _autoscaler,
    "namespaces": _namespace,
    "nodes": _node,
    "networkpolicies": _network_policy,
    "poddisruptionbudgets": _budget,
    "secrets": _secret,
}
