"""Events, in an order: the server has none, and each of its three ways to write one has a time of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.adapters.kubernetes import history
from bot.adapters.kubernetes.access import LIST_AUTOSCALERS, LIST_EVENTS, LIST_REPLICA_SETS
from bot.adapters.kubernetes.listing import Listed, listed
from bot.adapters.kubernetes.place import Place
from bot.adapters.kubernetes.pods import selector_of
from commands.ports.inspecting import Event, EventPage


@dataclass(frozen=True)
class Family:
    """A deployment and what belongs to it, by kind and name. Pods are known by their ReplicaSet, also when gone."""

    names: frozenset[tuple[str, str]]
    sets: frozenset[str]

    @classmethod
    def of(
        cls, deployment: dict[str, Any], sets: Iterable[dict[str, Any]], scalers: Iterable[dict[str, Any]]
    ) -> Family:
        """`sets`: ReplicaSets that may be its own; `scalers`: autoscalers that may be about it."""
        name = deployment["metadata"]["name"]
        own = [one["metadata"]["name"] for one in history.owned(deployment, sets)]
        about = [one["metadata"]["name"] for one in scalers if aims_at(one, name)]
        known = [("Deployment", name), *(("ReplicaSet", one) for one in own)]
        return cls(frozenset([*known, *(("HorizontalPodAutoscaler", one) for one in about)]), frozenset(own))

    def has(self, event: dict[str, Any]) -> bool:
        """Whether an event is about one of them."""
        about = event.get("involvedObject") or {}
        kind, name = about.get("kind", ""), about.get("name", "")
        return (kind, name) in self.names or (kind == "Pod" and name.rpartition("-")[0] in self.sets)


def aims_at(autoscaler: dict[str, Any], deployment: str) -> bool:
    """Whether an autoscaler sets the replicas of this deployment."""
    target = autoscaler["spec"]["scaleTargetRef"]
    return bool(target.get("kind") == "Deployment" and target.get("name") == deployment)


async def family_of(place: Place) -> tuple[dict[str, Any], Family]:
    """The deployment, and what belongs to it."""
    deployment = await place.read()
    sets, scalers = await asyncio.gather(
        listed(place, LIST_REPLICA_SETS, labelSelector=selector_of(deployment)), listed(place, LIST_AUTOSCALERS)
    )
    return deployment, Family.of(deployment, sets.items, scalers.items)


async def page(place: Place, *, since: datetime, limit: int, everything: bool) -> EventPage:
    """The newest events since then."""
    if everything:
        found, family = await listed(place, LIST_EVENTS), None
    else:
        found, (_, family) = await asyncio.gather(listed(place, LIST_EVENTS), family_of(place))
    fitting = [one for one in found.items if family is None or family.has(one)]
    return _page(in_order(fitting), found, since, limit)


def in_order(events: Iterable[dict[str, Any]]) -> list[Event]:
    """Oldest first. Of the same second, as they were written: versions are only good for that."""
    written = sorted(events, key=lambda one: int(one["metadata"].get("resourceVersion") or 0))
    return sorted(map(event_of, written), key=lambda one: one.at)


def _page(events: list[Event], found: Listed, since: datetime, limit: int) -> EventPage:
    lately = [one for one in events if one.at >= since]
    return EventPage(events=tuple(lately[-limit:]), total=len(lately), whole=found.whole)


def event_of(event: dict[str, Any]) -> Event:
    """One event. A series counts in its own field, and an event of the newer kind has no count at all."""
    about, series = event.get("involvedObject") or {}, event.get("series") or {}
    return Event(
        at=moment_of(event),
        warning=event.get("type") == "Warning",
        about=f"{about.get('kind', '?').lower()}/{about.get('name', '?')}",
        reason=event.get("reason") or "",
        message=event.get("message") or event.get("note") or "",
        count=max(series.get("count") or 1, event.get("count") or 1),
    )


def moment_of(event: dict[str, Any]) -> datetime:
    """When it happened last."""
    said = (
        (event.get("series") or {}).get("lastObservedTime"),
        event.get("eventTime"),
        event.get("lastTimestamp"),
        event["metadata"]["creationTimestamp"],
    )
    return datetime.fromisoformat(next(filter(None, said)))
