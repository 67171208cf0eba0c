"""What has changed around a Deployment lately, whoever did it: rollouts, scalings, ConfigMaps, nodes."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from bot.adapters.kubernetes import happening, history, machines, mapping, revisions
from bot.adapters.kubernetes.access import LIST_EVENTS, LIST_REPLICA_SETS
from bot.adapters.kubernetes.listing import listed
from bot.adapters.kubernetes.place import Place
from bot.adapters.kubernetes.pods import selector_of
from commands.errors import Refusal
from commands.ports import Change
from commands.ports.inspecting import Surroundings

_MOST = 50
_AUTOSCALED = "SuccessfulRescale"


async def changes(place: Place, since: datetime) -> Surroundings:
    """What cannot be looked at is said; the rest is told. Raises Unavailable where the Deployment cannot be read."""
    deployment = await place.read()
    asked = {
        "rollouts": _rollouts(place, deployment, since),
        "autoscaling": _autoscaled(place, since),
        "configuration": mapping.changes(place, deployment, since),
        "nodes": machines.changes(place, since),
    }
    found: list[Change] = []
    missing: list[str] = []
    for name, answer in zip(asked, await asyncio.gather(*asked.values(), return_exceptions=True), strict=True):
        if isinstance(answer, Refusal):
            missing.append(f"{name}. {answer.message}")
        elif isinstance(answer, BaseException):
            raise answer
        else:
            found += answer
    return Surroundings(changes=tuple(sorted(found, key=lambda one: one.at)), missing=tuple(missing))


async def _rollouts(place: Place, deployment: dict[str, Any], since: datetime) -> list[Change]:
    sets = await listed(place, LIST_REPLICA_SETS, labelSelector=selector_of(deployment))
    told = {f"revision {one.number}": one.change for one in revisions.told(deployment, sets.items)}
    found = [one for one in history.changes(deployment, sets.items, _MOST) if one.at >= since]
    return [_in_words(one, told) for one in found]


def _in_words(change: Change, told: dict[str, str]) -> Change:
    """Of a revision, each difference by itself: it is read beside other things."""
    words = told.get(change.outcome.partition(" (")[0])
    return change.model_copy(update={"before": "", "after": words}) if words else change


async def _autoscaled(place: Place, since: datetime) -> list[Change]:
    """What autoscalers did, as they say it: a revision holds no number of replicas."""
    events, (_, family) = await asyncio.gather(listed(place, LIST_EVENTS), happening.family_of(place))
    told = [happening.event_of(one) for one in events.items if one.get("reason") == _AUTOSCALED and family.has(one)]
    return [
        Change(at=one.at, kind="autoscaled", actor=one.about, reason="", before="", after=one.message, outcome="")
        for one in told
        if one.at >= since
    ]
