"""The Steering port: what one gateway tells of its upstreams, its cache, its configurations, and what was ordered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from bot.adapters.gateway.orders.circuits import EVERY, circuits
from bot.adapters.gateway.orders.configurations import lines_of
from bot.adapters.gateway.orders.order import Document
from bot.adapters.gateway.orders.upstreams import shares_of, state_of
from bot.adapters.gateway.standing import standing_orders
from bot.adapters.gateway.steering import GatewayOrders
from commands.domain.plan import Target
from commands.errors import NotFound
from commands.ports.steering import (
    Breaker,
    By,
    CacheFigures,
    Configuration,
    Configurations,
    Most,
    Refused,
    SlowRequest,
    SlowRequests,
    StandingOrder,
    Talker,
    Talkers,
    Upstream,
    UpstreamTarget,
)


class GatewayTelling(GatewayOrders):
    """See Steering."""

    async def upstreams(self, target: Target) -> Sequence[Upstream]:  # noqa: ARG002 - there is one gateway
        """See Steering."""
        scene = self._scene()
        found = (await scene.get("/admin/upstreams"))["upstreams"]
        document, known = (await scene.get("/admin/config"))["config"], await circuits(scene)
        orders = await standing_orders(scene)
        return [
            Upstream(
                id=one["id"],
                algorithm=one["algorithm"],
                routes=tuple(route["id"] for route in document["routes"] if route["upstream_id"] == one["id"]),
                targets=tuple(_targets(one, orders)),
                breaker=_breaker(one["id"], known, orders),
            )
            for one in found
        ]

    async def cache(self, target: Target) -> CacheFigures:  # noqa: ARG002
        """See Steering."""
        scene = self._scene()
        stats, gone = await scene.get("/cache/stats"), await scene.get("/cache/invalidation-stats")
        document = (await scene.get("/admin/config"))["config"]
        routes = [one["id"] for one in document["routes"] if (one.get("cache") or document["cache"])["enabled"]]
        return CacheFigures(
            routes=tuple(routes),
            hit_percent=stats["hit_ratio"],
            entries=stats["size"],
            used=stats["memory_usage"],
            most=stats["max_memory"],
            average_age_seconds=stats["average_age"],
            evicted=stats["eviction_count"],
            evicted_lately=stats["recent_evictions"],
            policy=stats["eviction_policy"],
            answers=stats["requests"],
            invalidated=gone["by_cause"],
            invalidated_lately=gone["recent_invalidations"],
        )

    async def configurations(self, target: Target) -> Configurations:  # noqa: ARG002
        """See Steering."""
        scene = self._scene()
        versions = (await scene.get("/admin/config/versions"))["versions"]
        found = await scene.get("/admin/config")
        error = found["error"]
        return Configurations(
            versions=tuple(_configuration(one) for one in versions),
            agreed=found["agreed"],
            workers=len(found["workers"]),
            refused=Refused(at=error["at"], by=error["actor"], message=error["message"]) if error else None,
        )

    async def differences(self, target: Target, before: int, after: int) -> str:
        """See Steering."""
        known = [one.number for one in (await self.configurations(target)).versions]
        for number in (before, after):
            if number not in known:
                raise NotFound(
                    f"There is no configuration {number} of {self._name} any more, or not yet.",
                    hint="I know",
                    allowed=[str(one) for one in known],
                )
        found = await self._scene().get("/admin/config/diff", **{"from": before, "to": after})
        return "\n".join(line for one in found["changes"] for line in lines_of(one))

    async def talkers(self, target: Target, *, by: By, most: Most, since: timedelta, limit: int) -> Talkers:  # noqa: ARG002
        """See Steering."""
        asked = {"by": by, "order": most, "since_seconds": since.total_seconds(), "limit": limit}
        found = await self._scene().get("/admin/top/talkers", **asked)
        return Talkers(
            since=found["since"],
            loudest=tuple(Talker(who=one.pop(by), **one) for one in found["talkers"]),
            others=Talker(who="", **found["others"]),
        )

    async def slow(self, target: Target, *, route: str, since: timedelta, limit: int) -> SlowRequests:  # noqa: ARG002
        """See Steering."""
        asked: dict[str, object] = {"since_seconds": since.total_seconds(), "limit": limit}
        if route:
            asked["route"] = route
        found = await self._scene().get("/admin/top/slow", **asked)
        return SlowRequests(since=found["since"], requests=tuple(map(_slow, found["requests"])))

    async def orders(self, target: Target) -> Sequence[StandingOrder]:  # noqa: ARG002
        """See Steering."""
        return await standing_orders(self._scene())


def _targets(one: Document, orders: Sequence[StandingOrder]) -> list[UpstreamTarget]:
    shares, by_id = shares_of(one), {order.id: order for order in orders}
    return [
        UpstreamTarget(
            name=target["target"],
            address=target["address"],
            state=state_of(target),
            why=target["why"] or "",
            share=shares.get(target["target"], 0.0),
            weight=target["weight"],
            configured=target["configured_weight"],
            in_flight=target["in_flight"],
            zone=target["zone"] or "",
            order=by_id.get(target["order"]["id"]) if target["order"] else None,
        )
        for target in one["targets"]
    ]


def _breaker(name: str, known: dict[str, Any] | None, orders: Sequence[StandingOrder]) -> Breaker:
    """An order for one upstream goes before one for all."""
    forced = {one.about: one for one in orders if one.kind == "breaker"}
    found = (known or {}).get(name)
    state = "" if known is None else "off" if found is None else found["state"].replace("_", "-")
    failures = found["failure_count"] if found else 0
    return Breaker(upstream=name, state=state, failures=failures, forced=forced.get(name, forced.get(EVERY)))


def _slow(one: Document) -> SlowRequest:
    return SlowRequest(
        at=one["timestamp"],
        route=one["route"],
        method=one["method"],
        path=one["path"],
        status=one["status"],
        milliseconds=one["response_time"],
        target=one.get("target") or one.get("upstream") or "",
        correlation_id=one["correlation_id"],
    )


def _configuration(one: Document) -> Configuration:
    return Configuration(
        number=one["number"],
        version=one["version"],
        at=one["loaded_at"],
        cause=one["cause"],
        by=one["actor"],
        reason=one["reason"],
        went_back_to=one["rolled_back_to"],
    )
