"""metrics.k8s.io: what pods and nodes use."""

from __future__ import annotations

from typing import Any

from tests.simulators.kubernetes import selectors
from tests.simulators.kubernetes.core import Core
from tests.simulators.kubernetes.errors import not_found
from tests.simulators.kubernetes.http.calls import Answer, Call
from tests.simulators.kubernetes.quantities import milli, quantity
from tests.simulators.kubernetes.resources import Resource
from tests.simulators.kubernetes.store import Object
from tests.simulators.kubernetes.usage import Usage


class Metering:
    """Answers for the metrics server."""

    def __init__(self, core: Core, usage: Usage) -> None:
        self.core = core
        self.usage = usage

    def answer(self, resource: Resource, call: Call) -> Answer:
        """GET of one, or of all."""
        if self.usage.metrics == "broken":
            return Answer(b"service unavailable\n", 503, content_type="text/plain")
        found = self._nodes() if resource.plural == "nodes" else self._pods(call.namespace)
        if call.name:
            one = next((item for item in found if item["metadata"]["name"] == call.name), None)
            if one is None:
                raise not_found(resource, call.name)
            return Answer({**self._kind(resource), **one})
        matches = selectors.labels(call.query.get("labelSelector", ""))
        items = [one for one in found if matches(one["metadata"].get("labels") or {})]
        kind = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version()}
        return Answer({**kind, "metadata": {}, "items": items})

    def _kind(self, resource: Resource) -> dict[str, str]:
        return {"kind": resource.kind, "apiVersion": resource.api_version()}

    def _pods(self, namespace: str) -> list[Object]:
        pods = self.core.store.all(self.core.catalogue.named("pods", ""), namespace)
        return [self._pod(one) for one in pods if one.get("status", {}).get("phase") == "Running"]

    def _pod(self, pod: Object) -> Object:
        used = self.usage.of(pod)
        names = [one["name"] for one in pod["spec"]["containers"]]
        shares = [{"name": name, "usage": _part(used.cpu, used.memory, len(names))} for name in names]
        return {**self._about(pod), "containers": shares}

    def _nodes(self) -> list[Object]:
        pods = self.core.store.all(self.core.catalogue.named("pods", ""))
        found = []
        for node in self.core.store.all(self.core.catalogue.named("nodes", "")):
            here = [one for one in pods if one["spec"].get("nodeName") == node["metadata"]["name"]]
            cpu = sum(milli(self.usage.of(one).cpu) for one in here)
            memory = sum(quantity(self.usage.of(one).memory) for one in here)
            found.append({**self._about(node), "usage": {"cpu": f"{cpu}m", "memory": f"{int(memory) // 1024}Ki"}})
        return found

    def _about(self, known: Object) -> dict[str, Any]:
        meta = {name: known["metadata"][name] for name in ("name", "namespace", "labels") if name in known["metadata"]}
        return {
            "metadata": {**meta, "creationTimestamp": self.core.stamp()},
            "timestamp": self.core.stamp(),
            "window": "15s",
        }


def _part(cpu: str, memory: str, parts: int) -> dict[str, str]:
    return {"cpu": f"{milli(cpu) // parts}m", "memory": f"{int(quantity(memory)) // parts // 1024}Ki"}
