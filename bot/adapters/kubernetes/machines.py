"""Nodes: whether they work, why not, and how many of the Deployment's pods they run."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from bot.adapters.kubernetes.access import LIST_NODES
from bot.adapters.kubernetes.listing import listed
from bot.adapters.kubernetes.place import Place
from bot.adapters.kubernetes.rollout import condition
from commands.ports import Change
from commands.ports.inspecting import Node

_CORDONED = "node.kubernetes.io/unschedulable"


async def nodes(place: Place) -> list[Node]:
    """By name; those in trouble first."""
    found, pods = await asyncio.gather(listed(place, LIST_NODES), place.pods())
    here = Counter(one["spec"].get("nodeName") or "" for one in pods)
    return sorted((_node(one, here) for one in found.items), key=lambda one: (one.good, one.name))


def _node(node: dict[str, Any], here: Counter[str]) -> Node:
    meta, wrong = node["metadata"], list(_wrong(node))
    return Node(
        name=meta["name"],
        state="; ".join(wrong) or "ready",
        good=not wrong,
        copies=here[meta["name"]],
        version=((node.get("status") or {}).get("nodeInfo") or {}).get("kubeletVersion", "-"),
        since=condition(node, "Ready").get("lastTransitionTime") or meta["creationTimestamp"],
    )


def _wrong(node: dict[str, Any]) -> Iterator[str]:
    """Not ready, cordoned, or short of something."""
    ready = condition(node, "Ready")
    if ready.get("status") != "True":
        unknown = ready.get("status") == "Unknown"
        yield f"{'says nothing' if unknown else 'not ready'}: {ready.get('message', '')}".rstrip(": ")
    if node["spec"].get("unschedulable"):
        yield "cordoned: takes no new pods"
    for one in (node.get("status") or {}).get("conditions") or ():
        if one["type"] != "Ready" and one["status"] == "True":
            yield f"{one['type']}: {one.get('message', '')}".rstrip(": ")


async def changes(place: Place, since: datetime) -> list[Change]:
    """Nodes that have come, gone silent, come back, or were cordoned since."""
    found = await listed(place, LIST_NODES)
    return [change for one in found.items for change in _changes(one) if change.at >= since]


def _changes(node: dict[str, Any]) -> Iterator[Change]:
    name, ready = node["metadata"]["name"], condition(node, "Ready")
    made = datetime.fromisoformat(node["metadata"]["creationTimestamp"])
    at = datetime.fromisoformat(ready["lastTransitionTime"]) if ready.get("lastTransitionTime") else made
    if at > made:
        yield _change(at, name, "ready again" if ready.get("status") == "True" else next(_wrong(node), "not ready"))
    yield _change(made, name, "new")
    for taint in node["spec"].get("taints") or ():
        if taint["key"] == _CORDONED and taint.get("timeAdded"):
            yield _change(datetime.fromisoformat(taint["timeAdded"]), name, "cordoned")


def _change(at: datetime, name: str, what: str) -> Change:
    return Change(at=at, kind=f"node {name}", actor="-", reason="", before="", after=what, outcome="")
