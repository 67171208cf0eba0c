"""Endpoints and endpoint slices: which pods a service sends to."""

from __future__ import annotations

from typing import Any

from tests.simulators.kubernetes import selectors
from tests.simulators.kubernetes.controllers.base import Controller, is_ready, owner_reference
from tests.simulators.kubernetes.store import Object

_MANAGED = "endpointslice.kubernetes.io/managed-by"
_SERVICE = "kubernetes.io/service-name"


class Endpoints(Controller):
    """Follows the pods of services that have a selector."""

    def run(self) -> None:
        """See Controller."""
        self.each("services", self._serve)

    def _serve(self, service: Object) -> None:
        if not service["spec"].get("clusterIP") and service["spec"]["type"] != "ExternalName":
            self._address(service)
        elif service["spec"].get("selector"):
            self._follow(service)

    def _address(self, service: Object) -> None:
        spec = service["spec"]
        used = len(self.all("services"))
        address = f"10.96.0.{10 + used + self.core.chance.randrange(100)}"
        self.write("services", service, {**service, "spec": {**spec, "clusterIP": address, "clusterIPs": [address]}})

    def _follow(self, service: Object) -> None:
        meta = service["metadata"]
        fits = selectors.selector({"matchLabels": service["spec"]["selector"]})
        pods = [
            one
            for one in self.all("pods", meta["namespace"])
            if fits(one["metadata"].get("labels") or {}) and one.get("status", {}).get("podIP")
        ]
        pods = [one for one in pods if one["status"].get("phase") == "Running"]
        self._endpoints(service, pods)
        self._slice(service, pods)

    def _endpoints(self, service: Object, pods: list[Object]) -> None:
        meta = service["metadata"]
        there = [one for one in pods if "deletionTimestamp" not in one["metadata"]]
        ready = [_target(one) for one in there if is_ready(one)]
        rest = [_target(one) for one in there if not is_ready(one)]
        subset: dict[str, Any] = {}
        if ready:
            subset["addresses"] = ready
        if rest:
            subset["notReadyAddresses"] = rest
        ports = self._ports(service, there)
        if subset and ports:
            subset["ports"] = ports
        known: Object = {"metadata": {"name": meta["name"], "namespace": meta["namespace"]}}
        if "labels" in meta:
            known["metadata"]["labels"] = meta["labels"]
        wanted = [subset] if subset else None
        old = self.find("endpoints", meta["namespace"], meta["name"])
        if old is None:
            self.create("endpoints", {**known, **({"subsets": wanted} if wanted else {})})
        elif old.get("subsets") != wanted:
            kept = {name: value for name, value in old.items() if name != "subsets"}
            self.write("endpoints", old, {**kept, **({"subsets": wanted} if wanted else {})})

    def _slice(self, service: Object, pods: list[Object]) -> None:
        meta = service["metadata"]
        found = [
            one
            for one in self.all("endpointslices", meta["namespace"])
            if (one["metadata"].get("labels") or {}).get(_SERVICE) == meta["name"]
        ]
        endpoints = [_endpoint(one) for one in pods]
        ports = [{"name": "", **one} for one in self._ports(service, pods)]
        if not found:
            known = {
                "metadata": {
                    "generateName": f"{meta['name']}-",
                    "namespace": meta["namespace"],
                    "labels": {_SERVICE: meta["name"], _MANAGED: "endpointslice-controller.k8s.io"},
                    "ownerReferences": [owner_reference(service, "Service", "v1")],
                },
                "addressType": "IPv4",
                "endpoints": endpoints,
                "ports": ports,
            }
            self.create("endpointslices", known)
        elif (found[0].get("endpoints"), found[0].get("ports")) != (endpoints, ports):
            old = found[0]
            raised = {**old["metadata"], "generation": old["metadata"]["generation"] + 1}
            self.write("endpointslices", old, {**old, "metadata": raised, "endpoints": endpoints, "ports": ports})

    def _ports(self, service: Object, pods: list[Object]) -> list[dict[str, Any]]:
        found = []
        for one in service["spec"].get("ports") or []:
            target = _number(one.get("targetPort", one["port"]), pods)
            if target is not None:
                shown = {"name": one["name"]} if one.get("name") else {}
                found.append({**shown, "port": target, "protocol": one["protocol"]})
        return found


def _number(target: Any, pods: list[Object]) -> int | None:
    """The port behind a name, if a pod has it."""
    if isinstance(target, int):
        return target
    for pod in pods:
        for container in pod["spec"]["containers"]:
            for port in container.get("ports") or []:
                if port.get("name") == target:
                    return int(port["containerPort"])
    return None


def _reference(pod: Object) -> dict[str, Any]:
    meta = pod["metadata"]
    return {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}


def _target(pod: Object) -> dict[str, Any]:
    return {"ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"], "targetRef": _reference(pod)}


def _endpoint(pod: Object) -> dict[str, Any]:
    leaving = "deletionTimestamp" in pod["metadata"]
    serving = is_ready(pod)
    state = {"ready": serving and not leaving, "serving": serving, "terminating": leaving}
    known = {"addresses": [pod["status"]["podIP"]], "conditions": state, "nodeName": pod["spec"]["nodeName"]}
    return {**known, "targetRef": _reference(pod)}
