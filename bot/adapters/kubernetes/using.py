"""What pods and nodes use, as metrics.k8s.io tells it: an API that may be absent, and that may be broken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from bot.adapters.kubernetes.access import LIST_NODE_METRICS, LIST_NODES, LIST_POD_METRICS, Access
from bot.adapters.kubernetes.listing import listed
from bot.adapters.kubernetes.place import Place
from bot.adapters.kubernetes.pods import selector_of
from bot.adapters.kubernetes.quantities import thousandths, whole
from commands.errors import Unavailable
from commands.ports.inspecting import Used

_INSTEAD = "/gw metrics"


async def of_pods(place: Place) -> Sequence[Used]:
    """Each pod, beside the limits of its containers; one that has just begun has no figures yet."""
    deployment = await place.read()
    pods, figures = await asyncio.gather(
        place.pods(deployment), _figures(place, LIST_POD_METRICS, labelSelector=selector_of(deployment))
    )
    used = {one["metadata"]["name"]: [part.get("usage") or {} for part in one["containers"]] for one in figures}
    return [_of_pod(one, used.get(one["metadata"]["name"])) for one in pods]


def _of_pod(pod: dict[str, Any], used: list[dict[str, Any]] | None) -> Used:
    limits = [(one.get("resources") or {}).get("limits") or {} for one in pod["spec"]["containers"]]
    return Used(
        name=pod["metadata"]["name"],
        cpu=_sum(used, "cpu", thousandths),
        memory=_sum(used, "memory", whole),
        most_cpu=_sum(limits, "cpu", thousandths),
        most_memory=_sum(limits, "memory", whole),
    )


async def of_nodes(place: Place) -> Sequence[Used]:
    """Each node, beside what pods may have of it."""
    nodes, figures = await asyncio.gather(listed(place, LIST_NODES), _figures(place, LIST_NODE_METRICS))
    used = {one["metadata"]["name"]: one.get("usage") or {} for one in figures}
    return [_of_node(one, used.get(one["metadata"]["name"])) for one in nodes.items]


def _of_node(node: dict[str, Any], used: dict[str, Any] | None) -> Used:
    has = [(node.get("status") or {}).get("allocatable") or {}]
    known = None if used is None else [used]
    return Used(
        name=node["metadata"]["name"],
        cpu=_sum(known, "cpu", thousandths),
        memory=_sum(known, "memory", whole),
        most_cpu=_sum(has, "cpu", thousandths),
        most_memory=_sum(has, "memory", whole),
    )


def _sum(parts: list[dict[str, Any]] | None, name: str, read: Callable[[object], int | None]) -> int | None:
    """Of all parts; None where one does not say it, for then there is no whole."""
    if not parts:
        return None
    found = [read(one[name]) if name in one else None for one in parts]
    return None if None in found else sum(one for one in found if one is not None)


async def _figures(place: Place, access: Access, **query: object) -> list[dict[str, Any]]:
    """Raises Unavailable, which tells an API that is not there from one that is broken."""
    space = "" if access.whole_cluster else await place.space()
    name = place.cluster.name
    answer = await place.cluster.ask(access.path(space), query)
    if answer.good:
        found: list[dict[str, Any]] = json.loads(answer.body).get("items") or []
        return found
    if answer.status == 404:
        raise Unavailable(
            f"The cluster {name} has no metrics API (404): no metrics server is installed there.",
            hint="Whoever runs the cluster can install metrics-server. The gateway's own figures are there without it.",
            example=_INSTEAD,
        )
    if answer.status in {502, 503, 504}:
        raise Unavailable(
            f"The metrics API of the cluster {name} is there and does not answer ({answer.status}).",
            hint="Look at the pods of metrics-server in kube-system. The gateway's own figures are there without it.",
            example=_INSTEAD,
        )
    raise place.cluster.refused(answer, access, space, "")
