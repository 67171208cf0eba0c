"""The note that Tocsin leaves on a Deployment for each operation: the annotation `tocsin/operations`.

Kubernetes keeps no record of requests, and after a crash the bot knows an operation's id and nothing else. So the
newest operations stand on the object itself, each with what was there before. A note is written under the
resourceVersion that was read, so of two bots with the same operation one writes it, and the other finds it there.

*Restart*: the note and the change are one patch. The note is there exactly when the restart is.

*Restart of some pods*: the note goes first, with their names. Evictions follow, and a pod that is gone has had its own.

*Scale*: the scale subresource takes no annotations, so the note goes before the request. It says that the request was
about to be sent, from which generation of the spec, and who owned `spec.replicas` then (`metadata.managedFields`). With
that, the object tells later what became of it:

    the generation is the same                          it never arrived: nothing of the spec has changed since
    as many replicas as wanted, and ours                it arrived; the status says how far it has come
    as many as wanted, and somebody else's              not ours: as if nothing were known of it
    another number, its owner the one of before         it never arrived
    another number, and another owner                   somebody has set it since, whether or not it had arrived
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.adapters.kubernetes.wire import FIELD_MANAGER

ANNOTATION = "tocsin/operations"
_MOST = 20


class Note(BaseModel):
    """One operation, as it stands on the object."""

    model_config = ConfigDict(frozen=True)

    id: str
    kind: str
    actor: str
    at: datetime
    generation: int
    before: int | None = None
    after: int | None = None
    owner: str = ""
    pods: tuple[str, ...] = ()

    @classmethod
    def of(cls, kind: str, operation: str, actor: str, at: datetime, known: dict[str, Any]) -> Note:
        """The note of a change of an object as it is; what has no spec has no generation either."""
        generation = known["metadata"].get("generation", 0)
        return cls(id=operation, kind=kind, actor=actor, at=at, generation=generation)


def notes(deployment: dict[str, Any]) -> list[Note]:
    """The oldest first. What somebody has broken counts as nothing."""
    text = (deployment["metadata"].get("annotations") or {}).get(ANNOTATION, "[]")
    try:
        return [Note.model_validate(one) for one in json.loads(text)]
    except (ValueError, TypeError, ValidationError):
        return []


def noted(deployment: dict[str, Any], operation: str) -> Note | None:
    """The note of an operation."""
    return next((one for one in notes(deployment) if one.id == operation), None)


def with_note(deployment: dict[str, Any], note: Note) -> dict[str, Any]:
    """The patch of the metadata that adds a note, if the object is still the one that was read."""
    meta = deployment["metadata"]
    annotations = {ANNOTATION: text_with(deployment, note)}
    return {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"], "annotations": annotations}


def text_with(known: dict[str, Any], note: Note) -> str:
    """The text of the annotation with one note more."""
    kept = [*notes(known), note][-_MOST:]
    return json.dumps([one.model_dump(mode="json", exclude_defaults=True) for one in kept], separators=(",", ":"))


def owner_of_replicas(deployment: dict[str, Any]) -> str:
    """Who set `spec.replicas` last, and when: `kubectl 2026-03-01T12:00:00Z`; nothing where it is not recorded."""
    for entry in deployment["metadata"].get("managedFields") or ():
        if "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {}):
            return f"{entry.get('manager', '')} {entry.get('time', '')}"
    return ""


def is_ours(owner: str) -> bool:
    """Whether Tocsin is the owner. Where nobody is recorded, the number has to speak for itself."""
    return not owner or owner.partition(" ")[0] == FIELD_MANAGER


def arrived(deployment: dict[str, Any], note: Note) -> bool | str:
    """What became of a noted scale: whether it arrived, or who has set another number since."""
    now, owner = deployment["spec"].get("replicas", 1), owner_of_replicas(deployment)
    later = next((one for one in notes(deployment) if one.kind == "scale" and one.at > note.at), None)
    if deployment["metadata"]["generation"] == note.generation:
        return False
    if now == note.after:
        return is_ours(owner)
    if later is not None and later.before == note.after:
        return f"{later.actor} has set {later.after} since"
    if owner == note.owner:
        return False
    return f"{owner.partition(' ')[0] or 'somebody'} has set {now} since"
