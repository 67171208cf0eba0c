"""One object in words: the Deployment, one of its pods, or another of the namespace by its name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from bot.adapters.kubernetes import happening, rollout
from bot.adapters.kubernetes.access import LIST_DEPLOYMENTS, LIST_EVENTS, LIST_PODS
from bot.adapters.kubernetes.listing import listed
from bot.adapters.kubernetes.place import Place
from bot.adapters.kubernetes.pods import pod_of
from commands.errors import Conflict, NotFound
from commands.ports.inspecting import Described, Event

_FEW, _EVENTS = 10, 8
Kept = Callable[[dict[str, Any]], bool]


async def describe(place: Place, name: str) -> Described:
    """The Deployment itself without a name. Raises NotFound, Conflict."""
    if not name:
        deployment, family = await happening.family_of(place)
        return _deployment(deployment, await _events(place, family.has))
    kind, found = await _named(place, name)
    events = await _events(place, lambda one: (one.get("involvedObject") or {}).get("uid") == found["metadata"]["uid"])
    return _deployment(found, events) if kind == "deployment" else _pod(found, events)


async def _events(place: Place, kept: Kept) -> tuple[Event, ...]:
    found = await listed(place, LIST_EVENTS)
    return tuple(happening.in_order(filter(kept, found.items))[-_EVENTS:])


async def _named(place: Place, name: str) -> tuple[str, dict[str, Any]]:
    """By its name, else by the only one that begins so. `pod/` and `deployment/` before it say which kind."""
    said, slash, rest = name.partition("/")
    bare = rest if slash else name
    pods, deployments = await asyncio.gather(listed(place, LIST_PODS), listed(place, LIST_DEPLOYMENTS))
    known = [
        (kind, one)
        for kind, found in (("deployment", deployments), ("pod", pods))
        for one in found.items
        if not slash or said.casefold() == kind
    ]
    exact = [one for one in known if one[1]["metadata"]["name"] == bare]
    fitting = exact or [one for one in known if one[1]["metadata"]["name"].startswith(bare)]
    names = [f"{kind}/{one['metadata']['name']}" for kind, one in fitting]
    if not fitting:
        space = await place.space()
        raise NotFound(f"There is no pod or deployment {name[:60]!r} in {space}.", example="/gw pods")
    if len(fitting) > 1:
        more = f", and {len(names) - _FEW} more" if len(names) > _FEW else ""
        raise Conflict(f"{len(names)} fit {name[:60]!r}{more}. Say which.", hint="They are", allowed=names[:_FEW])
    return fitting[0]


def _deployment(known: dict[str, Any], events: tuple[Event, ...]) -> Described:
    spec, status = known["spec"], known.get("status") or {}
    template = spec["template"]["spec"]
    wanted, ready, updated = spec.get("replicas", 1), status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    facts = [
        ("Changing", rollout.busy_with(known)),
        ("Copies", f"{ready} of {wanted} ready, {updated} of the newest revision"),
        ("Strategy", strategy_of(known)),
        *_containers(template),
        *_of_template(template),
        ("Made", _clock(known["metadata"]["creationTimestamp"])),
    ]
    return Described(
        kind="deployment",
        name=known["metadata"]["name"],
        facts=tuple(facts),
        troubles=tuple(_conditions(status, bad=("ReplicaFailure",))),
        events=events,
    )


def strategy_of(deployment: dict[str, Any]) -> str:
    """`RollingUpdate, 25% more, 0 missing at most`."""
    said = deployment["spec"].get("strategy") or {}
    rolling = said.get("rollingUpdate")
    if not rolling:
        return str(said.get("type", "RollingUpdate"))
    return (
        f"{said['type']}, at most {rolling.get('maxSurge', '25%')} more, {rolling.get('maxUnavailable', '25%')} missing"
    )


def _pod(known: dict[str, Any], events: tuple[Event, ...]) -> Described:
    spec, status, meta = known["spec"], known.get("status") or {}, known["metadata"]
    seen, owner = pod_of(known), next(iter(meta.get("ownerReferences") or ()), None)
    facts = [
        ("State", seen.state),
        ("Node", seen.node or "none yet"),
        ("Address", status.get("podIP") or "none yet"),
        *([("Belongs to", f"{owner['kind'].lower()}/{owner['name']}")] if owner else []),
        *_containers(spec),
        *_restarts(status),
        *_of_template(spec),
        ("Started", _clock(status.get("startTime") or meta["creationTimestamp"])),
    ]
    troubles = tuple(_conditions(status))
    return Described(kind="pod", name=meta["name"], facts=tuple(facts), troubles=troubles, events=events)


def _containers(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for one in (*(spec.get("initContainers") or ()), *spec["containers"]):
        parts = [one["image"], *_resources(one.get("resources") or {}), *_probes(one)]
        yield f"Container {one['name']}", "; ".join(parts)


def _resources(known: dict[str, Any]) -> Iterator[str]:
    for label, key in (("asks for", "requests"), ("at most", "limits")):
        said = known.get(key) or {}
        if said:
            yield f"{label} {', '.join(f'{name} {value}' for name, value in said.items())}"


def _probes(container: dict[str, Any]) -> Iterator[str]:
    for kind in ("readiness", "liveness", "startup"):
        probe = container.get(f"{kind}Probe")
        if probe:
            http = probe.get("httpGet") or {}
            yield f"{kind} {http.get('path', '/')} on {http.get('port')}" if http else f"{kind} probe"


def _restarts(status: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for one in status.get("containerStatuses") or ():
        ended = (one.get("lastState") or {}).get("terminated") or {}
        if one.get("restartCount"):
            why = f"; ended last with {ended['exitCode']} ({ended.get('reason', '')})" if "exitCode" in ended else ""
            yield f"Restarts of {one['name']}", f"{one['restartCount']}{why}"


def _of_template(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if spec.get("nodeSelector"):
        yield "Only on nodes with", ", ".join(f"{key}={value}" for key, value in spec["nodeSelector"].items())
    if spec.get("serviceAccountName", "default") != "default":
        yield "Service account", spec["serviceAccountName"]
    volumes = [one["name"] for one in spec.get("volumes") or () if not one["name"].startswith("kube-api-access-")]
    if volumes:
        yield "Volumes", ", ".join(volumes)


def _conditions(status: dict[str, Any], *, bad: tuple[str, ...] = ()) -> Iterator[str]:
    """Those that are not as they should be; `bad` are the kinds that should not hold."""
    for one in status.get("conditions") or ():
        if one["type"] == "ContainersReady":
            continue  # it says what Ready says
        wrong = (one["status"] == "True") == (one["type"] in bad)
        if wrong:
            yield f"{one['type']} is {one['status']}: {one.get('message') or one.get('reason', '')}".rstrip(": ")


def _clock(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
