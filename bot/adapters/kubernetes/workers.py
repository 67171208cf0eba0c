"""The pods that are a Deployment's own: those of another one, such as a canary, may carry the same labels."""

from __future__ import annotations

import asyncio
from typing import Any

from bot.adapters.kubernetes import history
from bot.adapters.kubernetes.access import LIST_PODS, LIST_REPLICA_SETS
from bot.adapters.kubernetes.listing import listed
from bot.adapters.kubernetes.place import Place
from bot.adapters.kubernetes.pods import selector_of

_OVER = {"Failed", "Succeeded"}


async def workers(place: Place, deployment: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of its ReplicaSets that have not ended: what was pushed off a node stays in the list, and works no more.

    Raises Unavailable, also where not all could be listed.
    """
    selector = selector_of(deployment)
    pods, sets = await asyncio.gather(
        listed(place, LIST_PODS, labelSelector=selector), listed(place, LIST_REPLICA_SETS, labelSelector=selector)
    )
    ours = {one["metadata"]["uid"] for one in history.owned(deployment, sets.complete())}
    return [one for one in pods.complete() if _controller(one) in ours and not _ended(one)]


def _ended(pod: dict[str, Any]) -> bool:
    return (pod.get("status") or {}).get("phase") in _OVER


def _controller(pod: dict[str, Any]) -> str:
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((str(one["uid"]) for one in owners if one.get("controller")), "")
