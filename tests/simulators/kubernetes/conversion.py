"""The same object in the versions of its API: autoscaling/v1 and v2, events of both groups."""

from __future__ import annotations

from typing import Any

from tests.simulators.kubernetes.resources import Resource
from tests.simulators.kubernetes.shapes import clone

_HPA = "horizontalpodautoscalers"
_EVENTS = "events.k8s.io"
#: What an event is called in the newer group, and in the core.
_RENAMED = (
    ("note", "message"),
    ("regarding", "involvedObject"),
    ("reportingController", "reportingComponent"),
    ("deprecatedCount", "count"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedSource", "source"),
)


def model_of(resource: Resource, version: str) -> str:
    """The model of a version."""
    return "V1HorizontalPodAutoscaler" if resource.plural == _HPA and version == "v1" else resource.model


def stored(resource: Resource, version: str, sent: dict[str, Any]) -> dict[str, Any]:
    """The object as it is kept."""
    if resource.plural == _HPA:
        return _hpa_stored(version, sent)
    if resource.group == _EVENTS:
        return _renamed(sent, dict(_RENAMED))
    return sent


def shown(resource: Resource, version: str, kept: dict[str, Any]) -> dict[str, Any]:
    """The object as a version shows it."""
    known: dict[str, Any] = {"kind": resource.kind, "apiVersion": resource.api_version(version)}
    if "status" in resource.subresources and not resource.custom:
        known["status"] = kept.get("status", {})
    if resource.plural == _HPA and version == "v1":
        kept = _hpa_v1(kept)
    elif resource.group == _EVENTS:
        kept = _renamed(kept, {old: new for new, old in _RENAMED})
    return {**known, **kept, "kind": known["kind"], "apiVersion": known["apiVersion"]}


def _renamed(value: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names.get(key, key): one for key, one in value.items()}


def _hpa_stored(version: str, sent: dict[str, Any]) -> dict[str, Any]:
    if version != "v1":
        return sent
    kept = clone(sent)
    spec = kept.get("spec", {})
    wanted = spec.pop("targetCPUUtilizationPercentage", None)
    if wanted is not None:
        target = {"type": "Utilization", "averageUtilization": wanted}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    status = kept.get("status", {})
    now = status.pop("currentCPUUtilizationPercentage", None)
    if now is not None:
        current = {"name": "cpu", "current": {"averageUtilization": now}}
        status["currentMetrics"] = [{"type": "Resource", "resource": current}]
    return kept


def _hpa_v1(kept: dict[str, Any]) -> dict[str, Any]:
    old = clone(kept)
    for metric in old.get("spec", {}).pop("metrics", []):
        if metric.get("resource", {}).get("name") == "cpu":
            old["spec"]["targetCPUUtilizationPercentage"] = metric["resource"]["target"].get("averageUtilization")
    old.get("spec", {}).pop("behavior", None)
    status = old.get("status", {})
    for metric in status.pop("currentMetrics", None) or []:
        if metric.get("resource", {}).get("name") == "cpu":
            status["currentCPUUtilizationPercentage"] = metric["resource"]["current"].get("averageUtilization")
    status.pop("conditions", None)
    return old
