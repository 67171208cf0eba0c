"""How many pods each replica set of a deployment should have: pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tests.simulators.kubernetes.quantities import share
from tests.simulators.kubernetes.store import Object

Plan = list[tuple[Object, int]]


def _rolling(known: Object) -> dict[str, Any]:
    return dict(known["spec"]["strategy"].get("rollingUpdate") or {})


def surge(known: Object) -> int:
    """How many pods there may be above the wanted number."""
    said = _rolling(known).get("maxSurge", 0)
    return share(said, known["spec"]["replicas"], up=True)


def unavailable(known: Object) -> int:
    """How many pods may be missing."""
    if known["spec"]["strategy"]["type"] == "Recreate":
        return 0
    wanted = known["spec"]["replicas"]
    most = share(_rolling(known).get("maxUnavailable", 0), wanted, up=False)
    if most == 0 and surge(known) == 0:
        most = 1
    return min(most, wanted)


def new_size(known: Object, new: Object | None, sets: list[Object]) -> int:
    """The size of the newest replica set, as far as the surge allows."""
    wanted = int(known["spec"]["replicas"])
    now = new["spec"]["replicas"] if new else 0
    if known["spec"]["strategy"]["type"] == "Recreate":
        return wanted
    total = sum(one["spec"]["replicas"] for one in sets)
    room = wanted + surge(known) - total
    return now if room <= 0 else int(now + min(room, wanted - now))


def rolled(known: Object, new: Object, old: list[Object], unhealthy: Callable[[Object], int]) -> Plan:
    """The next step of a rolling update: up first, then down; nothing when it waits."""
    wanted = known["spec"]["replicas"]
    now = new["spec"]["replicas"]
    if now > wanted:
        return [(new, wanted)]
    grown = new_size(known, new, [new, *old]) if now < wanted else now
    if grown != now:
        return [(new, grown)]
    return _shrunk(known, new, old, unhealthy) or [(new, now)]


def _shrunk(known: Object, new: Object, old: list[Object], unhealthy: Callable[[Object], int]) -> Plan:
    total = sum(one["spec"]["replicas"] for one in (new, *old))
    least = known["spec"]["replicas"] - unavailable(known)
    missing = new["spec"]["replicas"] - new.get("status", {}).get("availableReplicas", 0)
    room = total - least - missing
    if room <= 0:
        return []
    sizes = {one["metadata"]["uid"]: one["spec"]["replicas"] for one in old}
    for one in old:
        cut = min(room, unhealthy(one), sizes[one["metadata"]["uid"]])
        if cut > 0:
            sizes[one["metadata"]["uid"]] -= cut
            room -= cut
    healthy = sum(one.get("status", {}).get("availableReplicas", 0) for one in (new, *old))
    spare = healthy - least
    for one in old:
        uid = one["metadata"]["uid"]
        cut = min(spare, sizes[uid])
        if cut > 0:
            sizes[uid] -= cut
            spare -= cut
    return [
        (one, sizes[one["metadata"]["uid"]]) for one in old if sizes[one["metadata"]["uid"]] != one["spec"]["replicas"]
    ]


def recreated(known: Object, new: Object, old: list[Object]) -> Plan:
    """All old ones away; the new one as soon as there is one, which is when they are gone."""
    return [*((one, 0) for one in old if one["spec"]["replicas"]), (new, known["spec"]["replicas"])]


def proportional(known: Object, sets: list[Object], new: Object | None) -> Plan:
    """Another wanted number in the middle of a rollout is shared by size, the newest one first."""
    active = [one for one in sets if one["spec"]["replicas"]]
    wanted = known["spec"]["replicas"]
    if not active:
        return [(new, wanted)] if new is not None else []
    if len(active) == 1:
        return [(active[0], wanted)]
    total = sum(one["spec"]["replicas"] for one in active)
    allowed = wanted + surge(known) if wanted else 0
    change = allowed - total
    active.sort(key=lambda one: (-one["spec"]["replicas"], one is not new))
    plan: Plan = []
    left = change
    for one in active:
        size = one["spec"]["replicas"]
        part = _part(size, change, total, left) if allowed else -size
        left -= part
        plan.append((one, max(0, size + part)))
    first, size = plan[0]
    plan[0] = (first, max(0, size + left)) if allowed else plan[0]
    return plan


def _part(size: int, change: int, total: int, left: int) -> int:
    exact = size * change / total
    part = math.floor(abs(exact) + 0.5) * (1 if exact > 0 else -1)
    return max(part, left) if change < 0 else min(part, left)
