"""Replica sets: as many pods as are wanted, no more, and no stranger among them."""

from __future__ import annotations

from tests.simulators.kubernetes import selectors
from tests.simulators.kubernetes.controllers.base import (
    Controller,
    available,
    condition,
    conditions,
    controller_of,
    is_active,
    is_ready,
    owner_reference,
    pod_from,
    ready_since,
)
from tests.simulators.kubernetes.core import moment
from tests.simulators.kubernetes.errors import ApiError
from tests.simulators.kubernetes.shapes import clone
from tests.simulators.kubernetes.store import Object

COST = "controller.kubernetes.io/pod-deletion-cost"
_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


class ReplicaSets(Controller):
    """Keeps pods of replica sets."""

    def run(self) -> None:
        """See Controller."""
        self.each("replicasets", self._sync)

    def _sync(self, known: Object) -> None:
        pods = [one for one in self._claimed(known) if is_active(one)]
        missing = known["spec"]["replicas"] - len(pods)
        refused = ""
        if missing > 0:
            started, refused = self._start_all(known, missing)
            pods += started
        elif missing < 0:
            doomed = sorted(pods, key=_worth)[:-missing]
            for one in doomed:
                self.remove("pods", one)
                self.tell(known, "ReplicaSet", "SuccessfulDelete", f"Deleted pod: {one['metadata']['name']}")
            gone = {one["metadata"]["uid"] for one in doomed}
            pods = [one for one in pods if one["metadata"]["uid"] not in gone]
        self._count(known, pods, refused)

    def _start_all(self, known: Object, missing: int) -> tuple[list[Object], str]:
        """New pods, as many as are allowed; and why there are no more. It is told once, for nothing tries for ever."""
        started: list[Object] = []
        while len(started) < missing:
            try:
                started.append(self._start(known))
            except ApiError as wrong:
                if condition(known, "ReplicaFailure").get("message") != wrong.message:
                    text = f"Error creating: {wrong.message}"
                    self.tell(known, "ReplicaSet", "FailedCreate", text, warning=True)
                return started, wrong.message
        return started, ""

    def _start(self, known: Object) -> Object:
        name = f"{known['metadata']['name']}-"
        made = self.create("pods", pod_from(known["spec"]["template"], known, "ReplicaSet", name, self.core, {}))
        self.tell(known, "ReplicaSet", "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")
        return made

    def _claimed(self, known: Object) -> list[Object]:
        """Its pods: those that no longer fit are let go, orphans that fit are taken in."""
        fits = selectors.selector(known["spec"]["selector"])
        uid = known["metadata"]["uid"]
        kept: list[Object] = []
        for pod in self.all("pods", known["metadata"]["namespace"]):
            owner = controller_of(pod)
            fitting = fits(pod["metadata"].get("labels") or {})
            if owner == uid and not fitting and "deletionTimestamp" not in pod["metadata"]:
                self._release(pod, uid)
            elif owner == uid:
                kept.append(pod)
            elif not owner and fitting and is_active(pod):
                kept.append(self._adopt(pod, known))
        return kept

    def _release(self, pod: Object, uid: str) -> None:
        new = clone(pod)
        left = [one for one in new["metadata"]["ownerReferences"] if one["uid"] != uid]
        new["metadata"].pop("ownerReferences")
        if left:
            new["metadata"]["ownerReferences"] = left
        self.write("pods", pod, new)

    def _adopt(self, pod: Object, known: Object) -> Object:
        new = clone(pod)
        mine = owner_reference(known, "ReplicaSet", "apps/v1")
        new["metadata"]["ownerReferences"] = [*new["metadata"].get("ownerReferences", []), mine]
        return self.write("pods", pod, new)

    def _count(self, known: Object, pods: list[Object], refused: str) -> None:
        labels = known["spec"]["template"].get("metadata", {}).get("labels") or {}
        least = known["spec"].get("minReadySeconds", 0)
        whole = sum(labels.items() <= (one["metadata"].get("labels") or {}).items() for one in pods)
        ready = sum(map(is_ready, pods))
        steady = sum(available(self.core, one, least) for one in pods)
        status = {
            "replicas": len(pods),
            "fullyLabeledReplicas": whole or None,
            "readyReplicas": ready or None,
            "availableReplicas": steady or None,
            "observedGeneration": known["metadata"]["generation"],
        }
        if refused:
            held = known.get("status", {}).get("conditions")
            now = self.core.stamp()
            status["conditions"] = conditions(held, "ReplicaFailure", "True", "FailedCreate", refused, now)
        self.status("replicasets", known, status)


def _worth(pod: Object) -> tuple[object, ...]:
    """Which pods go first: those without a node, pending, not ready, cheap, young."""
    status = pod.get("status", {})
    cost = int((pod["metadata"].get("annotations") or {}).get(COST, 0))
    restarts = sum(one.get("restartCount", 0) for one in status.get("containerStatuses") or [])
    ready = is_ready(pod)
    since = -ready_since(pod).timestamp() if ready else 0.0
    return (
        bool(pod["spec"].get("nodeName")),
        _PHASES.get(status.get("phase", "Pending"), 0),
        ready,
        cost,
        since,
        -restarts,
        -moment(pod["metadata"]["creationTimestamp"]).timestamp(),
        pod["metadata"]["name"],
    )
