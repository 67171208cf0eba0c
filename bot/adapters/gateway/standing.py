"""All orders that hold at a gateway, whoever gave them, each said in the same words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.adapters.gateway.orders.order import Document, Scene
from commands.ports.steering import StandingOrder
from commands.presentation.words import cut

_LIMIT = re.compile(r"routes\.(?P<route>.+)\.rate_limit")
_SWITCH = re.compile(r"routes\.(?P<route>.+)\.enabled")
_LEVEL = "logging.level"


async def standing_orders(scene: Scene) -> list[StandingOrder]:
    """What ends first comes first."""
    found = [
        *_of_breakers((await scene.get("/admin/circuit-breaker/overrides"))["overrides"]),
        *_of_targets((await scene.get("/admin/upstreams/overrides"))["overrides"]),
        *_of_settings((await scene.get("/admin/config/overrides"))["overrides"]),
        *_of_blocks((await scene.get("/admin/blocks"))["blocks"]),
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
        kind = "drain" if drained else "weight"
        yield _standing(one, kind, one["upstream"], ", ".join([*drained, *weights]))


def _of_settings(orders: list[Document]) -> Iterator[StandingOrder]:
    for one in orders:
        about, what = ", ".join(one["changes"]), ", ".join(cut(str(value), 120) for value in one["changes"].values())
        kind = "setting"
        if len(one["changes"]) == 1:
            kind, about = _of_key(about)
        yield _standing(one, kind, about, what)


def _of_key(key: str) -> tuple[str, str]:
    """(kind, what it is about) of a single key."""
    if key == _LEVEL:
        return "loglevel", "the log"
    for kind, pattern in (("limit", _LIMIT), ("route", _SWITCH)):
        if found := pattern.fullmatch(key):
            return kind, found["route"]
    return "setting", key


def _of_blocks(blocks: list[Document]) -> Iterator[StandingOrder]:
    for one in blocks:
        yield _standing(one, "block", one["network"], "kept out")


def _of_maintenance(order: Document | None) -> Iterator[StandingOrder]:
    if order:
        what = "the page is shown" if order["enabled"] else "held off"
        yield _standing(order, "maintenance", ", ".join(order["routes"]) or "all routes", what)
