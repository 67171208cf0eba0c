"""Deployments: a replica set for each template, and the way from one to the next."""

from __future__ import annotations

from typing import Any

from tests.simulators.kubernetes import selectors
from tests.simulators.kubernetes.controllers import rolling
from tests.simulators.kubernetes.controllers.base import (
    Controller,
    controller_of,
    owner_reference,
    template_hash,
)
from tests.simulators.kubernetes.controllers.progress import HISTORY, Progress
from tests.simulators.kubernetes.errors import ApiError
from tests.simulators.kubernetes.objects import Deletion
from tests.simulators.kubernetes.shapes import clone
from tests.simulators.kubernetes.store import Object

REVISION = "deployment.kubernetes.io/revision"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MOST = "deployment.kubernetes.io/max-replicas"
HASH = "pod-template-hash"
_NOT_COPIED = {"kubectl.kubernetes.io/last-applied-configuration", REVISION, HISTORY, DESIRED, MOST}


class Deployments(Controller):
    """Rolls deployments out."""

    def run(self) -> None:
        """See Controller."""
        self.each("deployments", self._sync)

    def _sync(self, known: Object) -> None:
        sets = self._sets(known)
        paused = known["spec"].get("paused", False)
        new = self._current(known, sets)
        if new is None and not paused and not self._waits(known, sets):
            new = self._begin(known, sets)
            sets = self._sets(known)
        if new is not None:
            self._revise(known, new, sets)
        sets = self._sets(known)
        new = self._current(known, sets)
        if paused or self._is_scaling(known, sets):
            self._scale_in_proportion(known, sets, new)
        elif new is not None:
            old = [one for one in sets if one is not new]
            recreate = known["spec"]["strategy"]["type"] == "Recreate"
            plan = rolling.recreated(known, new, old) if recreate else rolling.rolled(known, new, old, self._unhealthy)
            for one, wanted in plan:
                self._scale(known, one, wanted)
        elif self._waits(known, sets):
            for one in sets:
                self._scale(known, one, 0)
        sets = self._sets(known)
        known = self.find("deployments", known["metadata"]["namespace"], known["metadata"]["name"]) or known
        new = self._current(known, sets)
        Progress(self.core, self.objects).sync(known, new, sets)
        self._clean(known, new, sets)

    def _sets(self, known: Object) -> list[Object]:
        """Its replica sets, the oldest first; orphans that fit are taken in."""
        uid = known["metadata"]["uid"]
        fits = selectors.selector(known["spec"]["selector"])
        found: list[Object] = []
        for one in self.all("replicasets", known["metadata"]["namespace"]):
            owner = controller_of(one)
            if owner == uid:
                found.append(one)
            elif not owner and fits(one["metadata"].get("labels") or {}) and "deletionTimestamp" not in one["metadata"]:
                new = clone(one)
                new["metadata"]["ownerReferences"] = [owner_reference(known, "Deployment", "apps/v1")]
                found.append(self.write("replicasets", one, new))
        return sorted(found, key=lambda one: (one["metadata"]["creationTimestamp"], revision(one)))

    def _current(self, known: Object, sets: list[Object]) -> Object | None:
        """The replica set of the template as it is now; the oldest, if there are several."""
        wanted = known["spec"]["template"]
        return next((one for one in sets if bare(one["spec"]["template"]) == bare(wanted)), None)

    def _waits(self, known: Object, sets: list[Object]) -> bool:
        """Whether a recreation waits for the old pods to be gone."""
        if known["spec"]["strategy"]["type"] != "Recreate":
            return False
        return any(self.owned("pods", one) for one in sets) or any(one["spec"]["replicas"] for one in sets)

    def _begin(self, known: Object, sets: list[Object]) -> Object:
        template = clone(known["spec"]["template"])
        hashed = template_hash(template, known.get("status", {}).get("collisionCount", 0))
        labels = {**template["metadata"].get("labels", {}), HASH: hashed}
        template["metadata"]["labels"] = labels
        selector = clone(known["spec"]["selector"])
        selector["matchLabels"] = {**selector.get("matchLabels", {}), HASH: hashed}
        wanted = rolling.new_size(known, None, sets)
        meta = known["metadata"]
        made: Object = {
            "metadata": {
                "name": f"{meta['name']}-{hashed}",
                "namespace": meta["namespace"],
                "labels": dict(labels),
                "annotations": {**_copied(known), **self._bounds(known), REVISION: str(_next_revision(sets))},
                "ownerReferences": [owner_reference(known, "Deployment", "apps/v1")],
            },
            "spec": {"replicas": wanted, "selector": selector, "template": template},
        }
        if known["spec"].get("minReadySeconds"):
            made["spec"]["minReadySeconds"] = known["spec"]["minReadySeconds"]
        new = self.create("replicasets", made)
        if wanted:
            self._tell_scaled(known, new, 0, wanted)
        return new

    def _revise(self, known: Object, new: Object, sets: list[Object]) -> None:
        """The newest template has the highest revision, also when it was there before."""
        others = [revision(one) for one in sets if one["metadata"]["uid"] != new["metadata"]["uid"]]
        highest = max([0, *others])
        notes = new["metadata"].get("annotations", {})
        wanted = {**_copied(known)}
        if revision(new) <= highest:
            old = notes.get(REVISION)
            before = [*filter(None, notes.get(HISTORY, "").split(",")), *([old] if old else [])]
            wanted |= {REVISION: str(highest + 1), HISTORY: ",".join(before)}
        if any(notes.get(name) != value for name, value in wanted.items()):
            new = self.annotate("replicasets", new, wanted)
        mine = new["metadata"]["annotations"][REVISION]
        if known["metadata"].get("annotations", {}).get(REVISION) != mine:
            self.annotate("deployments", known, {REVISION: mine})

    def _bounds(self, known: Object) -> dict[str, str]:
        wanted = known["spec"]["replicas"]
        return {DESIRED: str(wanted), MOST: str(wanted + rolling.surge(known))}

    def _is_scaling(self, known: Object, sets: list[Object]) -> bool:
        """Whether somebody wants another number than the replica sets were made for."""
        active = [one for one in sets if one["spec"]["replicas"]]
        said = [one["metadata"].get("annotations", {}).get(DESIRED) for one in active]
        return any(one is not None and one != str(known["spec"]["replicas"]) for one in said)

    def _scale_in_proportion(self, known: Object, sets: list[Object], new: Object | None) -> None:
        for one, wanted in rolling.proportional(known, sets, new):
            self._scale(known, one, wanted)

    def _scale(self, known: Object, one: Object, wanted: int) -> None:
        before = one["spec"]["replicas"]
        bounds = self._bounds(known)
        notes = one["metadata"].get("annotations", {})
        if before == wanted and all(notes.get(name) == value for name, value in bounds.items()):
            return
        self.annotate("replicasets", one, bounds, replicas=wanted)
        if before != wanted:
            self._tell_scaled(known, one, before, wanted)

    def _tell_scaled(self, known: Object, one: Object, before: int, wanted: int) -> None:
        way = "up" if wanted > before else "down"
        since = f" from {before}" if self.core.catalogue.modern else ""
        text = f"Scaled {way} replica set {one['metadata']['name']}{since} to {wanted}"
        self.tell(known, "Deployment", "ScalingReplicaSet", text, by="deployment-controller")

    def _unhealthy(self, one: Object) -> int:
        """How many of a replica set's pods are not available."""
        return int(one["spec"]["replicas"]) - int(one.get("status", {}).get("availableReplicas", 0))

    def _clean(self, known: Object, new: Object | None, sets: list[Object]) -> None:
        """Old replica sets that nobody can go back to any more."""
        if new is None or not _complete(known):
            return
        limit = known["spec"].get("revisionHistoryLimit", 10)
        old = [one for one in sets if one is not new and not one["spec"]["replicas"] and not one["status"]["replicas"]]
        for one in sorted(old, key=revision)[: max(0, len(old) - limit)]:
            meta = one["metadata"]
            try:
                self.objects.delete(
                    self.core.catalogue.named("replicasets"), meta["namespace"], meta["name"], Deletion(uid=meta["uid"])
                )
            except ApiError:
                continue


def _complete(known: Object) -> bool:
    status, wanted = known.get("status", {}), known["spec"]["replicas"]
    counts = (status.get("updatedReplicas", 0), status.get("replicas", 0), status.get("availableReplicas", 0))
    return counts == (wanted,) * 3


def revision(one: Object) -> int:
    """The revision of a replica set."""
    return int(one["metadata"].get("annotations", {}).get(REVISION, 0))


def _next_revision(sets: list[Object]) -> int:
    return max([0, *map(revision, sets)]) + 1


def _copied(known: Object) -> dict[str, str]:
    notes = known["metadata"].get("annotations") or {}
    return {name: value for name, value in notes.items() if name not in _NOT_COPIED}


def bare(template: dict[str, Any]) -> dict[str, Any]:
    """A template without the hash of it."""
    meta = template.get("metadata") or {}
    labels = {name: value for name, value in (meta.get("labels") or {}).items() if name != HASH}
    known = {name: value for name, value in meta.items() if name not in {"labels", "creationTimestamp"} and value}
    return {"metadata": {**known, "labels": labels}, "spec": template["spec"]}
