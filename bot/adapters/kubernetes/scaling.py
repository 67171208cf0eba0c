"""Autoscalers of a Deployment: bounds, what is measured beside what is wanted, and what keeps them from working."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.adapters.kubernetes.access import LIST_AUTOSCALERS
from bot.adapters.kubernetes.happening import aims_at
from bot.adapters.kubernetes.listing import listed
from bot.adapters.kubernetes.place import Place
from commands.ports.inspecting import Autoscaler


async def autoscalers(place: Place) -> list[Autoscaler]:
    """Those that set its replicas."""
    await place.read()
    found = await listed(place, LIST_AUTOSCALERS)
    return [_autoscaler(one) for one in found.items if aims_at(one, place.deployment)]


def _autoscaler(one: dict[str, Any]) -> Autoscaler:
    spec, status = one["spec"], one.get("status") or {}
    return Autoscaler(
        name=one["metadata"]["name"],
        least=spec.get("minReplicas", 1),
        most=spec["maxReplicas"],
        now=status.get("currentReplicas", 0),
        wanted=status.get("desiredReplicas", 0),
        metrics=tuple(_metrics(spec, status)),
        troubles=tuple(_troubles(status)),
        scaled_at=status.get("lastScaleTime"),
    )


def _metrics(spec: dict[str, Any], status: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What is measured, how it stands, what is aimed at. Version 1 knows the CPU only."""
    if "targetCPUUtilizationPercentage" in spec:
        now = status.get("currentCPUUtilizationPercentage")
        yield "cpu", "not known" if now is None else f"{now}%", f"{spec['targetCPUUtilizationPercentage']}%"
    current = {_key(one): one for one in status.get("currentMetrics") or ()}
    for one in spec.get("metrics") or ():
        part = one.get(_part(one)) or {}
        now = (current.get(_key(one)) or {}).get(_part(one)) or {}
        yield _named(one, part), _value(now.get("current") or {}), _value(part.get("target") or {})


def _part(metric: dict[str, Any]) -> str:
    kind = str(metric.get("type", ""))
    return f"{kind[:1].lower()}{kind[1:]}"


def _key(metric: dict[str, Any]) -> tuple[str, str]:
    return _part(metric), _named(metric, metric.get(_part(metric)) or {})


def _named(metric: dict[str, Any], part: dict[str, Any]) -> str:
    """`cpu`, `cpu of gateway`, `requests_per_second`."""
    name = part.get("name") or (part.get("metric") or {}).get("name") or metric.get("type", "?")
    return f"{name} of {part['container']}" if "container" in part else str(name)


def _value(known: dict[str, Any]) -> str:
    if known.get("averageUtilization") is not None:
        return f"{known['averageUtilization']}%"
    return str(known.get("averageValue") or known.get("value") or "not known")


def _troubles(status: dict[str, Any]) -> Iterator[str]:
    """What is not as it should be: it cannot work, or it would like to go beyond its bounds."""
    for one in status.get("conditions") or ():
        wrong = one["status"] == ("True" if one["type"] == "ScalingLimited" else "False")
        if wrong:
            yield f"{one.get('reason', one['type'])}: {one.get('message', '')}".rstrip(": ")
