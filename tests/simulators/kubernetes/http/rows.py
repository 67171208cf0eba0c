"""The columns of each kind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from tests.simulators.kubernetes import selectors
from tests.simulators.kubernetes.core import moment
from tests.simulators.kubernetes.store import Object

Cells = Callable[[Object, str], list[Any]]
NUMBERS = {"Desired", "Current", "Ready", "Up-to-date", "Available", "Restarts", "Data", "Secrets", "Replicas"}
NONE = "<none>"


def age(text: str | None, now: datetime) -> str:
    """How long ago, as kubectl writes it."""
    if not text:
        return "<unknown>"
    seconds = int((now - moment(text)).total_seconds())
    if seconds < 0:
        return "0s"
    if seconds < 120:
        return f"{seconds}s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    return f"{hours}h" if hours < 48 else f"{days}d"


def printer(plural: str) -> tuple[list[str], Cells]:
    """The columns of a resource, `+` behind those of `-o wide`, and what is in them."""
    known = _PRINTERS.get(plural)
    return known or (["Name", "Age"], lambda one, old: [one["metadata"]["name"], old])


def _name(known: Object) -> str:
    return str(known["metadata"]["name"])


def _images(spec: dict[str, Any]) -> list[str]:
    containers = spec.get("containers") or []
    return [",".join(one["name"] for one in containers), ",".join(one["image"] for one in containers)]


def pod_state(pod: Object) -> tuple[str, int, int]:
    """What kubectl calls a pod's status, how many of its containers are ready, and how often they began again."""
    status = pod.get("status", {})
    state = status.get("reason") or status.get("phase", "Unknown")
    ready = restarts = 0
    for one in status.get("containerStatuses") or []:
        restarts += one.get("restartCount", 0)
        ready += bool(one.get("ready"))
        inside = one.get("state", {})
        state = inside.get("waiting", {}).get("reason") or inside.get("terminated", {}).get("reason") or state
    if "deletionTimestamp" in pod["metadata"]:
        state = "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return state, ready, restarts


def _pod(known: Object, old: str) -> list[Any]:
    state, ready, restarts = pod_state(known)
    spec, status = known["spec"], known.get("status", {})
    wide = [status.get("podIP", NONE), spec.get("nodeName", NONE), NONE, NONE]
    return [_name(known), f"{ready}/{len(spec['containers'])}", state, restarts, old, *wide]


def _deployment(known: Object, old: str) -> list[Any]:
    spec, status = known["spec"], known.get("status", {})
    ready = f"{status.get('readyReplicas', 0)}/{spec['replicas']}"
    counts = [status.get("updatedReplicas", 0), status.get("availableReplicas", 0)]
    return [_name(known), ready, *counts, old, *_images(spec["template"]["spec"]), selectors.written(spec["selector"])]


def _replica_set(known: Object, old: str) -> list[Any]:
    spec, status = known["spec"], known.get("status", {})
    counts = [spec["replicas"], status.get("replicas", 0), status.get("readyReplicas", 0)]
    return [_name(known), *counts, old, *_images(spec["template"]["spec"]), selectors.written(spec["selector"])]


def _stateful_set(known: Object, old: str) -> list[Any]:
    spec, status = known["spec"], known.get("status", {})
    return [
        _name(known),
        f"{status.get('readyReplicas', 0)}/{spec['replicas']}",
        old,
        *_images(spec["template"]["spec"]),
    ]


def _daemon_set(known: Object, old: str) -> list[Any]:
    status = known.get("status", {})
    names = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    return [_name(known), *(status.get(one, 0) for one in names), NONE, old]


def _node(known: Object, old: str) -> list[Any]:
    conditions = {one["type"]: one["status"] for one in known.get("status", {}).get("conditions") or []}
    state = "Ready" if conditions.get("Ready") == "True" else "NotReady"
    if known["spec"].get("unschedulable"):
        state += ",SchedulingDisabled"
    prefix = "node-role.kubernetes.io/"
    roles = [one.removeprefix(prefix) for one in known["metadata"].get("labels") or {} if one.startswith(prefix)]
    info = known.get("status", {}).get("nodeInfo", {})
    return [_name(known), state, ",".join(roles) or NONE, old, info.get("kubeletVersion", "")]


def _service(known: Object, old: str) -> list[Any]:
    spec = known["spec"]
    ports = ",".join(f"{one['port']}/{one['protocol']}" for one in spec.get("ports") or []) or NONE
    selector = ",".join(f"{key}={value}" for key, value in sorted((spec.get("selector") or {}).items()))
    return [_name(known), spec["type"], spec.get("clusterIP", NONE), NONE, ports, old, selector or NONE]


def _autoscaler(known: Object, old: str) -> list[Any]:
    spec, status = known["spec"], known.get("status", {})
    target = f"{spec['scaleTargetRef']['kind']}/{spec['scaleTargetRef']['name']}"
    now = {
        one["resource"]["name"]: one["resource"]["current"].get("averageUtilization")
        for one in status.get("currentMetrics") or []
        if "resource" in one
    }
    shown = []
    for one in spec.get("metrics") or []:
        name = one.get("resource", {}).get("name", "external")
        wanted = one.get("resource", {}).get("target", {}).get("averageUtilization")
        shown.append(f"{name}: {f'{now[name]}%' if now.get(name) is not None else '<unknown>'}/{wanted}%")
    counts = [spec["minReplicas"], spec["maxReplicas"], status.get("currentReplicas", 0)]
    return [_name(known), target, ", ".join(shown), *counts, old]


def _event(known: Object, _: str) -> list[Any]:
    about = known.get("involvedObject", {})
    last = known.get("lastTimestamp") or known.get("eventTime") or known["metadata"].get("creationTimestamp")
    subject = f"{about.get('kind', '').lower()}/{about.get('name', '')}"
    shown = [age(last, known["_now"]), known.get("type", ""), known.get("reason", ""), subject]
    return [*shown, known.get("message", ""), _name(known)]


def _budget(known: Object, old: str) -> list[Any]:
    spec = known["spec"]
    limits = [spec.get("minAvailable", "N/A"), spec.get("maxUnavailable", "N/A")]
    return [_name(known), *limits, known.get("status", {}).get("disruptionsAllowed", 0), old]


def _config_map(known: Object, old: str) -> list[Any]:
    return [_name(known), len(known.get("data") or {}) + len(known.get("binaryData") or {}), old]


def _secret(known: Object, old: str) -> list[Any]:
    return [_name(known), known.get("type", ""), len(known.get("data") or {}), old]


def _namespace(known: Object, old: str) -> list[Any]:
    return [_name(known), known.get("status", {}).get("phase", ""), old]


_WORKLOAD = ["Containers+", "Images+", "Selector+"]
_PRINTERS: dict[str, tuple[list[str], Cells]] = {
    "pods": (
        ["Name", "Ready", "Status", "Restarts", "Age", "IP+", "Node+", "Nominated Node+", "Readiness Gates+"],
        _pod,
    ),
    "deployments": (["Name", "Ready", "Up-to-date", "Available", "Age", *_WORKLOAD], _deployment),
    "replicasets": (["Name", "Desired", "Current", "Ready", "Age", *_WORKLOAD], _replica_set),
    "statefulsets": (["Name", "Ready", "Age", "Containers+", "Images+"], _stateful_set),
    "daemonsets": (
        ["Name", "Desired", "Current", "Ready", "Up-to-date", "Available", "Node Selector", "Age"],
        _daemon_set,
    ),
    "nodes": (["Name", "Status", "Roles", "Age", "Version"], _node),
    "services": (["Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "Selector+"], _service),
    "horizontalpodautoscalers": (
        ["Name", "Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age"],
        _autoscaler,
    ),
    "events": (["Last Seen", "Type", "Reason", "Object", "Message", "Name+"], _event),
    "poddisruptionbudgets": (["Name", "Min Available", "Max Unavailable", "Allowed Disruptions", "Age"], _budget),
    "configmaps": (["Name", "Data", "Age"], _config_map),
    "secrets": (["Name", "Type", "Data", "Age"], _secret),
    "namespaces": (["Name", "Status", "Age"], _namespace),
}
