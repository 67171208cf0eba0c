"""The kubelets: pods that start, become ready, crash, and stop."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.simulators.kubernetes.behaviour import Images
from tests.simulators.kubernetes.controllers.base import Controller, condition, conditions
from tests.simulators.kubernetes.controllers.containers import Container
from tests.simulators.kubernetes.core import moment, stamp
from tests.simulators.kubernetes.logs import Logs
from tests.simulators.kubernetes.store import Object


@dataclass
class Kubelets(Controller):
    """One for each node that is there; a node that is lost tells nothing."""

    images: Images = field(default_factory=Images)
    logs: Logs = field(default_factory=Logs)
    lost: set[str] = field(default_factory=set)
    unready: set[tuple[str, str]] = field(default_factory=set)
    containers: dict[tuple[str, str], Container] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        """See Controller."""
        nodes = {one["metadata"]["name"] for one in self.all("nodes", "", "")}
        for pod in self.all("pods"):
            node = pod["spec"].get("nodeName")
            if node in nodes and node not in self.lost:
                self._sync(pod)

    def _sync(self, pod: Object) -> None:
        if "deletionTimestamp" in pod["metadata"] and self._stopped(pod):
            return
        if pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
            return
        began = self._began(pod)
        shown = [self._container(pod, one, began) for one in pod["spec"]["containers"]]
        self.status("pods", pod, self._status(pod, shown, began))

    def _began(self, pod: Object) -> datetime:
        said = pod.get("status", {}).get("startTime")
        return moment(said) if said else self.core.now()

    def _container(self, pod: Object, said: dict[str, Any], began: datetime) -> dict[str, Any]:
        key = (pod["metadata"]["uid"], said["name"])
        if key not in self.containers:
            self.containers[key] = Container(said["name"], self.core.now())
        container = self.containers[key]
        behaviour = self.images.of(said["image"])
        for happened in container.live(self.core, behaviour, said["image"]):
            self.tell(pod, "Pod", happened.reason, happened.text, warning=happened.warning, by="kubelet")
            if happened.reason == "Started":
                self._started(key, container, behaviour.says)
        held = (pod["metadata"]["namespace"], pod["metadata"]["name"]) in self.unready
        return container.shown(said["image"], ready=container.ready and not held, pod=pod)

    def _started(self, key: tuple[str, str], container: Container, says: str) -> None:
        if container.restarts:
            self.logs.begin_again(*key)
        if says:
            self.logs.write(*key, says, self.core.now())

    def _status(self, pod: Object, shown: list[dict[str, Any]], began: datetime) -> dict[str, Any]:
        status = dict(pod.get("status") or {})
        known = status.get("conditions") or []
        now = self.core.stamp()
        waiting = [one["name"] for one in shown if not one["ready"]]
        text = f"containers with unready status: [{' '.join(waiting)}]" if waiting else ""
        reason = "ContainersNotReady" if waiting else ""
        value = "False" if waiting else "True"
        known = conditions(known, "PodReadyToStartContainers", "True", "", "", now)
        known = conditions(known, "Initialized", "True", "", "", now)
        known = conditions(known, "Ready", value, reason, text, now)
        known = conditions(known, "ContainersReady", value, reason, text, now)
        if not condition(pod, "PodScheduled"):
            known = conditions(known, "PodScheduled", "True", "", "", now)
        begun = any("waiting" not in one["state"] or one["lastState"] or one["restartCount"] for one in shown)
        status |= {
            "phase": "Running" if begun or status.get("phase") == "Running" else "Pending",
            "conditions": known,
            "containerStatuses": shown,
            "startTime": stamp(began),
            "hostIP": self._address(pod["spec"]["nodeName"], "192.168"),
        }
        status["podIP"] = self._address(pod["metadata"]["uid"], "10.244")
        status["podIPs"] = [{"ip": status["podIP"]}]
        status.pop("reason", None)
        if pod["spec"].get("initContainers"):
            status["initContainerStatuses"] = [self._done(one, began) for one in pod["spec"]["initContainers"]]
        return status

    def _done(self, said: dict[str, Any], began: datetime) -> dict[str, Any]:
        ended = {"exitCode": 0, "reason": "Completed", "startedAt": stamp(began), "finishedAt": stamp(began)}
        known = {"name": said["name"], "image": said["image"], "imageID": "", "ready": True, "restartCount": 0}
        return {**known, "started": False, "state": {"terminated": ended}, "lastState": {}}

    def _address(self, key: str, network: str) -> str:
        """An address that nobody had before, kept for as long as the cluster lasts."""
        if key not in self.addresses:
            self._given[network] += 1
            third, fourth = divmod(self._given[network], 250)
            self.addresses[key] = f"{network}.{third}.{fourth + 1}"
        return self.addresses[key]

    def _stopped(self, pod: Object) -> bool:
        meta = pod["metadata"]
        grace = meta.get("deletionGracePeriodSeconds", 0)
        asked = moment(meta["deletionTimestamp"]) - timedelta(seconds=grace)
        for one in pod["spec"]["containers"]:
            text = f"Stopping container {one['name']}"
            if (meta["uid"], text) not in self._told:
                self._told.add((meta["uid"], text))
                self.tell(pod, "Pod", "Killing", text, by="kubelet")
        if not self.core.after(asked, min(grace, self.core.pace.stop)):
            return False
        if meta.get("finalizers"):
            return True
        self.core.store.remove(self.core.catalogue.named("pods", ""), pod)
        return True

    def __post_init__(self) -> None:
        self._told: set[tuple[str, str]] = set()
        self._given: Counter[str] = Counter()

    def crash(self, pod: Object, container: str, exit_code: int, reason: str) -> None:
        """A container ends by itself, and is started again."""
        known = self.containers[pod["metadata"]["uid"], container]
        known.end(self.core.now(), exit_code, reason)
