"""The rollout of a Deployment: how far it has come, what holds it up, and what each revision changed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from bot.adapters.kubernetes import history, rollout
from bot.adapters.kubernetes.access import LIST_REPLICA_SETS
from bot.adapters.kubernetes.describing import strategy_of
from bot.adapters.kubernetes.listing import listed
from bot.adapters.kubernetes.place import Place
from bot.adapters.kubernetes.pods import counted, pod_of, selector_of
from commands.ports.inspecting import Revision, Rollout


async def rolled(place: Place, now: datetime, limit: int) -> Rollout:
    """The newest revisions first."""
    deployment = await place.read()
    sets, pods = await asyncio.gather(
        listed(place, LIST_REPLICA_SETS, labelSelector=selector_of(deployment)), place.pods(deployment)
    )
    progress = rollout.of_rollout(deployment)
    paused = bool(deployment["spec"].get("paused"))
    words = f"{progress.done} of {progress.total} copies of the newest revision available"
    return Rollout(
        state="paused" if paused else progress.state,
        words=words,
        strategy=strategy_of(deployment),
        troubles=tuple(_troubles(progress, [one for one in pods if counted(one, now)])),
        revisions=tuple(told(deployment, sets.items))[:limit],
    )


def _troubles(progress: rollout.Progress, pods: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Why it does not come further: its own word, then what its pods wait for."""
    if progress.error:
        yield progress.error
    waiting = Counter(state for one in pods if (state := pod_of(one).state) not in {"ready", "starting"})
    for state, count in waiting.most_common():
        yield f"{count} of {len(pods)} pods: {state}"


def told(deployment: dict[str, Any], sets: Sequence[dict[str, Any]]) -> Iterator[Revision]:
    """The newest first, by what differs from the one before."""
    ordered = history.owned(deployment, sets)
    newest = history.revision_of(deployment)
    for old, new in reversed(list(pairwise([None, *ordered]))):
        if new is not None:
            said = new["metadata"].get("annotations") or {}
            yield Revision(
                number=history.revision_of(new),
                at=new["metadata"]["creationTimestamp"],
                change=", ".join(_change(*one) for one in history.differences(old, new)) or "nothing of the template",
                replicas=(new.get("status") or {}).get("replicas", 0),
                current=history.revision_of(new) == newest,
                cause=said.get("kubernetes.io/change-cause", ""),
            )


def _change(name: str, was: str, now: str) -> str:
    """A restart is a change of one annotation."""
    if name == f"annotation {history.RESTARTED}":
        return "restarted"
    return f"{name}: {was} → {now}" if was else f"{name}: {now}"
