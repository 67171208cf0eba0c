"""One change, thought out: what it stands on, and the one request that makes it so.

A change is thought out anew each time: to show it, right before it is sent, and to see whether it still holds. Values
that must not move in between (a full image, a revision's ReplicaSet) are settled by the first thought and given to the
later ones. Where nothing is left to do, the change is in force.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from bot.adapters.kubernetes import rollout
from bot.adapters.kubernetes.access import PATCH_DEPLOYMENT, Access
from bot.adapters.kubernetes.ledger import ANNOTATION, Note, noted, text_with
from bot.adapters.kubernetes.place import Place
from commands.errors import Refusal
from commands.ports import Operation

JSON_PATCH = "application/json-patch+json"
CAUSE = "kubernetes.io/change-cause"
Said = Mapping[str, Any]
Patch = list[dict[str, Any]]


@dataclass(frozen=True)
class Scene:
    """Where a change is thought out: the Deployment as it was just read."""

    place: Place
    deployment: dict[str, Any]
    limits: tuple[int, int]
    now: datetime

    @property
    def service(self) -> str:
        """What people call it."""
        return self.place.service


@dataclass(frozen=True)
class Request:
    """What is sent, once. `body` is None where there is none."""

    access: Access
    namespace: str
    name: str
    body: Any
    kind: str = JSON_PATCH


@dataclass(frozen=True)
class Thought:
    """What a change would do to one object, which `known` is; see `Draft` for the rest.

    `patch`: the operations, without the guard and the note. `rolls`: its pods are replaced, one after the other.
    `marks`: annotations that keep what somebody needs later. `refused`: why it must not be made, which stops who plans
    or makes it, and nobody who only looks whether it is in force.
    """

    access: Access
    known: dict[str, Any]
    live: dict[str, Any]
    settled: dict[str, Any]
    patch: Patch = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    already: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    removes: float = 0.0
    rolls: bool = False
    marks: Mapping[str, str] = field(default_factory=dict)
    refused: Refusal | None = None


class Change(ABC):
    """One kind of change, by the name of its action."""

    name: ClassVar[str]

    @abstractmethod
    async def think(self, scene: Scene, said: Said) -> Thought:
        """Raises NotFound, Conflict, Unavailable."""

    def request(self, thought: Thought, note: Note) -> Request:
        """The request: a JSON patch, which holds for the object as it was read only, and leaves the note with it."""
        meta = thought.known["metadata"]
        guard = [
            {"op": "test", "path": "/metadata/uid", "value": meta["uid"]},
            {"op": "test", "path": "/metadata/resourceVersion", "value": meta["resourceVersion"]},
        ]
        patch = [*guard, *thought.patch, *_annotated(thought, note)]
        return Request(thought.access, meta.get("namespace", ""), meta["name"], patch)

    def restarts(self, settled: Said) -> bool:  # noqa: ARG002 - most do not
        """Whether the workers are to be restarted once it is made."""
        return False

    async def further(self, scene: Scene, thought: Thought, person: str) -> None:  # noqa: B027 - most do nothing
        """A round of what follows the request. It asks for what is still to be done, each thing once."""

    def trace(self, thought: Thought, plan: str) -> Note | None:
        """What the change has left of itself; None: it never arrived."""
        return noted(thought.known, plan)

    async def became(self, scene: Scene, thought: Thought, note: Note) -> Operation:
        """How far it has come, once it is noted."""
        if not thought.rolls:
            return Operation(id=note.id, state="done", done=0, total=0)
        if not thought.already:
            total, error = scene.deployment["spec"].get("replicas", 1), "its template was changed again since"
            return Operation(id=note.id, state="failed", done=0, total=total, error=error)
        found = rollout.of_rollout(scene.deployment, note.at)
        return found.operation(note.id)


def _annotated(thought: Thought, note: Note) -> Patch:
    """The note, and for a Deployment's template who is its cause, as `kubectl rollout history` shows it."""
    known = thought.known
    new = {ANNOTATION: text_with(known, note), **thought.marks}
    if thought.rolls and thought.access is PATCH_DEPLOYMENT:
        new[CAUSE] = f"{note.kind} by {note.actor}, {note.id}"
    if not known["metadata"].get("annotations"):
        return [{"op": "add", "path": "/metadata/annotations", "value": new}]
    return [{"op": "add", "path": pointer("metadata", "annotations", key), "value": text} for key, text in new.items()]


def pointer(*parts: object) -> str:
    """A JSON pointer; whatever a part holds, it is one part."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def put(known: Mapping[str, Any], path: tuple[Any, ...], value: Any) -> Patch:
    """The operations that set a value, with the objects on the way to it where there are none; None takes it away."""
    found: Any = known
    for depth, part in enumerate(path):
        there = (0 <= part < len(found)) if isinstance(found, list) else part in found
        if not there or found[part] is None:
            nested = value
            for later in reversed(path[depth + 1 :]):
                nested = {later: nested}
            return [] if value is None else [{"op": "add", "path": pointer(*path[: depth + 1]), "value": nested}]
        found = found[part]
    if found == value:
        return []
    if value is None:
        return [{"op": "remove", "path": pointer(*path)}]
    return [{"op": "replace", "path": pointer(*path), "value": value}]
