"""Horizontal autoscalers: as many pods as the load needs, between a least and a most."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.simulators.kubernetes import selectors
from tests.simulators.kubernetes.controllers.base import Controller, conditions, is_active
from tests.simulators.kubernetes.errors import ApiError
from tests.simulators.kubernetes.objects import Write
from tests.simulators.kubernetes.quantities import milli, quantity
from tests.simulators.kubernetes.store import Object
from tests.simulators.kubernetes.usage import Usage

TOLERANCE = 0.1
_BY = "horizontal-pod-autoscaler"


@dataclass
class Autoscalers(Controller):
    """Looks at each autoscaler now and then."""

    usage: Usage = field(default_factory=Usage)
    looked: dict[str, datetime] = field(default_factory=dict)
    wished: dict[str, list[tuple[datetime, int]]] = field(default_factory=dict)

    def run(self) -> None:
        """See Controller."""
        for known in self.all("horizontalpodautoscalers"):
            uid = known["metadata"]["uid"]
            last = self.looked.get(uid)
            if last is None or self.core.after(last, self.core.pace.hpa_sync, routine=True):
                self.looked[uid] = self.core.now()
                self._look(known)
                self.core.after(self.core.now(), self.core.pace.hpa_sync, routine=True)

    def _look(self, known: Object) -> None:
        target = self._target(known)
        if target is None:
            text = "the HPA controller was unable to get the target's current scale"
            return self._write(known, {}, [("AbleToScale", "False", "FailedGetScale", text)])
        now = target["spec"]["replicas"]
        if now == 0:
            text = "scaling is disabled since the replica count of the target is zero"
            shown = {"currentReplicas": 0, "desiredReplicas": 0}
            return self._write(known, shown, [("ScalingActive", "False", "ScalingDisabled", text)])
        pods = self._pods(target)
        measured, wanted = self._measure(known, pods, now)
        if measured is None:
            text = (
                "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics"
            )
            shown = {"currentReplicas": now, "desiredReplicas": known.get("status", {}).get("desiredReplicas", 0)}
            return self._write(known, shown, [("ScalingActive", "False", "FailedGetResourceMetric", text)])
        limited, verdict = self._limited(known, self._steady(known, now, wanted))
        shown = {"currentReplicas": now, "desiredReplicas": limited, "currentMetrics": measured}
        if limited != now:
            self._rescale(known, target, limited, up=limited > now)
            shown["lastScaleTime"] = self.core.stamp()
        active = ("ScalingActive", "True", "ValidMetricFound", "the HPA was able to calculate a replica count")
        able = ("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size")
        return self._write(known, shown, [able, active, verdict])

    def _target(self, known: Object) -> Object | None:
        said = known["spec"]["scaleTargetRef"]
        plural = {"Deployment": "deployments", "StatefulSet": "statefulsets", "ReplicaSet": "replicasets"}.get(
            said["kind"]
        )
        return self.find(plural, known["metadata"]["namespace"], said["name"]) if plural else None

    def _pods(self, target: Object) -> list[Object]:
        fits = selectors.selector(target["spec"]["selector"])
        pods = self.all("pods", target["metadata"]["namespace"])
        return [one for one in pods if is_active(one) and fits(one["metadata"].get("labels") or {})]

    def _measure(self, known: Object, pods: list[Object], now: int) -> tuple[list[dict[str, Any]] | None, int]:
        """What is used, and how many pods that needs: the most that any metric says."""
        if self.usage.metrics != "served":
            return None, now
        found: list[dict[str, Any]] = []
        wanted = 0
        for metric in known["spec"]["metrics"]:
            said = metric.get("resource")
            if said is None:
                continue
            share = self._share(said["name"], pods)
            if share is None:
                return None, now
            goal = said["target"].get("averageUtilization", 80)
            ratio = share / goal
            needed = now if abs(ratio - 1) <= TOLERANCE else math.ceil(ratio * now)
            wanted = max(wanted, needed)
            current = {"averageUtilization": round(share), "averageValue": self._average(said["name"], pods)}
            found.append({"type": "Resource", "resource": {"name": said["name"], "current": current}})
        return (found, wanted) if found else (None, now)

    def _used(self, name: str, pods: list[Object]) -> float:
        texts = [self.usage.of(one).cpu if name == "cpu" else self.usage.of(one).memory for one in pods]
        return float(sum(milli(text) if name == "cpu" else quantity(text) for text in texts))

    def _average(self, name: str, pods: list[Object]) -> str:
        value = self._used(name, pods) / max(1, len(pods))
        return f"{math.ceil(value)}m" if name == "cpu" else str(math.ceil(value))

    def _share(self, name: str, pods: list[Object]) -> float | None:
        """What is used of what was asked for, in percent; nothing when a container asks for nothing."""
        asked = 0.0
        for pod in pods:
            for container in pod["spec"]["containers"]:
                said = (container.get("resources", {}).get("requests") or {}).get(name)
                if said is None:
                    return None
                asked += float(milli(said) if name == "cpu" else quantity(said))
        return 100 * self._used(name, pods) / asked if asked else None

    def _steady(self, known: Object, now: int, wanted: int) -> int:
        """Down only to the most that was wished for of late."""
        uid = known["metadata"]["uid"]
        behaviour = known["spec"].get("behavior", {}).get("scaleDown", {})
        window = behaviour.get("stabilizationWindowSeconds", self.core.pace.hpa_scale_down)
        since = self.core.now() - timedelta(seconds=window)
        wishes = [one for one in self.wished.get(uid, [(self.core.now(), now)]) if one[0] > since]
        wishes.append((self.core.now(), wanted))
        self.wished[uid] = wishes
        return wanted if wanted >= now else min(now, max(one for _, one in wishes))

    def _limited(self, known: Object, wanted: int) -> tuple[int, tuple[str, str, str, str]]:
        spec = known["spec"]
        if wanted > spec["maxReplicas"]:
            text = "the desired replica count is more than the maximum replica count"
            return spec["maxReplicas"], ("ScalingLimited", "True", "TooManyReplicas", text)
        if wanted < spec["minReplicas"]:
            text = "the desired replica count is less than the minimum replica count"
            return spec["minReplicas"], ("ScalingLimited", "True", "TooFewReplicas", text)
        return wanted, (
            "ScalingLimited",
            "False",
            "DesiredWithinRange",
            "the desired count is within the acceptable range",
        )

    def _rescale(self, known: Object, target: Object, wanted: int, *, up: bool) -> None:
        kind = known["spec"]["scaleTargetRef"]["kind"]
        plural = {"Deployment": "deployments", "StatefulSet": "statefulsets"}.get(kind, "replicasets")

        def changed(old: Object) -> Object:
            old["spec"]["replicas"] = wanted
            return old

        meta = target["metadata"]
        write = Write("kube-controller-manager", subresource="scale")
        try:
            self.objects.change(self.core.catalogue.named(plural), meta["namespace"], meta["name"], changed, write)
        except ApiError as wrong:
            text = f"New size: {wanted}; reason: ; error: {wrong.message}"
            return self.tell(known, "HorizontalPodAutoscaler", "FailedRescale", text, warning=True, by=_BY)
        way = "above target" if up else "below target"
        text = f"New size: {wanted}; reason: cpu resource utilization (percentage of request) {way}"
        if not up:
            text = f"New size: {wanted}; reason: All metrics below target"
        return self.tell(known, "HorizontalPodAutoscaler", "SuccessfulRescale", text, by=_BY)

    def _write(self, known: Object, shown: dict[str, Any], said: list[tuple[str, str, str, str]]) -> None:
        kept = known.get("status", {}).get("conditions")
        for kind, status, reason, text in said:
            kept = conditions(kept, kind, status, reason, text, self.core.stamp())
        last = {name: known["status"][name] for name in ("lastScaleTime",) if name in known.get("status", {})}
        status = {"currentReplicas": 0, "desiredReplicas": 0, **last, **shown, "conditions": kept}
        self.write("horizontalpodautoscalers", known, {**known, "status": status})
