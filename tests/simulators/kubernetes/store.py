"""The objects of the cluster, the one counter of their versions, and what happened to them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from tests.simulators.kubernetes.resources import Resource

Object = dict[str, Any]
Key = tuple[str, str]

FIRST_VERSION = 1000
REMEMBERED = 20_000


@dataclass(frozen=True)
class Change:
    """What happened to an object. `before` is what it was, for watches that select."""

    version: int
    kind: Literal["ADDED", "MODIFIED", "DELETED"]
    storage: str
    object: Object
    before: Object | None


class Store:
    """What etcd is to a cluster. Objects in it are never changed in place: a write puts another one there."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.version = FIRST_VERSION
        self.forgotten = 0
        self._objects: dict[str, dict[Key, Object]] = {}
        self._changes: deque[Change] = deque(maxlen=REMEMBERED)
        self._listeners: list[Callable[[], None]] = []

    def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """The object as it is."""
        return self._objects.get(storage(resource), {}).get((namespace, name))

    def all(self, resource: Resource, namespace: str = "") -> list[Object]:
        """The objects by namespace and name, in one namespace or in all."""
        known = self._objects.get(storage(resource), {})
        return [known[key] for key in sorted(known) if not namespace or key[0] == namespace]

    def everything(self) -> Iterator[tuple[str, Object]]:
        """All objects, with where they are kept."""
        for kept, known in list(self._objects.items()):
            for one in list(known.values()):
                yield kept, one

    def put(self, resource: Resource, new: Object) -> Object:
        """Write an object; it gets the next version."""
        meta = new["metadata"]
        key = (meta.get("namespace", ""), meta["name"])
        known = self._objects.setdefault(storage(resource), {})
        before = known.get(key)
        self.version += 1
        meta["resourceVersion"] = str(self.version)
        known[key] = new
        self._tell(Change(self.version, "MODIFIED" if before else "ADDED", storage(resource), new, before))
        return new

    def remove(self, resource: Resource, old: Object) -> Object:
        """Forget an object; what watches see of it has the version of its end."""
        meta = old["metadata"]
        del self._objects[storage(resource)][meta.get("namespace", ""), meta["name"]]
        self.version += 1
        last = {**old, "metadata": {**meta, "resourceVersion": str(self.version)}}
        self._tell(Change(self.version, "DELETED", storage(resource), last, old))
        return last

    def since(self, version: int, resource: Resource) -> list[Change]:
        """What happened to a resource after a version."""
        kept = storage(resource)
        found: list[Change] = []
        for one in reversed(self._changes):
            if one.version <= version:
                break
            if one.storage == kept:
                found.append(one)
        return found[::-1]

    def forget(self) -> None:
        """Compact: nobody can watch from a version before this one any more."""
        self.forgotten = self.version
        self._changes.clear()

    def listen(self, told: Callable[[], None]) -> Callable[[], None]:
        """Be told of each change, until the answer is called."""
        self._listeners.append(told)
        return lambda: self._listeners.remove(told)

    def nudge(self) -> None:
        """Something changed that is no object: a log, or how pods behave."""
        for told in list(self._listeners):
            told()

    def _tell(self, change: Change) -> None:
        self._changes.append(change)
        self.nudge()


def storage(resource: Resource) -> str:
    """Where a resource is kept: events are the same objects in both groups."""
    if resource.plural == "events":
        return "events"
    return resource.full
