"""Nodes that say nothing any more, and what becomes of their pods; cordons."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.simulators.kubernetes.controllers.base import Controller, condition, conditions
from tests.simulators.kubernetes.core import moment, stamp
from tests.simulators.kubernetes.shapes import clone
from tests.simulators.kubernetes.store import Object

UNREACHABLE = "node.kubernetes.io/unreachable"
CORDONED = "node.kubernetes.io/unschedulable"


@dataclass
class Nodes(Controller):
    """Watches nodes. `lost` are those that vanished, with the moment."""

    lost: dict[str, datetime] = field(default_factory=dict)

    def run(self) -> None:
        """See Controller."""
        for known in self.all("nodes", "", ""):
            node = self._cordoned(known)
            name = node["metadata"]["name"]
            if name in self.lost and self.core.after(self.lost[name], self.core.pace.node_lost):
                self._missed(node)
            elif name not in self.lost and condition(node, "Ready").get("status") == "Unknown":
                self._returned(node)

    def _cordoned(self, node: Object) -> Object:
        """A cordoned node carries a taint."""
        taints = node["spec"].get("taints") or []
        there = any(one["key"] == CORDONED for one in taints)
        wanted = bool(node["spec"].get("unschedulable"))
        if there == wanted:
            return node
        new = clone(node)
        kept = [one for one in taints if one["key"] != CORDONED]
        self._taint(
            new, [*kept, {"key": CORDONED, "effect": "NoSchedule", "timeAdded": self.core.stamp()}] if wanted else kept
        )
        state = "NodeNotSchedulable" if wanted else "NodeSchedulable"
        self.tell(node, "Node", state, f"Node {node['metadata']['name']} status is now: {state}", by="kubelet")
        return self.write("nodes", node, new)

    def _taint(self, new: Object, taints: list[dict[str, Any]]) -> None:
        new["spec"].pop("taints", None)
        if taints:
            new["spec"]["taints"] = taints

    def _missed(self, node: Object) -> None:
        name = node["metadata"]["name"]
        if condition(node, "Ready").get("status") != "Unknown":
            new = clone(node)
            text = "Kubelet stopped posting node status."
            for kind in [one["type"] for one in node["status"]["conditions"]]:
                new["status"]["conditions"] = conditions(
                    new["status"]["conditions"], kind, "Unknown", "NodeStatusUnknown", text, self.core.stamp()
                )
            added = stamp(self.core.now())
            kept = [one for one in node["spec"].get("taints") or [] if one["key"] != UNREACHABLE]
            taints = [
                {"key": UNREACHABLE, "effect": effect, "timeAdded": added} for effect in ("NoSchedule", "NoExecute")
            ]
            self._taint(new, [*kept, *taints])
            node = self.write("nodes", node, new)
            text = f"Node {name} status is now: NodeNotReady"
            self.tell(node, "Node", "NodeNotReady", text, by="node-controller")
        added = next(one["timeAdded"] for one in node["spec"]["taints"] if one["key"] == UNREACHABLE)
        for pod in self.all("pods"):
            if pod["spec"].get("nodeName") == name:
                self._stranded(pod, moment(added))

    def _stranded(self, pod: Object, since: datetime) -> None:
        """A pod there is not ready, and after its toleration it is deleted; but nobody confirms that it is gone."""
        known = pod.get("status", {}).get("conditions") or []
        if condition(pod, "Ready").get("status") == "True":
            known = conditions(known, "Ready", "False", "", "", self.core.stamp())
            pod = self.status("pods", pod, {**pod["status"], "conditions": known})
            self.tell(pod, "Pod", "NodeNotReady", "Node is not ready", warning=True, by="node-controller")
        if "deletionTimestamp" in pod["metadata"] or pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
            return
        patience = _patience(pod)
        if patience is not None and self.core.after(since, patience):
            name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            self.tell(
                pod, "Pod", "TaintManagerEviction", f"Marking for deletion Pod {name}", by="taint-eviction-controller"
            )
            self.remove("pods", pod)

    def _returned(self, node: Object) -> None:
        new = clone(node)
        for one in node["status"]["conditions"]:
            ready = one["type"] == "Ready"
            new["status"]["conditions"] = conditions(
                new["status"]["conditions"],
                one["type"],
                "True" if ready else "False",
                "KubeletReady" if ready else "KubeletHasSufficientMemory",
                "kubelet is posting ready status" if ready else "",
                self.core.stamp(),
            )
        self._taint(new, [one for one in node["spec"].get("taints") or [] if one["key"] != UNREACHABLE])
        self.write("nodes", node, new)
        self.tell(node, "Node", "NodeReady", f"Node {node['metadata']['name']} status is now: NodeReady", by="kubelet")


def _patience(pod: Object) -> int | None:
    """How long a pod stays on a node that is unreachable; for ever, if it says so."""
    for one in pod["spec"].get("tolerations") or []:
        if one.get("key") in {None, "", UNREACHABLE} and one.get("effect") in {None, "", "NoExecute"}:
            said = one.get("tolerationSeconds")
            return int(said) if said is not None else None
    return 0
