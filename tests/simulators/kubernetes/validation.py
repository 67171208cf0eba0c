"""What an object may not be, and what of it may not change."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.simulators.kubernetes import selectors
from tests.simulators.kubernetes.errors import Problem
from tests.simulators.kubernetes.pod_validation import pod_problems
from tests.simulators.kubernetes.resources import Resource

Known = dict[str, Any]

_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
_QUALIFIED = re.compile(r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$")
_PERCENT = re.compile(r"^[0-9]+%$")

_NAME_WHY = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_VALUE_WHY = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_NEGATIVE = "must be greater than or equal to 0"
_POSITIVE = "must be greater than 0"
_FIXED = "field is immutable"
_POD_FIXED = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_SET_FIXED = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)


def problems(resource: Resource, new: Known, old: Known | None) -> list[Problem]:
    """Everything that is wrong with an object, or with the change to it."""
    found = _metadata(resource, new["metadata"])
    check = _CHECKS.get(resource.plural)
    return found + (check(new, old) if check and not resource.custom else [])


def _metadata(resource: Resource, meta: Known) -> list[Problem]:
    found: list[Problem] = []
    name = meta.get("name", "")
    if not name:
        found.append(Problem.required("metadata.name", "name or generateName is required"))
    elif resource.group != "rbac.authorization.k8s.io" and not _SUBDOMAIN.match(name):
        found.append(Problem.invalid("metadata.name", name, _NAME_WHY))
    found += label_problems("metadata.labels", meta.get("labels") or {})
    for key in meta.get("annotations") or {}:
        if not _QUALIFIED.match(key.lower()):
            found.append(
                Problem.invalid("metadata.annotations", key, "name part must consist of alphanumeric characters")
            )
    return found


def label_problems(path: str, known: dict[str, str]) -> list[Problem]:
    """What is wrong with labels."""
    found = [
        Problem.invalid(path, key, "name part must consist of alphanumeric characters, '-', '_' or '.'")
        for key in known
        if not _QUALIFIED.match(key)
    ]
    return found + [
        Problem.invalid(path, value, _VALUE_WHY if len(value) <= 63 else "must be no more than 63 bytes")
        for value in known.values()
        if not _VALUE.match(value) or len(value) > 63
    ]


def _counted(spec: Known, *names: str) -> list[Problem]:
    return [Problem.invalid(f"spec.{name}", spec[name], _NEGATIVE) for name in names if spec.get(name, 0) < 0]


def _selected(new: Known) -> list[Problem]:
    spec = new["spec"]
    said = spec.get("selector")
    if not said:
        return [Problem.required("spec.selector")]
    if not said.get("matchLabels") and not said.get("matchExpressions"):
        return [Problem.invalid("spec.selector", said, "empty selector is invalid for deployment")]
    labels = spec["template"].get("metadata", {}).get("labels") or {}
    if not selectors.selector(said)(labels):
        path = "spec.template.metadata.labels"
        return [Problem.invalid(path, labels, "`selector` does not match template `labels`")]
    return label_problems("spec.template.metadata.labels", labels)


def _fixed(new: Known, old: Known | None, *names: str) -> list[Problem]:
    if old is None:
        return []
    changed = [name for name in names if new["spec"].get(name) != old["spec"].get(name)]
    return [Problem.invalid(f"spec.{name}", new["spec"].get(name), _FIXED) for name in changed]


def _workload(new: Known, old: Known | None) -> list[Problem]:
    spec = new["spec"]
    found = _counted(spec, "replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds")
    found += _selected(new) + _fixed(new, old, "selector") + _strategy(spec)
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= spec.get("minReadySeconds", 0) and deadline >= 0:
        found.append(Problem.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"))
    return found + pod_problems(spec["template"]["spec"], "spec.template.spec", always=True)


def _strategy(spec: Known) -> list[Problem]:
    strategy = spec.get("strategy")
    if strategy is None:
        return []
    path = "spec.strategy"
    if strategy["type"] not in {"RollingUpdate", "Recreate"}:
        return [Problem.unsupported(f"{path}.type", strategy["type"], ("Recreate", "RollingUpdate"))]
    rolling = strategy.get("rollingUpdate")
    if strategy["type"] == "Recreate":
        why = "may not be specified when strategy `type` is 'Recreate'"
        return [Problem.forbidden(f"{path}.rollingUpdate", why)] if rolling is not None else []
    found: list[Problem] = []
    for name in ("maxUnavailable", "maxSurge"):
        found += _number_or_share(rolling[name], f"{path}.rollingUpdate.{name}")
    if str(rolling["maxSurge"]) in {"0", "0%"} and str(rolling["maxUnavailable"]) in {"0", "0%"}:
        why = "may not be 0 when `maxSurge` is 0"
        found.append(Problem.invalid(f"{path}.rollingUpdate.maxUnavailable", rolling["maxUnavailable"], why))
    return found


def _number_or_share(value: Any, path: str) -> list[Problem]:
    if isinstance(value, int):
        return [Problem.invalid(path, value, _NEGATIVE)] if value < 0 else []
    if not isinstance(value, str) or not _PERCENT.match(value):
        why = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%')"
        return [Problem.invalid(path, value, why)]
    return []


def _replica_set(new: Known, old: Known | None) -> list[Problem]:
    found = _counted(new["spec"], "replicas", "minReadySeconds") + _selected(new) + _fixed(new, old, "selector")
    return found + pod_problems(new["spec"]["template"]["spec"], "spec.template.spec", always=True)


def _stateful_set(new: Known, old: Known | None) -> list[Problem]:
    spec = new["spec"]
    found = _counted(spec, "replicas", "minReadySeconds", "revisionHistoryLimit") + _selected(new)
    if old is not None:
        fixed = {
            name: spec.get(name) != old["spec"].get(name)
            for name in ("selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates")
        }
        if any(fixed.values()):
            found.append(Problem.forbidden("spec", _SET_FIXED))
    return found + pod_problems(spec["template"]["spec"], "spec.template.spec", always=True)


def _daemon_set(new: Known, old: Known | None) -> list[Problem]:
    found = _counted(new["spec"], "minReadySeconds", "revisionHistoryLimit") + _selected(new)
    found += _fixed(new, old, "selector")
    return found + pod_problems(new["spec"]["template"]["spec"], "spec.template.spec", always=True)


def _pod(new: Known, old: Known | None) -> list[Problem]:
    if old is None:
        return pod_problems(new["spec"], "spec")
    if _comparable(new["spec"], old["spec"]) != _comparable(old["spec"], new["spec"]):
        return [Problem.forbidden("spec", _POD_FIXED)]
    added = new["spec"].get("tolerations", [])
    if any(one not in added for one in old["spec"].get("tolerations", [])):
        return [
            Problem.forbidden(
                "spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"
            )
        ]
    return pod_problems(new["spec"], "spec")


def _comparable(spec: Known, other: Known) -> Known:
    """A pod's specification without what may change; a node may be given once."""
    free = {"tolerations", "activeDeadlineSeconds"} | (
        {"nodeName"} if not other.get("nodeName") or not spec.get("nodeName") else set()
    )
    kept = {name: value for name, value in spec.items() if name not in free}
    for name in ("containers", "initContainers"):
        if name in kept:
            kept[name] = [{key: one for key, one in item.items() if key != "image"} for item in kept[name]]
    return kept


def _service(new: Known, old: Known | None) -> list[Problem]:
    spec = new["spec"]
    found: list[Problem] = []
    allowed = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
    if spec["type"] not in allowed:
        found.append(Problem.unsupported("spec.type", spec["type"], allowed))
    if not spec.get("ports") and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        found.append(Problem.required("spec.ports"))
    for at, port in enumerate(spec.get("ports") or []):
        if not 0 < port.get("port", 0) < 65536:
            found.append(
                Problem.invalid(f"spec.ports[{at}].port", port.get("port"), "must be between 1 and 65535, inclusive")
            )
        if len(spec["ports"]) > 1 and not port.get("name"):
            found.append(Problem.required(f"spec.ports[{at}].name"))
    if old and old["spec"].get("clusterIP") and spec.get("clusterIP") != old["spec"]["clusterIP"]:
        found.append(Problem.invalid("spec.clusterIP", spec.get("clusterIP"), _FIXED))
    return found + label_problems("spec.selector", spec.get("selector") or {})


def _autoscaler(new: Known, _: Known | None) -> list[Problem]:
    spec = new["spec"]
    found: list[Problem] = []
    least, most = spec.get("minReplicas", 1), spec.get("maxReplicas", 0)
    if least < 1:
        found.append(Problem.invalid("spec.minReplicas", least, "must be greater than or equal to 1"))
    if most < 1:
        found.append(Problem.invalid("spec.maxReplicas", most, _POSITIVE))
    if most < least:
        why = "must be greater than or equal to `minReplicas`"
        found.append(Problem.invalid("spec.maxReplicas", most, why))
    target = spec.get("scaleTargetRef", {})
    return found + [Problem.required(f"spec.scaleTargetRef.{one}") for one in ("kind", "name") if not target.get(one)]


def _budget(new: Known, _: Known | None) -> list[Problem]:
    spec = new["spec"]
    if "minAvailable" in spec and "maxUnavailable" in spec:
        return [Problem.invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")]
    found: list[Problem] = []
    for name in ("minAvailable", "maxUnavailable"):
        if name in spec:
            found += _number_or_share(spec[name], f"spec.{name}")
    return found


def _configured(new: Known, old: Known | None) -> list[Problem]:
    found: list[Problem] = []
    for name in new.get("data") or {}:
        if not re.match(r"^[-._a-zA-Z0-9]+$", name):
            why = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
            found.append(Problem.invalid(f"data[{name}]", name, why))
    if not (old and old.get("immutable")):
        return found
    changed = [name for name in ("data", "binaryData") if new.get(name) != old.get(name)]
    return found + [Problem.forbidden(name, "field is immutable when `immutable` is set") for name in changed]


_CHECKS: dict[str, Callable[[Known, Known | None], list[Problem]]] = {
    "deployments": _workload,
    "replicasets": _replica_set,
    "statefulsets": _stateful_set,
    "daemonsets": _daemon_set,
    "pods": _pod,
    "services": _service,
    "horizontalpodautoscalers": _autoscaler,
    "poddisruptionbudgets": _budget,
    "configmaps": _configured,
    "secrets": _configured,
}
