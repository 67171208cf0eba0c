"""A node: no new pods on it, new pods again, or none at all. Evictions ask each budget for disruption first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

from bot.adapters.kubernetes.access import CREATE_EVICTION, LIST_ALL_PODS, LIST_NODES, PATCH_NODE
from bot.adapters.kubernetes.altering.thought import Change, Said, Scene, Thought, put
from bot.adapters.kubernetes.ledger import Note
from bot.adapters.kubernetes.place import MOST_PODS
from bot.adapters.kubernetes.rollout import condition
from commands.errors import Conflict, NotFound
from commands.ports import Operation, OutcomeUnknown, Rejected
from commands.presentation.words import counted

_MIRROR = "kubernetes.io/config.mirror"
_OVER = {"Succeeded", "Failed"}
#: How long evictions are asked for, and how many in one round: a budget gives way when a new pod is ready.
WITHIN, _AT_ONCE = timedelta(seconds=60), 5
_SHOWN = 3


async def _node(scene: Scene, name: str) -> dict[str, Any]:
    found = (await scene.place.cluster.get(LIST_NODES, "", limit=MOST_PODS))["items"]
    for one in found:
        if one["metadata"]["name"] == name:
            return dict(one)
    known = ", ".join(one["metadata"]["name"] for one in found[:10])
    raise NotFound(f"There is no node {name[:80]}.", hint=f"There is: {known}.", example="/gw nodes")


async def _pods(scene: Scene, node: str) -> list[dict[str, Any]]:
    """Those that a drain evicts: neither a DaemonSet's, nor a kubelet's own, nor what has ended."""
    said = f"spec.nodeName={node}"
    found = (await scene.place.cluster.get(LIST_ALL_PODS, "", fieldSelector=said, limit=MOST_PODS))["items"]
    return [one for one in found if not _stays(one)]


def _stays(pod: dict[str, Any]) -> bool:
    meta = pod["metadata"]
    owned = _controller(pod) == "DaemonSet"
    return owned or _MIRROR in (meta.get("annotations") or {}) or (pod.get("status") or {}).get("phase") in _OVER


def _controller(pod: dict[str, Any]) -> str:
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((str(one["kind"]) for one in owners if one.get("controller")), "")


def _names(pods: Iterable[dict[str, Any]]) -> str:
    names = [one["metadata"]["name"] for one in pods]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _thought(node: dict[str, Any], wanted: bool, **said: Any) -> Thought:
    now = bool(node["spec"].get("unschedulable"))
    name = node["metadata"]["name"]
    state = "takes no new pods" if now else "takes new pods"
    settled = {"node": name, "uid": node["metadata"]["uid"]}
    facts = (("Now", state), *said.pop("facts", ()))
    already = said.pop("already", f"{name} {state} already." if now is wanted else "")
    live = {"node": node["metadata"]["uid"], "state": state}
    patch = put(node, ("spec", "unschedulable"), True if wanted else None)
    return Thought(PATCH_NODE, node, live=live, settled=settled, patch=patch, already=already, facts=facts, **said)


class Cordon(Change):
    """No new pods; those that are there stay."""

    name: ClassVar[str] = "node cordon"

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change."""
        return _thought(await _node(scene, str(said["node"])), True)


class Uncordon(Change):
    """New pods again."""

    name: ClassVar[str] = "node uncordon"

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change."""
        return _thought(await _node(scene, str(said["node"])), False)


class Drain(Change):
    """A cordon, then evictions until nobody is left or the time is over."""

    name: ClassVar[str] = "node drain"

    def __init__(self, within: timedelta = WITHIN) -> None:
        self._within = within

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change. What the budgets say now is asked by evictions that are tried dry."""
        node = await _node(scene, str(said["node"]))
        name, pods = node["metadata"]["name"], await _pods(scene, str(said["node"]))
        alone = [one for one in pods if not _controller(one)]
        if alone and not said.get("uid"):
            raise Conflict(f"Nothing would start {_names(alone)} again.", hint="Move what has no controller by hand.")
        gone = bool(node["spec"].get("unschedulable")) and not pods
        settled = bool(said.get("uid"))
        facts = () if settled else (*_facts(pods), *[("Held now", one) for one in await _held(scene, pods)])
        already = f"{name} is drained already." if gone else ""
        thought = _thought(node, True, facts=facts, already=already, removes=await _share(scene, pods))
        return replace(thought, settled=thought.settled | {"pods": said.get("pods", len(pods))})

    async def further(self, scene: Scene, thought: Thought, person: str) -> None:
        """A few evictions. What is held is asked for again in the next round; the read-back says what is left."""
        asked = 0
        for pod in await _pods(scene, thought.settled["node"]):
            if asked < _AT_ONCE and not pod["metadata"].get("deletionTimestamp"):
                asked += await _evict(scene, pod, person)

    async def became(self, scene: Scene, thought: Thought, note: Note) -> Operation:
        """How many have left it, and who holds the others once the time is over."""
        name = thought.settled["node"]
        if not thought.known["spec"].get("unschedulable"):
            return Operation(id=note.id, state="failed", done=0, total=0, error=f"somebody has uncordoned {name} since")
        left = await _pods(scene, name)
        total = max(thought.settled["pods"], len(left))
        if left and scene.now >= note.at + self._within:
            held = "; ".join(await _held(scene, left)) or _names(left)
            error = f"{counted(len(left), 'pod')} left on {name}: {held}"
            return Operation(id=note.id, state="failed", done=total - len(left), total=total, error=error)
        return Operation(id=note.id, state="running" if left else "done", done=total - len(left), total=total)


def _facts(pods: list[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    local = [one for one in pods if any("emptyDir" in volume for volume in one["spec"].get("volumes") or ())]
    lost = (("Is lost", f"the local data of {_names(local)}"),) if local else ()
    return (("Evicts", f"{counted(len(pods), 'pod')}: {_names(pods)}" if pods else "nobody"), *lost)


def _eviction(pod: dict[str, Any], version: str) -> dict[str, Any]:
    meta = pod["metadata"]
    known = {"name": meta["name"], "namespace": meta["namespace"]}
    guards = {"preconditions": {"uid": meta["uid"]}}
    return {"apiVersion": f"policy/{version}", "kind": "Eviction", "metadata": known, "deleteOptions": guards}


async def _evict(scene: Scene, pod: dict[str, Any], person: str) -> bool:
    """Ask once in a round; what is refused, by a budget or because it is gone, is seen in the next list."""
    meta = pod["metadata"]
    for version in ("v1", "v1beta1"):
        body = _eviction(pod, version)
        try:
            await scene.place.cluster.change(CREATE_EVICTION, meta["namespace"], meta["name"], body, person=person)
        except Rejected as refused:
            if "no kind" in str(refused):
                continue
            return False
        except OutcomeUnknown:
            return True
        return True
    return False


async def _held(scene: Scene, pods: list[dict[str, Any]]) -> list[str]:
    """What the budgets say to an eviction of each now; nothing is evicted."""
    found: dict[str, str] = {}
    for pod in pods:
        meta = pod["metadata"]
        for version in ("v1", "v1beta1"):
            why = await scene.place.cluster.would(
                CREATE_EVICTION, meta["namespace"], meta["name"], _eviction(pod, version)
            )
            if "no kind" not in why:
                break
        if why:
            found.setdefault(why, meta["name"])
    return [f"{name}: {why}" for why, name in found.items()][:_SHOWN]


async def _share(scene: Scene, pods: list[dict[str, Any]]) -> float:
    """Of the gateway's ready capacity."""
    ours = {one["metadata"]["uid"] for one in await scene.place.pods(scene.deployment)}
    ready = [one for one in pods if one["metadata"]["uid"] in ours and condition(one, "Ready").get("status") == "True"]
    total = int((scene.deployment.get("status") or {}).get("readyReplicas", 1))
    return len(ready) / max(total, 1)


CHANGES: tuple[Change, ...] = (Cordon(), Uncordon(), Drain())
