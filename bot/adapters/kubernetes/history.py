"""What has changed a Deployment: its revisions, by what differs between them, and Tocsin's own operations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from bot.adapters.kubernetes.ledger import Note, notes
from commands.ports import Change
from commands.redaction import MASK, redact_value

REVISION = "deployment.kubernetes.io/revision"
RESTARTED = "kubectl.kubernetes.io/restartedAt"
_CAUSE = "kubernetes.io/change-cause"
_EARLIER = "deployment.kubernetes.io/revision-history"
_MOST = 80
#: The cause that our own changes of the template give.
_CAUSED = re.compile(r"(?P<kind>[\w ]+) by (?P<actor>\S+), (?P<id>plan-[\w.-]+)")
#: How far the clock of the cluster may be from ours, and a controller behind.
_AT_ONCE = timedelta(minutes=5)


def changes(deployment: dict[str, Any], sets: Sequence[dict[str, Any]], limit: int) -> list[Change]:
    """The newest first."""
    mine = notes(deployment)
    found = [*_revisions(deployment, sets, mine), *_scales(deployment, mine)]
    return sorted(found, key=lambda one: one.at, reverse=True)[:limit]


def owned(deployment: dict[str, Any], sets: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The ReplicaSets of this deployment, by revision; others may carry the same labels."""
    uid = deployment["metadata"]["uid"]
    ours = [one for one in sets if any(o["uid"] == uid for o in one["metadata"].get("ownerReferences") or ())]
    return sorted(ours, key=revision_of)


def revision_of(known: dict[str, Any]) -> int:
    """The revision of a ReplicaSet or a deployment; 0 before its controller has seen it."""
    text = (known["metadata"].get("annotations") or {}).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def _revisions(deployment: dict[str, Any], sets: Sequence[dict[str, Any]], mine: list[Note]) -> Iterator[Change]:
    ordered = owned(deployment, sets)
    ours = _ours(ordered, mine)
    for old, new in pairwise([None, *ordered]):
        if new is None:
            continue
        said = new["metadata"].get("annotations") or {}
        made, cause = ours.get(revision_of(new)), said.get(_CAUSE, "")
        before, after = _differences(old, new)
        earlier = said.get(_EARLIER, "")
        yield Change(
            at=made.at if made else _made_at(new),
            kind=made.kind if made else "rollout",
            actor=made.actor if made else "-",
            reason=cause if made or not _CAUSED.fullmatch(cause) else "",
            before=before,
            after=after,
            outcome=f"revision {revision_of(new)}" + (f" (was {earlier.replace(',', ', ')})" if earlier else ""),
            operation=made.id if made else "",
        )


@dataclass(frozen=True)
class _Made:
    """A revision that is an operation of ours."""

    id: str
    kind: str
    actor: str
    at: datetime


def _ours(sets: Sequence[dict[str, Any]], mine: list[Note]) -> dict[int, _Made]:
    """Which revisions are ours, by their number.

    What tells them (a restart's annotation, the cause) stays on the Deployment, and so goes on to what others change
    later. Ours is the one that was made then. Where an older one came back, nothing was made: it is the first then.
    """
    noted_at = {one.id: one.at for one in mine}
    claims: dict[str, list[tuple[bool, int, _Made]]] = {}
    for one in sets:
        at, revision = _made_at(one), revision_of(one)
        for made in _claimed(one, mine):
            late = abs(at - noted_at.get(made.id, at)) > _AT_ONCE
            if not late or _EARLIER in (one["metadata"].get("annotations") or {}):
                claims.setdefault(made.id, []).append((late, revision, made))
    first = [min(known, key=lambda claim: claim[:2]) for known in claims.values()]
    return {revision: made for _, revision, made in first}


def _claimed(known: dict[str, Any], mine: list[Note]) -> Iterator[_Made]:
    restarted = _template_annotations(known).get(RESTARTED, "")
    for note in mine:
        if note.kind == "restart" and note.at.isoformat() == restarted:
            yield _Made(note.id, note.kind, note.actor, _made_at(known))
    caused = _CAUSED.fullmatch((known["metadata"].get("annotations") or {}).get(_CAUSE, ""))
    if caused:
        at = next((one.at for one in mine if one.id == caused["id"]), _made_at(known))
        yield _Made(caused["id"], caused["kind"], caused["actor"], at)


def _made_at(known: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(known["metadata"]["creationTimestamp"])


def _scales(deployment: dict[str, Any], mine: list[Note]) -> Iterator[Change]:
    """Revisions hold no replicas, so only what Tocsin noted is known, and it is checked against what followed."""
    scales = [one for one in mine if one.kind == "scale"]
    followed = [*(one.before for one in scales[1:]), deployment["spec"].get("replicas", 1)]
    for note, seen in zip(scales, followed, strict=False):
        yield Change(
            at=note.at,
            kind="scale",
            actor=note.actor,
            reason="",
            before=f"replicas {note.before}",
            after=f"replicas {note.after}",
            outcome="done" if seen == note.after else f"{seen} replicas were wanted afterwards",
            operation=note.id,
        )


def _template_annotations(known: dict[str, Any]) -> dict[str, str]:
    return known["spec"]["template"]["metadata"].get("annotations") or {}


def _differences(old: dict[str, Any] | None, new: dict[str, Any]) -> tuple[str, str]:
    """What differs between two revisions, as two lists."""
    found = differences(old, new)
    if old is None:
        return "", _listed({name: now for name, _, now in found})
    return _listed({name: was for name, was, _ in found}), _listed({name: now for name, _, now in found})


def differences(old: dict[str, Any] | None, new: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Name, before and after of what differs between two revisions; of the first, its images. Secrets are masked.

    Images and environment go by name, the rest by where it is.
    """
    after = _facts(new)
    if old is None:
        return [(key, "", _shown(key, value)) for key, value in after.items() if key.startswith("image of")]
    before = _facts(old)
    found = []
    for key in dict.fromkeys((*before, *after)):
        if before.get(key) != after.get(key):
            was, now = _shown(key, before.get(key, "-")), _shown(key, after.get(key, "-"))
            found.append((key, was, "[redacted], changed" if now == was == MASK else now))
    return found


def _listed(facts: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in facts.items())


def _shown(key: str, value: Any) -> str:
    """Masked by its name, and short."""
    text = str(redact_value({key.partition(" ")[0]: value})[key.partition(" ")[0]])
    return text if len(text) <= _MOST else f"{text[: _MOST - 1]}…"


def _facts(known: dict[str, Any]) -> dict[str, Any]:
    """The template as names and values that can be compared."""
    template = known["spec"]["template"]
    facts: dict[str, Any] = {f"annotation {key}": value for key, value in _template_annotations(known).items()}
    for one in (*(template["spec"].get("initContainers") or ()), *template["spec"]["containers"]):
        name = one["name"]
        facts[f"image of {name}"] = one["image"]
        for variable in one.get("env") or ():
            facts[f"{variable['name']} of {name}"] = variable.get("value", variable.get("valueFrom", ""))
        facts |= {f"{key} of {name}": value for key, value in one.items() if key not in {"name", "image", "env"}}
    return facts | {key: one for key, one in template["spec"].items() if key not in {"containers", "initContainers"}}
