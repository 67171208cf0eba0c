"""What controllers have in common: reading objects, writing what changed, telling of it in events."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.simulators.kubernetes.core import Core, hashed, moment
from tests.simulators.kubernetes.errors import ApiError
from tests.simulators.kubernetes.objects import Objects, Write
from tests.simulators.kubernetes.shapes import clone
from tests.simulators.kubernetes.store import Object

MANAGER = Write("kube-controller-manager")


@dataclass
class Controller:
    """One of them. `run` does what is to be done now; the cluster runs all of them until nothing changes."""

    core: Core
    objects: Objects

    def run(self) -> None:
        """Do what is to be done."""
        raise NotImplementedError

    def each(self, plural: str, do: Callable[[Object], None]) -> None:
        """Do something for each object that is to stay; one that is refused something does not stop the others."""
        for known in self.all(plural):
            if "deletionTimestamp" not in known["metadata"]:
                with contextlib.suppress(ApiError):
                    do(known)

    def all(self, plural: str, namespace: str = "", group: str | None = None) -> list[Object]:
        """The objects of a resource."""
        return self.core.store.all(self.core.catalogue.named(plural, group), namespace)

    def find(self, plural: str, namespace: str, name: str) -> Object | None:
        """An object, if it is there."""
        return self.core.store.get(self.core.catalogue.named(plural), namespace, name)

    def create(self, plural: str, known: Object) -> Object:
        """A new object."""
        namespace = known["metadata"].get("namespace", "")
        return self.objects.create(self.core.catalogue.named(plural), namespace, known)

    def write(self, plural: str, old: Object, new: Object) -> Object:
        """Another state of an object, if it is another: what of it counts for its generation is not touched here."""
        if new == old:
            return old
        return self.core.store.put(self.core.catalogue.named(plural), clone(new))

    def status(self, plural: str, old: Object, status: dict[str, Any]) -> Object:
        """Another status of an object."""
        known = {name: value for name, value in status.items() if value not in (None, [], {})}
        return self.write(plural, old, {**old, "status": known})

    def update(self, plural: str, known: Object, **spec: Any) -> Object:
        """Other fields in an object's specification."""
        return self.annotate(plural, known, {}, **spec)

    def annotate(self, plural: str, known: Object, annotations: dict[str, str], **spec: Any) -> Object:
        """Other annotations and fields."""

        def changed(old: Object) -> Object:
            old["spec"] |= clone(spec)
            if annotations:
                old["metadata"]["annotations"] = {**old["metadata"].get("annotations", {}), **annotations}
            return old

        meta = known["metadata"]
        resource = self.core.catalogue.named(plural)
        return self.objects.change(resource, meta.get("namespace", ""), meta["name"], changed, MANAGER)

    def remove(self, plural: str, known: Object) -> None:
        """Delete an object, as its controller does."""
        meta = known["metadata"]
        self.objects.delete(self.core.catalogue.named(plural), meta.get("namespace", ""), meta["name"])

    def owned(self, plural: str, owner: Object) -> list[Object]:
        """What an object controls."""
        meta = owner["metadata"]
        return [one for one in self.all(plural, meta["namespace"]) if controller_of(one) == meta["uid"]]

    def tell(self, about: Object, kind: str, reason: str, message: str, *, warning: bool = False, by: str = "") -> None:
        """Write an event, or count one more of the same."""
        meta = about["metadata"]
        resource = self.core.catalogue.of_kind(kind, _version_of(self.core, kind))
        subject = {
            "kind": kind,
            "namespace": meta.get("namespace", ""),
            "name": meta["name"],
            "uid": meta["uid"],
            "apiVersion": resource.api_version(),
            "resourceVersion": meta.get("resourceVersion", ""),
        }
        namespace = meta.get("namespace") or "default"
        for one in self.all("events", namespace, ""):
            same = one["involvedObject"]["uid"] == meta["uid"] and one["reason"] == reason and one["message"] == message
            if same:
                again = {**one, "count": one["count"] + 1, "lastTimestamp": self.core.stamp()}
                self.write("events", one, again)
                return
        component = by or "kube-controller-manager"
        with contextlib.suppress(ApiError):
            self.create("events", self._event(subject, reason, message, component, warning=warning))

    def _event(self, subject: dict[str, str], reason: str, message: str, component: str, *, warning: bool) -> Object:
        name = f"{subject['name']}.{self.core.uid()[:18].replace('-', '')}"
        return {
            "metadata": {"namespace": subject["namespace"] or "default", "name": name},
            "involvedObject": subject,
            "reason": reason,
            "message": message,
            "type": "Warning" if warning else "Normal",
            "count": 1,
            "firstTimestamp": self.core.stamp(),
            "lastTimestamp": self.core.stamp(),
            "source": {"component": component},
            "reportingComponent": component,
            "reportingInstance": "",
        }


def _version_of(core: Core, kind: str) -> str:
    found = next(one for one in core.catalogue.resources if one.kind == kind and one.group != "metrics.k8s.io")
    return found.api_version()


def controller_of(known: Object) -> str:
    """The identity of what controls an object."""
    for one in known["metadata"].get("ownerReferences") or []:
        if one.get("controller"):
            return str(one["uid"])
    return ""


def owner_reference(owner: Object, kind: str, api_version: str) -> dict[str, Any]:
    """What a controlled object says of its owner."""
    meta = owner["metadata"]
    known = {"apiVersion": api_version, "kind": kind, "name": meta["name"], "uid": meta["uid"]}
    return {**known, "controller": True, "blockOwnerDeletion": True}


def conditions(
    known: Iterable[dict[str, Any]] | None,
    kind: str,
    status: str,
    reason: str,
    message: str,
    now: str,
    *,
    updates: bool = False,
) -> list[dict[str, Any]]:
    """The conditions with one set; its time of transition moves only with its status."""
    kept = [one for one in known or [] if one["type"] != kind]
    old = next((one for one in known or [] if one["type"] == kind), None)
    new: dict[str, Any] = {"type": kind, "status": status, "lastTransitionTime": now}
    if old and old["status"] == status:
        new["lastTransitionTime"] = old["lastTransitionTime"]
    if reason:
        new["reason"] = reason
    if message:
        new["message"] = message
    if updates:
        same = old and (old["status"], old.get("reason"), old.get("message")) == (status, reason, message)
        new["lastUpdateTime"] = old["lastUpdateTime"] if old and same else now
    place = [one["type"] for one in known or []].index(kind) if old else len(kept)
    return [*kept[:place], new, *kept[place:]]


def condition(known: Object, kind: str) -> dict[str, Any]:
    """One condition of an object."""
    return next((one for one in known.get("status", {}).get("conditions") or [] if one["type"] == kind), {})


def is_ready(pod: Object) -> bool:
    """Whether a pod says that it is ready."""
    return condition(pod, "Ready").get("status") == "True"


def is_active(pod: Object) -> bool:
    """Whether a pod still counts for its owner."""
    return "deletionTimestamp" not in pod["metadata"] and pod.get("status", {}).get("phase") not in {
        "Succeeded",
        "Failed",
    }


def available(core: Core, pod: Object, seconds: int) -> bool:
    """Whether a pod has been ready for so long."""
    if not is_ready(pod):
        return False
    return not seconds or core.after(ready_since(pod), seconds)


def ready_since(pod: Object) -> datetime:
    """When a pod became ready."""
    return moment(condition(pod, "Ready")["lastTransitionTime"])


def template_hash(template: Object, collisions: int = 0) -> str:
    """The hash of a template. It is not the one that a real controller computes, but as steady."""
    text = json.dumps(template, sort_keys=True) + (str(collisions) if collisions else "")
    return hashed(int(hashlib.sha256(text.encode()).hexdigest()[:16], 16))


def pod_from(template: Object, owner: Object, kind: str, name: str, core: Core, labels: dict[str, str]) -> Object:
    """A pod as a controller makes it."""
    said = template.get("metadata") or {}
    meta: Object = {
        "namespace": owner["metadata"]["namespace"],
        "labels": {**said.get("labels", {}), **labels},
        "ownerReferences": [owner_reference(owner, kind, "apps/v1")],
    }
    if said.get("annotations"):
        meta["annotations"] = clone(said["annotations"])
    if name.endswith("-"):
        meta["generateName"] = name
    else:
        meta["name"] = name
    return {"metadata": meta, "spec": clone(template["spec"])}
