"""One pod: deleted, so that a new one takes its place, or kept for a look, out of the service."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, ClassVar

from bot.adapters.kubernetes.access import DELETE_POD, LIST_PODS, PATCH_POD
from bot.adapters.kubernetes.altering.asking import there
from bot.adapters.kubernetes.altering.thought import Change, Request, Said, Scene, Thought
from bot.adapters.kubernetes.ledger import Note
from bot.adapters.kubernetes.pods import pod_of, serves
from bot.adapters.kubernetes.rollout import condition, of_scale
from commands.errors import NotFound
from commands.ports import Operation

#: The only label of a pod in quarantine: whose it was. Nothing that selects by labels finds it by another.
QUARANTINE = "tocsin/quarantined-from"
LABELS_BEFORE = "tocsin/labels-before"
_GONE: dict[str, Any] = {"metadata": {}}


async def _pods(scene: Scene) -> list[dict[str, Any]]:
    """Those of the deployment, and those in quarantine."""
    selector = f"{QUARANTINE}={scene.place.deployment}"
    return [*await scene.place.pods(scene.deployment), *await there(scene, LIST_PODS, labelSelector=selector)]


async def _find(scene: Scene, name: str) -> dict[str, Any]:
    pods = await _pods(scene)
    for one in pods:
        if one["metadata"]["name"] == name:
            return one
    known = ", ".join(one["metadata"]["name"] for one in pods) or "none"
    raise NotFound(f"{scene.service} has no pod {name[:80]}.", hint=f"It has: {known}.", example="/gw pods")


def _share(scene: Scene, pod: dict[str, Any]) -> float:
    """Of the ready capacity, for as long as the new pod is not ready."""
    ready = condition(pod, "Ready").get("status") == "True" and QUARANTINE not in (pod["metadata"].get("labels") or {})
    return 1 / max(scene.deployment["status"].get("readyReplicas", 1), 1) if ready else 0.0


async def _replaced(scene: Scene, note: Note) -> Operation:
    """Whether as many are ready as are wanted. The Deployment's own status may be from before: the pods are counted."""
    total, found = int(scene.deployment["spec"].get("replicas", 1)), of_scale(scene.deployment)
    done = sum(_counts(one) for one in await scene.place.pods(scene.deployment))
    if done < total and found.state == "failed":
        return Operation(id=note.id, state="failed", done=done, total=total, error=found.error)
    return Operation(id=note.id, state="done" if done >= total else "running", done=min(done, total), total=total)


def _counts(pod: dict[str, Any]) -> bool:
    return serves(pod) and QUARANTINE not in (pod["metadata"].get("labels") or {})


class PodDelete(Change):
    """It has no note, since nothing is left to write it on: that it is gone is all there is to see."""

    name: ClassVar[str] = "pod delete"

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change. A settled pod is known by its uid; another one of its name is not it."""
        name, uid = str(said["pod"]), str(said.get("uid", ""))
        try:
            pod = await _find(scene, name)
        except NotFound:
            if not uid:
                raise
            pod = _GONE
        same = pod is not _GONE and uid in {"", pod["metadata"]["uid"]}
        if not same or pod["metadata"].get("deletionTimestamp"):
            return Thought(DELETE_POD, _GONE, live={"pod": "gone"}, settled=dict(said), already=f"{name} is gone.")
        found = pod_of(pod)
        return Thought(
            DELETE_POD,
            pod,
            live={"pod": pod["metadata"]["uid"]},
            settled={"pod": name, "uid": pod["metadata"]["uid"]},
            facts=(("State", found.state), ("Node", found.node or "none"), ("Will happen", _SUCCESSOR)),
            removes=_share(scene, pod),
        )

    def request(self, thought: Thought, note: Note) -> Request:  # noqa: ARG002 - there is nowhere to write it
        """A deletion of this very pod."""
        meta = thought.known["metadata"]
        guards = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": guards}
        return Request(DELETE_POD, meta["namespace"], meta["name"], body, "application/json")

    def trace(self, thought: Thought, plan: str) -> Note | None:
        """Its absence."""
        if thought.known is not _GONE:
            return None
        return Note(id=plan, kind=self.name, actor="", at=datetime.fromtimestamp(0, UTC), generation=0)

    async def became(self, scene: Scene, thought: Thought, note: Note) -> Operation:  # noqa: ARG002
        """Whether a new one is there."""
        return await _replaced(scene, note)


_SUCCESSOR = "it stops as at any end, and a new one takes its place"


class PodQuarantine(Change):
    """Without its labels no service sends to it and no ReplicaSet counts it; it runs on, to be looked at."""

    name: ClassVar[str] = "pod quarantine"

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change."""
        pod = await _find(scene, str(said["pod"]))
        meta = pod["metadata"]
        labels = meta.get("labels") or {}
        wanted = {QUARANTINE: scene.place.deployment}
        found = pod_of(pod)
        return Thought(
            PATCH_POD,
            pod,
            live={"pod": meta["uid"], "labels": len(labels)} if labels != wanted else {"pod": meta["uid"]},
            settled={"pod": meta["name"], "uid": meta["uid"]},
            patch=[{"op": "replace", "path": "/metadata/labels", "value": wanted}],
            already=f"{meta['name']} is in quarantine already." if labels == wanted else "",
            facts=(
                ("State", found.state),
                ("Will happen", "no service sends to it any more, a new one takes its place, and it runs on"),
                ("Mind", "network policies that select it by its labels do not hold for it any more"),
            ),
            removes=_share(scene, pod),
            marks={LABELS_BEFORE: json.dumps(labels, sort_keys=True)},
        )

    async def became(self, scene: Scene, thought: Thought, note: Note) -> Operation:  # noqa: ARG002
        """Whether a new one is there."""
        return await _replaced(scene, note)


CHANGES: tuple[Change, ...] = (PodDelete(), PodQuarantine())
