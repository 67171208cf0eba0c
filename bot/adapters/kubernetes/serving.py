"""Which services send requests to the pods of a Deployment, and to which of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from bot.adapters.kubernetes.access import LIST_SERVICES, LIST_SLICES
from bot.adapters.kubernetes.listing import listed
from bot.adapters.kubernetes.place import Place
from commands.ports.inspecting import Served

_SERVICE = "kubernetes.io/service-name"


async def served(place: Place) -> list[Served]:
    """Each service whose selector takes the pods of the template, by its endpoint slices."""
    deployment = await place.read()
    labels = deployment["spec"]["template"]["metadata"].get("labels") or {}
    services, slices = await asyncio.gather(listed(place, LIST_SERVICES), listed(place, LIST_SLICES))
    found = [one for one in services.items if _takes(one["spec"].get("selector"), labels)]
    return [_served(one, [s for s in slices.items if _of(s) == one["metadata"]["name"]]) for one in found]


def _takes(selector: dict[str, str] | None, labels: dict[str, str]) -> bool:
    """A service without a selector has endpoints that somebody else writes."""
    return bool(selector) and (selector or {}).items() <= labels.items()


def _of(one: dict[str, Any]) -> str:
    return str((one["metadata"].get("labels") or {}).get(_SERVICE, ""))


def _served(service: dict[str, Any], slices: Sequence[dict[str, Any]]) -> Served:
    endpoints = [point for one in slices for point in one.get("endpoints") or ()]
    said = {_named(one): _why_none(one) for one in sorted(endpoints, key=_named)}
    return Served(
        name=service["metadata"]["name"],
        ports=", ".join(_port(one) for one in service["spec"].get("ports") or ()),
        ready=tuple(name for name, why in said.items() if not why),
        not_ready=tuple(f"{name} ({why})" for name, why in said.items() if why),
    )


def _named(endpoint: dict[str, Any]) -> str:
    return str((endpoint.get("targetRef") or {}).get("name") or ", ".join(endpoint.get("addresses") or ("?",)))


def _why_none(endpoint: dict[str, Any]) -> str:
    """A condition that is not said counts as ready, as the API has it."""
    state = endpoint.get("conditions") or {}
    if state.get("terminating"):
        return "stopping"
    return "" if state.get("ready") in {None, True} else "not ready"


def _port(port: dict[str, Any]) -> str:
    name = f"{port['name']} " if port.get("name") else ""
    return f"{name}{port['port']} → {port.get('targetPort', port['port'])}"
