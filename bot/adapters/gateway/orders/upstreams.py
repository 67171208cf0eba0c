"""What orders have to know of upstreams: their targets by name, and who takes which share of the requests."""

from __future__ import annotations

from collections.abc import Mapping

from bot.adapters.gateway.orders.order import Document, Scene, percent
from commands.errors import NotFound

#: A state in which a target takes requests, and one in which it would with a weight.
WELL, STANDBY = "healthy", "standby"


async def named_upstream(scene: Scene, name: str) -> Document:
    """One upstream as it is now. Raises NotFound, which lists those there are."""
    found: list[Document] = (await scene.get("/admin/upstreams"))["upstreams"]
    for one in found:
        if one["id"] == name:
            return one
    known = [one["id"] for one in found]
    raise NotFound(f"{scene.service} has no upstream {name[:60]!r}.", hint="It has", allowed=known)


def named_target(one: Document, name: str) -> Document:
    """One target, by its name or its address. Raises NotFound, which lists those there are."""
    for target in one["targets"]:
        if name in {target["target"], target["address"]}:
            return dict(target)
    known = [target["target"] for target in one["targets"]]
    raise NotFound(f"The upstream {one['id']} has no target {name[:60]!r}.", hint="It has", allowed=known)


def shares_of(one: Document, weights: Mapping[str, int] | None = None) -> dict[str, float]:
    """Who takes which share (0 to 1) of the requests, of those that are well; with other `weights`, who would."""
    given = weights or {}
    taking = {
        target["target"]: given.get(target["target"], target["weight"])
        for target in one["targets"]
        if target["state"] == WELL or (given and _would_be_well(target))
    }
    return relative({name: float(weight) for name, weight in taking.items() if weight})


def _would_be_well(target: Document) -> bool:
    """Whether one that stands by would take requests, as far as anybody has looked."""
    checked = target["last_check"]
    return target["state"] == STANDBY and (checked is None or bool(checked["healthy"]))


def relative(shares: Mapping[str, float]) -> dict[str, float]:
    """The same, as parts of one whole."""
    whole = sum(shares.values())
    return {name: share / whole for name, share in shares.items()} if whole else {}


def in_shares(shares: Mapping[str, float]) -> str:
    """`blue 75%, green 25%`."""
    return ", ".join(f"{name} {percent(share)}" for name, share in shares.items())


def in_states(one: Document) -> str:
    """`blue (healthy, weight 1), green (standby, weight 0)`."""
    return ", ".join(f"{t['target']} ({state_of(t)}, weight {t['weight']})" for t in one["targets"])


def state_of(target: Document) -> str:
    """As the gateway calls it; one that stands by and fails its checks is both."""
    ill = target["state"] == STANDBY and not _would_be_well(target)
    return f"{target['state']}, unhealthy" if ill else str(target["state"])


def standing(one: Document) -> dict[str, str]:
    """What an order about targets stands on: their weights, and who is left out. Requests in flight come and go."""
    return {"targets": in_states(one)}
