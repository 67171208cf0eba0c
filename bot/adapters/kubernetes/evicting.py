"""Evictions: a pod is asked to go by its uid, and the budgets for disruption may say no."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

from bot.adapters.kubernetes.access import CREATE_EVICTION, Access
from bot.adapters.kubernetes.place import Place
from bot.adapters.kubernetes.wire import Forbidden, NotNow
from commands.ports import OutcomeUnknown, Rejected

#: How many evictions are asked for in one round: a budget gives way when a new pod is ready.
AT_ONCE = 5
_SHOWN = 3
#: How many evictions are tried dry to say what holds them, and how many of them at once.
TRIED, _DRY_AT_ONCE = 20, 4
_VERSIONS = ("v1", "v1beta1")
#: `taken`, or perhaps taken; `held` by a budget for now; `refused` otherwise, such as for a pod that is gone.
Asked = Literal["taken", "held", "refused"]


def staying(pods: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that nobody has told to stop."""
    return [one for one in pods if not one["metadata"].get("deletionTimestamp")]


async def evict(place: Place, pod: dict[str, Any], person: str, *, by: Access = CREATE_EVICTION) -> Asked:
    """What came of it, as far as it is known; the next list says more.

    Raises Forbidden: nobody needs to ask again.
    """
    meta = pod["metadata"]
    for version in _VERSIONS:
        try:
            await place.cluster.change(by, meta["namespace"], meta["name"], _body(pod, version), person=person)
        except Forbidden:
            raise
        except NotNow:
            return "held"
        except Rejected as refused:
            if "no kind" in str(refused):
                continue
            return "refused"
        except OutcomeUnknown:
            return "taken"
        return "taken"
    return "refused"


async def held(place: Place, pods: Sequence[dict[str, Any]], *, by: Access = CREATE_EVICTION) -> list[str]:
    """What the budgets say to an eviction of the first of them now; nothing is evicted. Raises Unavailable."""
    few = asyncio.Semaphore(_DRY_AT_ONCE)

    async def asked(pod: dict[str, Any]) -> str:
        async with few:
            return await _tried(place, pod, by)

    found: dict[str, str] = {}
    for pod, why in zip(pods, await asyncio.gather(*map(asked, pods[:TRIED])), strict=False):
        if why:
            found.setdefault(why, str(pod["metadata"]["name"]))
    return [f"{name}: {why}" for why, name in found.items()][:_SHOWN]


async def _tried(place: Place, pod: dict[str, Any], by: Access) -> str:
    meta, why = pod["metadata"], ""
    for version in _VERSIONS:
        why = await place.cluster.would(by, meta["namespace"], meta["name"], _body(pod, version))
        if "no kind" not in why:
            break
    return why


def _body(pod: dict[str, Any], version: str) -> dict[str, Any]:
    meta = pod["metadata"]
    known = {"name": meta["name"], "namespace": meta["namespace"]}
    guards = {"preconditions": {"uid": meta["uid"]}}
    return {"apiVersion": f"policy/{version}", "kind": "Eviction", "metadata": known, "deleteOptions": guards}
