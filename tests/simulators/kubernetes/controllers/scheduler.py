"""The scheduler: a node for each pod that has none."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.simulators.kubernetes.controllers.base import Controller, condition, conditions
from tests.simulators.kubernetes.quantities import milli
from tests.simulators.kubernetes.shapes import clone
from tests.simulators.kubernetes.store import Object


class Scheduler(Controller):
    """Puts pods on nodes: those that are ready, open, tolerated and have room; the emptiest first."""

    def run(self) -> None:
        """See Controller."""
        waiting = [one for one in self.all("pods") if not one["spec"].get("nodeName") and not _over(one)]
        if not waiting:
            return
        nodes = self.all("nodes", "", "")
        for pod in sorted(waiting, key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["name"])):
            self._place(pod, nodes)

    def _place(self, pod: Object, nodes: list[Object]) -> None:
        here = [one for one in self.all("pods") if one["spec"].get("nodeName") and not _over(one)]
        why: Counter[str] = Counter()
        fitting = []
        for node in nodes:
            reason = unfit(node, pod) or self._full(node, pod, here)
            if reason:
                why[reason] += 1
            else:
                fitting.append(node)
        if not fitting:
            return self._cannot(pod, len(nodes), why)
        counts = Counter(one["spec"]["nodeName"] for one in here)
        best = min(fitting, key=lambda one: (counts[one["metadata"]["name"]], one["metadata"]["name"]))
        self._bind(pod, best["metadata"]["name"])
        return None

    def _full(self, node: Object, pod: Object, here: list[Object]) -> str:
        known = node.get("status", {}).get("allocatable", {})
        mine = [one for one in here if one["spec"]["nodeName"] == node["metadata"]["name"]]
        if len(mine) >= int(known.get("pods", 110)):
            return "Too many pods"
        for name in ("cpu", "memory"):
            if name in known and _asked(pod, name) + sum(_asked(one, name) for one in mine) > milli(known[name]):
                return f"Insufficient {name}"
        return ""

    def _cannot(self, pod: Object, number: int, why: Counter[str]) -> None:
        reasons = ", ".join(sorted(f"{count} {reason}" for reason, count in why.items()))
        text = f"0/{number} nodes are available: {reasons}." if number else "no nodes available to schedule pods"
        if condition(pod, "PodScheduled").get("message") == text:
            return
        known = pod.get("status", {}).get("conditions")
        now = self.core.stamp()
        status = {
            **pod["status"],
            "conditions": conditions(known, "PodScheduled", "False", "Unschedulable", text, now),
        }
        self.status("pods", pod, status)
        self.tell(pod, "Pod", "FailedScheduling", text, warning=True, by="default-scheduler")

    def _bind(self, pod: Object, node: str) -> None:
        new = clone(pod)
        new["spec"]["nodeName"] = node
        known = new["status"].get("conditions")
        new["status"]["conditions"] = conditions(known, "PodScheduled", "True", "", "", self.core.stamp())
        bound = self.write("pods", pod, new)
        meta = pod["metadata"]
        text = f"Successfully assigned {meta['namespace']}/{meta['name']} to {node}"
        self.tell(bound, "Pod", "Scheduled", text, by="default-scheduler")


def unfit(node: Object, pod: Object) -> str:
    """Why a node takes no new pods like this one."""
    spec = pod["spec"]
    labels = node["metadata"].get("labels") or {}
    if not (spec.get("nodeSelector") or {}).items() <= labels.items():
        return "node(s) didn't match Pod's node affinity/selector"
    taints = [one for one in node["spec"].get("taints") or [] if one["effect"] != "PreferNoSchedule"]
    if node["spec"].get("unschedulable"):
        taints = [one for one in taints if one["key"] != "node.kubernetes.io/unschedulable"]
        if not _tolerated(pod, {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}):
            return "node(s) were unschedulable"
    for taint in taints:
        if not _tolerated(pod, taint):
            return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
    return ""


def _tolerated(pod: Object, taint: dict[str, Any]) -> bool:
    for one in pod["spec"].get("tolerations") or []:
        if one.get("effect") not in {None, "", taint["effect"]}:
            continue
        if one.get("operator") == "Exists" and one.get("key") in {None, "", taint["key"]}:
            return True
        if one.get("key") == taint["key"] and one.get("value", "") == taint.get("value", ""):
            return True
    return False


def _asked(pod: Object, name: str) -> int:
    return sum(
        milli((one.get("resources", {}).get("requests") or {}).get(name, 0)) for one in pod["spec"]["containers"]
    )


def _over(pod: Object) -> bool:
    return pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}
