"""The parts of a cluster, put together; and its time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.simulators.kubernetes.behaviour import Images
from tests.simulators.kubernetes.controllers.autoscalers import Autoscalers
from tests.simulators.kubernetes.controllers.base import Controller
from tests.simulators.kubernetes.controllers.budgets import Budgets
from tests.simulators.kubernetes.controllers.deployments import Deployments
from tests.simulators.kubernetes.controllers.endpoints import Endpoints
from tests.simulators.kubernetes.controllers.garbage import Garbage
from tests.simulators.kubernetes.controllers.kubelets import Kubelets
from tests.simulators.kubernetes.controllers.nodes import Nodes
from tests.simulators.kubernetes.controllers.ordered import DaemonSets, StatefulSets
from tests.simulators.kubernetes.controllers.replicasets import ReplicaSets
from tests.simulators.kubernetes.controllers.scheduler import Scheduler
from tests.simulators.kubernetes.core import Core
from tests.simulators.kubernetes.logs import Logs
from tests.simulators.kubernetes.objects import Objects
from tests.simulators.kubernetes.rbac import Rbac
from tests.simulators.kubernetes.usage import Usage

ROUNDS = 200
NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


class Cluster:
    """Objects, controllers and what tests may change of their world."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.objects = Objects(core)
        self.rbac = Rbac(core)
        self.logs = Logs()
        self.usage = Usage()
        self.images = Images()
        self.nodes = Nodes(core, self.objects)
        self.kubelets = Kubelets(core, self.objects, self.images, self.logs)
        self.controllers: list[Controller] = [
            Garbage(core, self.objects),
            self.nodes,
            Deployments(core, self.objects),
            ReplicaSets(core, self.objects),
            StatefulSets(core, self.objects),
            DaemonSets(core, self.objects),
            Scheduler(core, self.objects),
            self.kubelets,
            Endpoints(core, self.objects),
            Budgets(core, self.objects),
            Autoscalers(core, self.objects, self.usage),
        ]

    def tick(self) -> bool:
        """Let everybody do what is to be done now; whether anything changed."""
        with self.core.store.lock:
            before = self.core.store.version
            self.core.due.clear()
            self.core.routine.clear()
            for one in self.controllers:
                one.run()
            return self.core.store.version != before

    def rest(self) -> None:
        """Until nothing changes any more at this moment."""
        for _ in range(ROUNDS):
            if not self.tick():
                return
        raise AssertionError(f"the cluster does not come to rest in {ROUNDS} rounds")

    def next_due(self, *, routine: bool = True) -> datetime | None:
        """When something happens by itself, if anything will."""
        return min([*self.core.due, *(self.core.routine if routine else ())], default=None)

    def pass_time(self, span: timedelta, *, whole: bool = True) -> None:
        """Let the clock move, with all that happens in between; not to the end, if nothing more happens."""
        clock: Any = self.core.clock
        ends = self.core.now() + span
        self.rest()
        while (due := self.next_due(routine=whole)) is not None and due <= ends:
            clock.advance(max(due - self.core.now(), timedelta()))
            self.rest()
        if whole:
            clock.advance(ends - self.core.now())
            self.rest()

    def make(self, plural: str, known: dict[str, Any]) -> dict[str, Any]:
        """An object, made by whoever set the cluster up."""
        with self.core.store.lock:
            resource = self.core.catalogue.named(plural)
            return self.objects.create(resource, known["metadata"].get("namespace", ""), known)

    def furnish(self, nodes: int) -> None:
        """What every cluster has: namespaces, and some nodes."""
        for name in NAMESPACES:
            self.make("namespaces", {"metadata": {"name": name}})
        for number in range(1, nodes + 1):
            self.make("nodes", node(f"node-{number}", self.core.stamp(), number))
        all_ = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
        self.make("clusterroles", {"metadata": {"name": "cluster-admin"}, "rules": [all_]})


def node(name: str, now: str, number: int = 1) -> dict[str, Any]:
    """A node that is ready, with four cores."""
    room = {"cpu": "4", "memory": "16Gi", "pods": "110"}
    states = {"MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False", "Ready": "True"}
    reasons = {"Ready": "KubeletReady"}
    known = [
        {
            "type": kind,
            "status": state,
            "reason": reasons.get(kind, f"KubeletHasNo{kind}"),
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        for kind, state in states.items()
    ]
    info = {"kubeletVersion": "v1.34.0", "osImage": "Linux", "architecture": "amd64", "operatingSystem": "linux"}
    extra = {"kernelVersion": "6.1", "containerRuntimeVersion": "containerd://2.0", "kubeProxyVersion": ""}
    ids = {"machineID": name, "systemUUID": name, "bootID": name}
    labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": f"zone-{'abc'[number % 3]}"}
    return {
        "metadata": {"name": name, "labels": labels},
        "status": {
            "capacity": room,
            "allocatable": room,
            "conditions": known,
            "addresses": [
                {"type": "InternalIP", "address": f"192.168.1.{number}"},
                {"type": "Hostname", "address": name},
            ],
            "nodeInfo": {**info, **extra, **ids},
        },
    }
