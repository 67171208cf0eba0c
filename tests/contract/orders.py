"""Each order to the admin API: what is said, what is sent for it, what is seen of it, and who voids it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.gateway.running import RunningGateway
from tests.scenario.steering import as_it_was

Reader = Callable[[RunningGateway], Any]
Meddling = Callable[[RunningGateway], None]


def order(process: RunningGateway, path: str, **said: Any) -> None:
    """Somebody else orders something."""
    body = {"expires_in_seconds": 600, "actor": "zoe", "reason": "by hand", **said}
    process.admin.post(path, json=body).raise_for_status()


def of(path: str, within: str, *names: str) -> Reader:
    """What holds, by some of its fields."""
    return lambda process: [[one[name] for name in names] for one in process.admin.get(path).json()[within]]


def setting(process: RunningGateway, *names: str) -> Any:
    found: Any = process.admin.get("/admin/config").json()["config"]
    for name in names:
        found = next(one for one in found if one["id"] == name) if isinstance(found, list) else found[name]
    return found


def purges(process: RunningGateway) -> int:
    changes = process.admin.get("/admin/history", params={"limit": 1000}).json()["changes"]
    return sum(one["kind"] == "cache_purged" and one["actor"] != "admin-api" for one in changes)


def nothing(_process: RunningGateway) -> None:
    """There is nothing to do."""


BREAKERS, TARGETS, SETTINGS = (
    "/admin/circuit-breaker/overrides",
    "/admin/upstreams/overrides",
    "/admin/config/overrides",
)
breakers = of(BREAKERS, "overrides", "upstream", "state")
targets = of(TARGETS, "overrides", "drain", "weights")
blocks = of("/admin/blocks", "blocks", "network")
LOWER = {"limit": 3, "window_secs": 60}


def page(process: RunningGateway) -> bool:
    return bool(process.admin.get("/admin/maintenance").json()["enabled"])


def limits(process: RunningGateway) -> Any:
    return setting(process, "routes", "orders", "rate_limit")


def level(process: RunningGateway) -> Any:
    return setting(process, "logging", "level")


def served(process: RunningGateway) -> Any:
    return setting(process, "routes", "orders", "enabled")


def slower(process: RunningGateway) -> None:
    """Another configuration holds, and the first is one to go back to."""
    text = process.config_path.read_text()
    process.config_path.write_text(
        text.replace("max: 8", "max: 7") if "max: 8" in text else text.replace("max: 7", "max: 8")
    )
    process.admin.post("/admin/config/reload", json={"actor": "zoe"}).raise_for_status()


def most_workers(process: RunningGateway) -> Any:
    return setting(process, "workers", "max")


@dataclass(frozen=True)
class Case:
    """One order: `sends` begins its request, `meddle` is what somebody else does that voids it."""

    change: str
    said: dict[str, Any]
    sends: str
    seen: Reader
    result: Any
    meddle: Meddling = nothing
    prepare: Meddling = nothing
    kept: bool = field(default=True, compare=False)

    def __str__(self) -> str:
        return self.change


BLUE = {"upstream": "backend", "target": "blue"}
CASES = (
    Case("purge", {"by": "prefix", "value": "/users", "soft": False}, "POST /cache/purge", purges, 1, kept=False),
    Case("purge all", {"by": "all", "value": "", "soft": True}, "POST /cache/purge", purges, 1, kept=False),
    Case(
        "drain", BLUE, f"POST {TARGETS}", targets, [[["blue"], {}]],
        meddle=lambda p: order(p, TARGETS, upstream="backend", weights={"green": 5}),
    ),
    Case(
        "undrain", BLUE, f"DELETE {TARGETS}", targets, [],
        prepare=lambda p: order(p, TARGETS, upstream="backend", drain=["blue"]),
        meddle=as_it_was,
    ),
    Case(
        "weight", {"upstream": "backend", "weights": {"blue": 0, "green": 2}}, f"POST {TARGETS}", targets,
        [[[], {"blue": 0, "green": 2}]], meddle=lambda p: order(p, TARGETS, upstream="backend", weights={"blue": 4}),
    ),
    Case(
        "weight auto", {"upstream": "backend"}, f"DELETE {TARGETS}", targets, [],
        prepare=lambda p: order(p, TARGETS, upstream="backend", weights={"blue": 4}), meddle=as_it_was,
    ),
    Case(
        "breaker open", {"upstream": "backend"}, f"POST {BREAKERS}", breakers, [["backend", "open"]],
        meddle=lambda p: order(p, BREAKERS, upstream="backend", state="closed"),
    ),
    Case(
        "breaker closed", {"upstream": "*"}, f"POST {BREAKERS}", breakers, [["*", "closed"]],
        meddle=lambda p: order(p, BREAKERS, upstream="*", state="open"),
    ),
    Case(
        "breaker auto", {"upstream": "backend"}, f"DELETE {BREAKERS}", breakers, [],
        prepare=lambda p: order(p, BREAKERS, upstream="backend", state="open"), meddle=as_it_was,
    ),
    Case(
        "limit", {"route": "orders", "limit": 9, "seconds": 60, "by": ""}, f"POST {SETTINGS}", limits,
        [{"limit": 9, "window_secs": 60, "algorithm": "token_bucket", "key_type": "ip"}],
        meddle=lambda p: order(p, SETTINGS, changes={"routes.orders.rate_limit": LOWER}),
    ),
    Case(
        "limit auto", {"route": "orders"}, f"DELETE {SETTINGS}", limits, None,
        prepare=lambda p: order(p, SETTINGS, changes={"routes.orders.rate_limit": LOWER}), meddle=as_it_was,
    ),
    Case(
        "route disable", {"route": "orders"}, f"POST {SETTINGS}", served, False,
        meddle=lambda p: order(p, SETTINGS, changes={"routes.orders.enabled": False}),
    ),
    Case(
        "route enable", {"route": "orders"}, f"DELETE {SETTINGS}", served, True,
        prepare=lambda p: order(p, SETTINGS, changes={"routes.orders.enabled": False}), meddle=as_it_was,
    ),
    Case(
        "loglevel", {"level": "DEBUG"}, f"POST {SETTINGS}", level, "DEBUG",
        meddle=lambda p: order(p, SETTINGS, changes={"logging.level": "ERROR"}),
    ),
    Case(
        "loglevel auto", {}, f"DELETE {SETTINGS}", level, "INFO",
        prepare=lambda p: order(p, SETTINGS, changes={"logging.level": "ERROR"}), meddle=as_it_was,
    ),
    Case(
        "block", {"cidr": "203.0.113.0/24"}, "POST /admin/blocks", blocks, [["203.0.113.0/24"]],
        meddle=lambda p: order(p, "/admin/blocks", network="198.51.100.7"),
    ),
    Case(
        "unblock", {"cidr": "203.0.113.0/24"}, "DELETE /admin/blocks", blocks, [],
        prepare=lambda p: order(p, "/admin/blocks", network="203.0.113.0/24"), meddle=as_it_was,
    ),
    Case(
        "maintenance on", {"service": ""}, "POST /admin/maintenance", page, True,
        meddle=lambda p: order(p, "/admin/maintenance"),
    ),
    Case(
        "maintenance off", {"service": ""}, "DELETE /admin/maintenance", page, False,
        prepare=lambda p: order(p, "/admin/maintenance"), meddle=as_it_was,
    ),
)  # fmt: skip
