"""All orders that hold at a gateway, whoever gave them, each said in the same words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bot.adapters.gateway.orders.order import Document, Scene, percent
from bot.adapters.gateway.orders.routes import LEVEL, limit_words
from commands.ports.steering import StandingOrder
from commands.presentation.words import cut

_LIMIT = re.compile(r"routes\.(?P<route>.+)\.rate_limit")
_SWITCH = re.compile(r"routes\.(?P<route>.+)\.enabled")


async def standing_orders(scene: Scene) -> list[StandingOrder]:
    """What ends first comes first."""
    found = [
        *_of_breakers((await scene.get("/admin/circuit-breaker/overrides"))["overrides"]),
        *_of_targets((await scene.get("/admin/upstreams/overrides"))["overrides"]),
        *_of_settings((await scene.get("/admin/config/overrides"))["overrides"]),
        *_of_blocks((await scene.get("/admin/blocks"))["blocks"]),
        *_of_clients((await scene.get("/admin/blocks/clients"))["blocks"]),
        *_of_faults((await scene.get("/admin/faults"))["faults"]),
        *_of_maintenance((await scene.get("/admin/maintenance"))["override"]),
    ]
    return sorted(found, key=lambda one: one.until)


def _standing(order: Document, kind: str, about: str, what: str) -> StandingOrder:
    return StandingOrder(
        id=order["id"],
        kind=kind,
        about=about,
        what=what,
        by=order["actor"],
        reason=order["reason"],
        at=order["created_at"],
        until=order["expires_at"],
    )


def _of_breakers(orders: list[Document]) -> Iterator[StandingOrder]:
    for one in orders:
        yield _standing(one, "breaker", one["upstream"], f"forced {one['state']}")


def _of_targets(orders: list[Document]) -> Iterator[StandingOrder]:
    for one in orders:
        weights = [f"{name}={weight}" for name, weight in one["weights"].items()]
        drained = [f"{name} drained" for name in one["drain"]]
        suspended = ["suspended, or nobody would be left"] if one.get("suspended") else []
        kind = "drain" if drained else "weight"
        yield _standing(one, kind, one["upstream"], ", ".join([*drained, *weights, *suspended]))


def _of_settings(orders: list[Document]) -> Iterator[StandingOrder]:
    for one in orders:
        for key, value in one["changes"].items():
            yield _standing(one, *_of_key(key, value))


def _of_key(key: str, value: Any) -> tuple[str, str, str]:
    """(kind, what it is about, what was ordered) of one key."""
    if key == LEVEL:
        return "loglevel", "the log", str(value)
    if found := _SWITCH.fullmatch(key):
        return "route", found["route"], "enabled" if value else "disabled"
    if found := _LIMIT.fullmatch(key):
        return "limit", found["route"], limit_words(value if isinstance(value, list) else [value] if value else [])
    return "setting", key, cut(str(value), 120)


def _of_blocks(blocks: list[Document]) -> Iterator[StandingOrder]:
    for one in blocks:
        yield _standing(one, "block", one["network"], "kept out")


def _of_clients(blocks: list[Document]) -> Iterator[StandingOrder]:
    for one in blocks:
        yield _standing(one, "client block", one["client"], "kept out")


def _of_faults(faults: list[Document]) -> Iterator[StandingOrder]:
    for one in faults:
        late = [f"{one['latency_ms']:,.0f} ms late"] if one["latency_ms"] else []
        failing = [f"{percent(one['error_rate'])} answered with {one['status']}"] if one["error_rate"] else []
        about = "all routes" if one["route"] == "*" else one["route"]
        yield _standing(one, "fault", about, ", ".join([*late, *failing]) or "nothing")


def _of_maintenance(order: Document | None) -> Iterator[StandingOrder]:
    if order:
        what = "the page is shown" if order["enabled"] else "held off"
        yield _standing(order, "maintenance", ", ".join(order["routes"]) or "all routes", what)
