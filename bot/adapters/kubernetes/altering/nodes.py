"""A node: no new pods on it, new pods again, or none at all. Evictions ask each budget for disruption first."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

from bot.adapters.kubernetes.access import EVICT_ANYWHERE, LIST_ALL_PODS, LIST_NODES, PATCH_NODE
from bot.adapters.kubernetes.altering.asking import there
from bot.adapters.kubernetes.altering.single_pods import QUARANTINE
from bot.adapters.kubernetes.altering.thought import Change, Said, Scene, Thought, put
from bot.adapters.kubernetes.evicting import AT_ONCE, TRIED, evict, held, staying
from bot.adapters.kubernetes.ledger import Note, notes
from bot.adapters.kubernetes.rollout import condition
from bot.adapters.kubernetes.wire import Forbidden
from commands.errors import Conflict, NotFound, Unavailable
from commands.ports import Operation
from commands.presentation.words import counted

_MIRROR = "kubernetes.io/config.mirror"
_OVER = {"Succeeded", "Failed"}
#: How long evictions are asked for.
WITHIN = timedelta(seconds=60)
_SHOWN = 3
_NAME, _KNOWN = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}"), 10


async def _node(scene: Scene, name: str) -> dict[str, Any]:
    """By its name alone: a cluster may have thousands."""
    if _NAME.fullmatch(name):
        found = await there(scene, LIST_NODES, fieldSelector=f"metadata.name={name}")
        if found:
            return found[0]
    some = (await scene.place.cluster.get(LIST_NODES, "", limit=_KNOWN))["items"]
    known = ", ".join(one["metadata"]["name"] for one in some)
    raise NotFound(f"There is no node {name[:80]}.", hint=f"There is: {known}.", example="/gw nodes")


async def _pods(scene: Scene, node: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Those that a drain evicts, and those that it leaves because nobody would start them again.

    A DaemonSet's, a kubelet's own, and what has ended are neither.
    """
    found = [one for one in await there(scene, LIST_ALL_PODS, fieldSelector=f"spec.nodeName={node}") if not _stays(one)]
    alone = [one for one in found if not _controller(one) or QUARANTINE in (one["metadata"].get("labels") or {})]
    return [one for one in found if one not in alone], staying(alone)


def _stays(pod: dict[str, Any]) -> bool:
    meta = pod["metadata"]
    owned = _controller(pod) == "DaemonSet"
    return owned or _MIRROR in (meta.get("annotations") or {}) or (pod.get("status") or {}).get("phase") in _OVER


def _controller(pod: dict[str, Any]) -> str:
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((str(one["kind"]) for one in owners if one.get("controller")), "")


def _names(pods: Iterable[dict[str, Any]]) -> str:
    names = [_name(one) for one in pods]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _thought(node: dict[str, Any], wanted: bool, **said: Any) -> Thought:
    now = bool(node["spec"].get("unschedulable"))
    name = node["metadata"]["name"]
    state = "takes no new pods" if now else "takes new pods"
    settled = {"node": name, "uid": node["metadata"]["uid"]}
    facts = (("Now", state), *said.pop("facts", ()))
    already = said.pop("already", f"{name} {state} already." if now is wanted else "")
    live = {"node": node["metadata"]["uid"], "state": state, **said.pop("live", {})}
    patch = put(node, ("spec", "unschedulable"), True if wanted else None)
    before = {"cordoned": now}
    return Thought(PATCH_NODE, node, live, settled, patch, before, already, facts, **said)


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
        #: Why evictions were stopped, by the plan.
        self._stopped: dict[str, str] = {}

    async def think(self, scene: Scene, said: Said) -> Thought:
        """See Change. What the budgets say now is asked by evictions that are tried dry."""
        node = await _node(scene, str(said["node"]))
        pods, alone = await _pods(scene, node["metadata"]["name"])
        settled = bool(said.get("uid"))
        if alone and not settled:
            raise Conflict(f"Nothing would start {_names(alone)} again.", hint="Move what has no controller by hand.")
        gone = bool(node["spec"].get("unschedulable")) and not pods
        thought = _thought(
            node,
            True,
            live={"pods that nothing would start again": ", ".join(sorted(map(_name, alone))) or "none"},
            facts=() if settled else (*_facts(pods), *[("Held now", one) for one in await _held(scene, pods)]),
            already=f"{node['metadata']['name']} is drained already." if gone else "",
            removes=await _share(scene, pods),
        )
        return replace(thought, settled=thought.settled | {"pods": said.get("pods", len(pods))})

    async def further(self, scene: Scene, thought: Thought, person: str) -> None:
        """A few evictions. What is held is asked for again in the next round; the read-back says what is left."""
        mine = [one for one in notes(thought.known) if one.kind == self.name][-1]
        self._stopped.pop(mine.id, None)
        asked, until = 0, asyncio.get_running_loop().time() + (mine.at + self._within - scene.now).total_seconds()
        try:
            for pod in staying((await _pods(scene, thought.settled["node"]))[0]):
                if asked < AT_ONCE and asyncio.get_running_loop().time() < until:
                    asked += await evict(scene.place, pod, person, by=EVICT_ANYWHERE) == "taken"
        except Forbidden as refused:
            self._stopped[mine.id] = str(refused)

    async def became(self, scene: Scene, thought: Thought, note: Note) -> Operation:
        """How many are left, and who holds them once the time is over. What is stopping takes the time it was given."""
        name = thought.settled["node"]
        if not thought.known["spec"].get("unschedulable"):
            return Operation(id=note.id, state="failed", done=0, total=0, error=f"somebody has uncordoned {name} since")
        left, alone = await _pods(scene, name)
        kept, stopped = staying(left), self._stopped.get(note.id, "")
        total = max(thought.settled["pods"], len(left))
        done = total - len(left)
        if kept and (stopped or scene.now >= note.at + self._within):
            why = stopped or await _why(scene, kept)
        elif alone and not left:
            kept, why = alone, f"nothing would start {_names(alone)} again, so it was not evicted"
        else:
            return Operation(id=note.id, state="running" if left else "done", done=done, total=total)
        error = f"{counted(len(kept), 'pod')} left on {name}: {why}"
        return Operation(id=note.id, state="failed", done=done, total=total, error=error)


async def _held(scene: Scene, pods: list[dict[str, Any]]) -> list[str]:
    return await held(scene.place, pods, by=EVICT_ANYWHERE)


async def _why(scene: Scene, kept: list[dict[str, Any]]) -> str:
    """What holds them now, or who they are."""
    try:
        return "; ".join(await _held(scene, kept)) or _names(kept)
    except Unavailable as refused:
        return refused.message


def _name(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["name"])


def _facts(pods: list[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    local = [one for one in pods if any("emptyDir" in volume for volume in one["spec"].get("volumes") or ())]
    lost = (("Is lost", f"the local data of {_names(local)}"),) if local else ()
    untried = max(len(pods) - TRIED, 0)
    more = (("Not tried", f"whether a budget holds the other {untried}"),) if untried else ()
    return (("Evicts", f"{counted(len(pods), 'pod')}: {_names(pods)}" if pods else "nobody"), *lost, *more)


async def _share(scene: Scene, pods: list[dict[str, Any]]) -> float:
    """Of the gateway's ready capacity."""
    ours = {one["metadata"]["uid"] for one in await scene.place.pods(scene.deployment)}
    ready = [one for one in pods if one["metadata"]["uid"] in ours and condition(one, "Ready").get("status") == "True"]
    total = int((scene.deployment.get("status") or {}).get("readyReplicas", 1))
    return len(ready) / max(total, 1)


CHANGES: tuple[Change, ...] = (Cordon(), Uncordon(), Drain())
