"""Stateful sets and daemon sets, and the revisions that both keep."""

from __future__ import annotations

from typing import Any

from tests.simulators.kubernetes.controllers.base import (
    Controller,
    available,
    is_ready,
    owner_reference,
    pod_from,
    template_hash,
)
from tests.simulators.kubernetes.controllers.scheduler import unfit
from tests.simulators.kubernetes.quantities import share
from tests.simulators.kubernetes.shapes import clone
from tests.simulators.kubernetes.store import Object

HASH = "controller-revision-hash"
_NOT_READY = ("not-ready", "unreachable", "disk-pressure", "memory-pressure", "pid-pressure", "unschedulable")


class Revisioned(Controller):
    """A workload whose templates are kept as controller revisions."""

    plural = ""
    kind = ""

    def run(self) -> None:
        """See Controller."""
        self.each(self.plural, lambda known: self.sync(known, self.revise(known)))

    def sync(self, known: Object, revision: Object) -> None:
        """Bring pods to what is wanted."""
        raise NotImplementedError

    def revise(self, known: Object) -> Object:
        """The revision of the template as it is now; the highest number is the newest."""
        data = {"spec": {"template": {**clone(known["spec"]["template"]), "$patch": "replace"}}}
        there = sorted(self.owned("controllerrevisions", known), key=lambda one: one["revision"])
        highest = there[-1]["revision"] if there else 0
        same = next((one for one in there if one["data"] == data), None)
        if same is not None:
            if same["revision"] < highest:
                same = self.write("controllerrevisions", same, {**same, "revision": highest + 1})
            return same
        hashed = template_hash(known["spec"]["template"])
        meta = known["metadata"]
        made: Object = {
            "metadata": {
                "name": f"{meta['name']}-{hashed}",
                "namespace": meta["namespace"],
                "labels": {**known["spec"]["template"].get("metadata", {}).get("labels", {}), HASH: hashed},
                "ownerReferences": [owner_reference(known, self.kind, "apps/v1")],
            },
            "data": data,
            "revision": highest + 1,
        }
        limit = known["spec"].get("revisionHistoryLimit", 10)
        for one in there[: max(0, len(there) - limit)]:
            self.remove("controllerrevisions", one)
        return self.create("controllerrevisions", made)

    def start(self, known: Object, revision: Object, name: str, labels: dict[str, str], **spec: Any) -> Object:
        """A pod of a revision."""
        template = revision["data"]["spec"]["template"]
        hashed = revision["metadata"]["labels"][HASH]
        value = revision["metadata"]["name"] if self.kind == "StatefulSet" else hashed
        pod = pod_from(template, known, self.kind, name, self.core, {**labels, HASH: value})
        pod["spec"] |= spec
        made = self.create("pods", pod)
        self.tell(known, self.kind, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")
        return made

    def stop(self, known: Object, pod: Object) -> None:
        """Delete a pod."""
        self.remove("pods", pod)
        self.tell(known, self.kind, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")


class StatefulSets(Revisioned):
    """One pod after the other, each with its number."""

    plural = "statefulsets"
    kind = "StatefulSet"

    def sync(self, known: Object, revision: Object) -> None:
        """See Revisioned."""
        pods = {_ordinal(one): one for one in self.owned("pods", known)}
        newest = revision["metadata"]["name"]
        current = self._current(known, newest)
        self._step(known, revision, pods)
        pods = {_ordinal(one): one for one in self.owned("pods", known)}
        self._count(known, pods, newest, current)

    def _current(self, known: Object, newest: str) -> str:
        return str(known.get("status", {}).get("currentRevision") or newest)

    def _step(self, known: Object, revision: Object, pods: dict[int, Object]) -> None:
        wanted = known["spec"]["replicas"]
        parallel = known["spec"]["podManagementPolicy"] == "Parallel"
        for number in range(wanted):
            pod = pods.get(number)
            if pod is None:
                labels = {"statefulset.kubernetes.io/pod-name": f"{known['metadata']['name']}-{number}"}
                labels["apps.kubernetes.io/pod-index"] = str(number)
                pod = self.start(
                    known, self._for(known, revision, number), labels["statefulset.kubernetes.io/pod-name"], labels
                )
            if not parallel and not is_ready(pod):
                return
        extra = sorted((number for number in pods if number >= wanted), reverse=True)
        if extra:
            for number in extra if parallel else extra[:1]:
                if "deletionTimestamp" not in pods[number]["metadata"]:
                    self.stop(known, pods[number])
            return
        self._renew(known, revision, pods)

    def _for(self, known: Object, revision: Object, number: int) -> Object:
        """Below the partition, the revision that was there before."""
        partition = known["spec"]["updateStrategy"].get("rollingUpdate", {}).get("partition", 0)
        if number >= partition:
            return revision
        before = known.get("status", {}).get("currentRevision", "")
        return self.find("controllerrevisions", known["metadata"]["namespace"], before) or revision

    def _renew(self, known: Object, revision: Object, pods: dict[int, Object]) -> None:
        strategy = known["spec"]["updateStrategy"]
        if strategy["type"] != "RollingUpdate":
            return
        for number in sorted(pods, reverse=True):
            if number < strategy.get("rollingUpdate", {}).get("partition", 0):
                return
            pod = pods[number]
            if "deletionTimestamp" in pod["metadata"]:
                return
            if pod["metadata"]["labels"].get(HASH) != revision["metadata"]["name"]:
                self.stop(known, pod)
                return
            if not is_ready(pod):
                return

    def _count(self, known: Object, pods: dict[int, Object], newest: str, current: str) -> None:
        there = list(pods.values())
        updated = [one for one in there if one["metadata"]["labels"].get(HASH) == newest]
        least = known["spec"].get("minReadySeconds", 0)
        ready = sum(map(is_ready, there))
        wanted = known["spec"]["replicas"]
        if len(updated) == len(there) == wanted and ready == wanted:
            current = newest
        status: dict[str, Any] = {
            "observedGeneration": known["metadata"]["generation"],
            "replicas": len(there),
            "readyReplicas": ready or None,
            "currentReplicas": sum(one["metadata"]["labels"].get(HASH) == current for one in there) or None,
            "updatedReplicas": len(updated) or None,
            "availableReplicas": sum(available(self.core, one, least) for one in there),
            "currentRevision": current,
            "updateRevision": newest,
            "collisionCount": 0,
        }
        self.status("statefulsets", known, status)


class DaemonSets(Revisioned):
    """One pod on each node that takes it."""

    plural = "daemonsets"
    kind = "DaemonSet"

    def sync(self, known: Object, revision: Object) -> None:
        """See Revisioned."""
        nodes = self._nodes(known)
        pods = self.owned("pods", known)
        here = {one["spec"].get("nodeName"): one for one in pods}
        for node in nodes:
            if node not in here:
                tolerations = [_tolerates(one) for one in _NOT_READY]
                said = known["spec"]["template"]["spec"].get("tolerations", [])
                self.start(
                    known,
                    revision,
                    f"{known['metadata']['name']}-",
                    {},
                    nodeName=node,
                    tolerations=[*said, *tolerations],
                )
        for node, pod in here.items():
            if node not in nodes and "deletionTimestamp" not in pod["metadata"]:
                self.stop(known, pod)
        self._renew(known, revision, pods)
        self._count(known, nodes, self.owned("pods", known), revision)

    def _nodes(self, known: Object) -> list[str]:
        probe = pod_from(known["spec"]["template"], known, "DaemonSet", "probe", self.core, {})
        said = probe["spec"].get("tolerations", [])
        probe["spec"]["tolerations"] = [*said, *map(_tolerates, _NOT_READY)]
        return [one["metadata"]["name"] for one in self.all("nodes", "", "") if not unfit(one, probe)]

    def _renew(self, known: Object, revision: Object, pods: list[Object]) -> None:
        if known["spec"]["updateStrategy"]["type"] != "RollingUpdate":
            return
        hashed = revision["metadata"]["labels"][HASH]
        rolling = known["spec"]["updateStrategy"]["rollingUpdate"]
        room = share(rolling["maxUnavailable"], len(pods), up=True) - sum(not is_ready(one) for one in pods)
        for pod in pods:
            old = pod["metadata"]["labels"].get(HASH) != hashed
            if old and "deletionTimestamp" not in pod["metadata"] and (room > 0 or not is_ready(pod)):
                room -= is_ready(pod)
                self.stop(known, pod)

    def _count(self, known: Object, nodes: list[str], pods: list[Object], revision: Object) -> None:
        hashed = revision["metadata"]["labels"][HASH]
        ready = sum(map(is_ready, pods))
        steady = sum(available(self.core, one, known["spec"].get("minReadySeconds", 0)) for one in pods)
        status = {
            "observedGeneration": known["metadata"]["generation"],
            "desiredNumberScheduled": len(nodes),
            "currentNumberScheduled": len({one["spec"].get("nodeName") for one in pods} & set(nodes)),
            "numberReady": ready,
            "numberAvailable": steady or None,
            "numberUnavailable": len(nodes) - steady or None,
            "numberMisscheduled": 0,
            "updatedNumberScheduled": sum(one["metadata"]["labels"].get(HASH) == hashed for one in pods) or None,
        }
        self.status("daemonsets", known, status)


def _tolerates(name: str) -> dict[str, str]:
    effect = "NoExecute" if name in {"not-ready", "unreachable"} else "NoSchedule"
    return {"key": f"node.kubernetes.io/{name}", "operator": "Exists", "effect": effect}


def _ordinal(pod: Object) -> int:
    return int(pod["metadata"]["name"].rpartition("-")[2])
