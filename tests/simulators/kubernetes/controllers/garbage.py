"""What is swept up: dependents whose owners are gone, and the contents of namespaces that go."""

from __future__ import annotations

from tests.simulators.kubernetes.controllers.base import Controller
from tests.simulators.kubernetes.resources import Resource
from tests.simulators.kubernetes.shapes import clone
from tests.simulators.kubernetes.store import Object, storage


class Garbage(Controller):
    """Deletes what nobody owns any more."""

    def run(self) -> None:
        """See Controller."""
        kept = list(self.core.store.everything())
        living = {one["metadata"]["uid"] for _, one in kept}
        held: dict[str, list[Object]] = {}
        for _, one in kept:
            for reference in one["metadata"].get("ownerReferences") or []:
                held.setdefault(reference["uid"], []).append(one)
        for where, one in kept:
            resource = self._resource(where)
            self._orphaned(resource, one, living)
            if "deletionTimestamp" in one["metadata"]:
                self._finish(resource, one, held.get(one["metadata"]["uid"], []))
        for space in self.all("namespaces"):
            if "deletionTimestamp" in space["metadata"]:
                self._empty(space)

    def _resource(self, where: str) -> Resource:
        known = self.core.catalogue.resources
        return next(one for one in known if storage(one) == where and one.group != "metrics.k8s.io")

    def _orphaned(self, resource: Resource, one: Object, living: set[str]) -> None:
        owners = one["metadata"].get("ownerReferences") or []
        if (
            owners
            and not any(owner["uid"] in living for owner in owners)
            and "deletionTimestamp" not in one["metadata"]
        ):
            self.objects.delete(resource, one["metadata"].get("namespace", ""), one["metadata"]["name"])

    def _finish(self, resource: Resource, one: Object, dependents: list[Object]) -> None:
        """The two ways of a deletion that care for dependents."""
        finalizers = one["metadata"].get("finalizers") or []
        if "orphan" in finalizers:
            for dependent in dependents:
                self._let_go(dependent, one["metadata"]["uid"])
            self._done(resource, one, "orphan")
        elif "foregroundDeletion" in finalizers:
            blocking = [each for each in dependents if _blocks(each, one["metadata"]["uid"])]
            for dependent in blocking:
                if "deletionTimestamp" not in dependent["metadata"]:
                    meta = dependent["metadata"]
                    self.objects.delete(self._of(dependent), meta.get("namespace", ""), meta["name"])
            if not blocking:
                self._done(resource, one, "foregroundDeletion")

    def _of(self, known: Object) -> Resource:
        uid = known["metadata"]["uid"]
        where = next(where for where, one in self.core.store.everything() if one["metadata"]["uid"] == uid)
        return self._resource(where)

    def _let_go(self, dependent: Object, uid: str) -> None:
        new = clone(dependent)
        left = [one for one in new["metadata"].pop("ownerReferences") if one["uid"] != uid]
        if left:
            new["metadata"]["ownerReferences"] = left
        self.core.store.put(self._of(dependent), new)

    def _done(self, resource: Resource, one: Object, finalizer: str) -> None:
        def changed(old: Object) -> Object:
            left = [name for name in old["metadata"].get("finalizers", []) if name != finalizer]
            old["metadata"].pop("finalizers", None)
            if left:
                old["metadata"]["finalizers"] = left
            return old

        self.objects.change(resource, one["metadata"].get("namespace", ""), one["metadata"]["name"], changed)

    def _empty(self, space: Object) -> None:
        name = space["metadata"]["name"]
        inside = [
            (where, one) for where, one in self.core.store.everything() if one["metadata"].get("namespace") == name
        ]
        for where, one in inside:
            if "deletionTimestamp" not in one["metadata"]:
                self.objects.delete(self._resource(where), name, one["metadata"]["name"])
        if not inside:
            self.core.store.remove(self.core.catalogue.named("namespaces"), space)


def _blocks(known: Object, uid: str) -> bool:
    return any(
        one["uid"] == uid and one.get("blockOwnerDeletion") for one in known["metadata"].get("ownerReferences") or []
    )
