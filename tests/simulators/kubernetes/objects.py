"""What is done with every object alike: names, identities, versions, generations, ownership, dry runs, deletion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.simulators.kubernetes import defaults, managed, validation
from tests.simulators.kubernetes.core import Core, stamp
from tests.simulators.kubernetes.errors import (
    Problem,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    not_found,
    wrong_uid,
    wrong_version,
)
from tests.simulators.kubernetes.resources import Resource
from tests.simulators.kubernetes.shapes import clone
from tests.simulators.kubernetes.store import Object

_KEPT = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")
_CONDITIONAL = {"poddisruptionbudgets", "leases", "scaledobjects"}


@dataclass(frozen=True)
class Write:
    """How something is written: by whom, whether for show only, and through which subresource."""

    manager: str = ""
    dry: bool = False
    subresource: str = ""
    version: str = ""
    operation: str = "Update"


@dataclass(frozen=True)
class Deletion:
    """What was said with a deletion."""

    grace: int | None = None
    uid: str = ""
    version: str = ""
    policy: str = "Background"


QUIET = Write()
Admission = Callable[[Resource, str, Object, bool], None]


@dataclass
class Objects:
    """The cluster's objects for the API and for controllers."""

    core: Core
    admissions: list[Admission] = field(default_factory=list)

    def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """The object, or the refusal that there is none."""
        found = self.core.store.get(resource, namespace, name)
        if found is None:
            raise not_found(resource, name)
        return found

    def create(self, resource: Resource, namespace: str, sent: Object, write: Write = QUIET) -> Object:
        """A new object."""
        new = _bare(sent)
        meta = new.setdefault("metadata", {})
        self._place(resource, namespace, meta)
        if meta.get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = f"{meta['generateName'][:58]}{self.core.suffix()}"
        if self.core.store.get(resource, namespace, meta.get("name", "")) is not None:
            raise already_exists(resource, meta["name"])
        for name in _KEPT:
            meta.pop(name, None)
        meta |= {"uid": self.core.uid(), "creationTimestamp": self.core.stamp()}
        if resource.generations:
            meta["generation"] = 1
        if "status" in resource.subresources and resource.plural != "nodes":
            new.pop("status", None)
        defaults.fill(resource.plural, new)
        self._check(resource, new, None)
        self._admit(resource, "CREATE", new, write)
        self._track(resource, None, new, write)
        return new if write.dry else self.core.store.put(resource, new)

    def replace(self, resource: Resource, namespace: str, name: str, sent: Object, write: Write = QUIET) -> Object:
        """The object as it was sent, if the caller knew the one that is there."""
        old = self.get(resource, namespace, name)
        said = sent.setdefault("metadata", {}).setdefault("name", name)
        if said != name:
            raise bad_request(f"the name of the object ({said}) does not match the name on the URL ({name})")
        if not sent["metadata"].get("resourceVersion") and resource.plural in _CONDITIONAL and not write.subresource:
            why = [Problem("metadata.resourceVersion", "Invalid", "Invalid value: 0: must be specified for an update")]
            raise invalid(resource.kind, resource.group, name, why)
        return self._write(resource, namespace, old, _bare(sent), write)

    def change(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        changed: Callable[[Object], Object],
        write: Write = QUIET,
    ) -> Object:
        """The object after a change to what is there."""
        old = self.get(resource, namespace, name)
        return self._write(resource, namespace, old, _bare(changed(clone(old))), write)

    def _write(self, resource: Resource, namespace: str, old: Object, new: Object, write: Write) -> Object:
        meta = new["metadata"]
        name = old["metadata"]["name"]
        if meta.get("name") != name:
            raise bad_request("metadata.name: Invalid value: field is immutable")
        if namespace and meta.setdefault("namespace", namespace) != namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        if meta.get("uid") and meta["uid"] != old["metadata"]["uid"]:
            raise wrong_uid(resource, name, meta["uid"], old["metadata"]["uid"])
        if meta.get("resourceVersion") and meta["resourceVersion"] != old["metadata"]["resourceVersion"]:
            raise conflict(resource, name)
        new = self._kept(resource, old, new, write)
        defaults.fill(resource.plural, new)
        self._check(resource, new, old)
        self._admit(resource, "UPDATE", new, write)
        self._track(resource, old, new, write)
        if new == old or write.dry:
            return new
        if _over(new):
            return self.core.store.remove(resource, new)
        return self.core.store.put(resource, new)

    def _kept(self, resource: Resource, old: Object, new: Object, write: Write) -> Object:
        """What a write may not touch stays as it was."""
        if write.subresource == "status":
            new = {**clone(old), "status": new.get("status", {})}
        elif "status" in resource.subresources and not write.subresource:
            new.pop("status", None)
            if "status" in old:
                new["status"] = clone(old["status"])
        meta = new["metadata"]
        for field_name in (*_KEPT, "resourceVersion"):
            meta.pop(field_name, None)
            if field_name in old["metadata"]:
                meta[field_name] = old["metadata"][field_name]
        if resource.generations and _wanted(new) != _wanted(old):
            meta["generation"] = old["metadata"].get("generation", 0) + 1
        return new

    def _place(self, resource: Resource, namespace: str, meta: dict[str, Any]) -> None:
        """The namespace of a new object."""
        if not resource.namespaced:
            meta.pop("namespace", None)
            return
        if meta.setdefault("namespace", namespace) != namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        spaces = self.core.catalogue.named("namespaces")
        space = self.core.store.get(spaces, "", namespace)
        if space is None:
            raise not_found(spaces, namespace)
        if "deletionTimestamp" in space["metadata"]:
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise forbidden(resource, meta.get("name", ""), why)

    def _check(self, resource: Resource, new: Object, old: Object | None) -> None:
        problems = validation.problems(resource, new, old)
        if problems:
            raise invalid(resource.kind, resource.group, new["metadata"].get("name", ""), problems)

    def _admit(self, resource: Resource, operation: str, new: Object, write: Write) -> None:
        for admission in self.admissions:
            admission(resource, operation, new, write.dry)

    def _track(self, resource: Resource, old: Object | None, new: Object, write: Write) -> None:
        if not write.manager or write.operation == "Apply":
            return
        version = resource.api_version(write.version)
        entry = managed.entry_of(write.manager, "Update", version, self.core.stamp(), write.subresource)
        new["metadata"]["managedFields"] = managed.tracked(old, new, resource.model, entry)

    def delete(
        self, resource: Resource, namespace: str, name: str, said: Deletion | None = None, write: Write = QUIET
    ) -> tuple[Object, bool]:
        """Delete, now or as soon as it may be; the object, and whether it is gone."""
        said = said or Deletion()
        old = self.get(resource, namespace, name)
        meta = old["metadata"]
        if said.uid and said.uid != meta["uid"]:
            raise wrong_uid(resource, name, said.uid, meta["uid"])
        if said.version and said.version != meta["resourceVersion"]:
            raise wrong_version(resource, name, said.version, meta["resourceVersion"])
        self._admit(resource, "DELETE", old, write)
        grace = _grace(resource, old, said)
        finalizers = _finalizers(old, said.policy)
        if resource.plural == "namespaces":
            finalizers = [*finalizers, "kubernetes"]
        if not grace and not finalizers:
            return (old, True) if write.dry else (self.core.store.remove(resource, old), True)
        new = self._doomed(old, grace, finalizers if resource.plural != "namespaces" else [])
        if write.dry or new == old:
            return new, False
        return self.core.store.put(resource, new), False

    def _doomed(self, old: Object, grace: int, finalizers: list[str]) -> Object:
        new = clone(old)
        meta = new["metadata"]
        if finalizers:
            meta["finalizers"] = finalizers
        if "deletionTimestamp" not in meta or grace < meta.get("deletionGracePeriodSeconds", 0):
            meta["deletionTimestamp"] = stamp(self.core.now() + timedelta(seconds=grace))
            meta["deletionGracePeriodSeconds"] = grace
        if "phase" in new.get("status", {}) and new["status"]["phase"] == "Active":
            new["status"] = {**new["status"], "phase": "Terminating"}
        return new


def _bare(sent: Object) -> Object:
    """A copy without kind and version, which each answer adds as it was asked for."""
    return {name: clone(value) for name, value in sent.items() if name not in {"kind", "apiVersion"}}


def _wanted(known: Object) -> Object:
    """What counts for the generation."""
    return {name: value for name, value in known.items() if name not in {"metadata", "status"}}


def _over(known: Object) -> bool:
    """Whether it waited only for its finalizers, and they are gone."""
    meta = known["metadata"]
    waits = "deletionTimestamp" in meta and not meta.get("deletionGracePeriodSeconds")
    return waits and not meta.get("finalizers") and known.get("status", {}).get("phase") != "Terminating"


def _grace(resource: Resource, known: Object, said: Deletion) -> int:
    if resource.plural != "pods":
        return 0
    if not known["spec"].get("nodeName") or known.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
        return 0
    grace = said.grace if said.grace is not None else known["spec"].get("terminationGracePeriodSeconds", 30)
    return int(max(0, grace))


def _finalizers(known: Object, policy: str) -> list[str]:
    held = [one for one in known["metadata"].get("finalizers", []) if one not in {"orphan", "foregroundDeletion"}]
    extra = {"Orphan": ["orphan"], "Foreground": ["foregroundDeletion"]}.get(policy, [])
    return [*held, *extra]
