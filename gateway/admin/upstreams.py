"""The admin API's side of upstreams: their targets as they are, other weights for a while, and drains."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from gateway.admin.access import needs
from gateway.admin.answers import Answer, Moment, Order
from gateway.admin.endpoints import endpoints
from gateway.admin.etags import IfMatch, IfNoneMatch, conditional, require, state_of
from gateway.admin.requests import ActorQuery, ReasonQuery, TargetOrderRequest
from gateway.supervisor.history import UNNAMED
from gateway.supervisor.upstream_targets import UpstreamTargets

_UNDO = ("upstreams.undo", "override_id")


class TargetOrder(Order):
    """Other weights of some targets of an upstream, or drains of them; `suspended` where nobody would be left by it."""

    upstream: str
    weights: dict[str, int]
    drain: list[str]
    forced: bool
    suspended: bool = False


class TargetOrders(Answer):
    """Those that hold, the newest first."""

    overrides: list[TargetOrder]


class Upstream(Answer):
    """One of them, over all workers."""

    class Target(Answer):
        """A place where it is served."""

        class Connections(Answer):
            """Those that are open to it."""

            active: int
            idle: int

        class Check(Answer):
            """A request of the gateway's own."""

            at: Moment
            healthy: bool
            status: int | None
            error: str | None
            took_ms: float

        target: str
        address: str
        zone: str | None
        state: str
        why: str | None
        weight: int
        configured_weight: int
        connections: Connections
        in_flight: int
        last_check: Check | None
        order: TargetOrder | None

    id: str
    base_url: str
    algorithm: str
    targets: list[Target]


class Upstreams(Answer):
    """All of them."""

    upstreams: list[Upstream]


def upstream_routes(targets: UpstreamTargets, refresh: Callable[[], Awaitable[None]]) -> APIRouter:
    """What is below /admin/upstreams; `refresh` has all workers report first."""
    router = endpoints("/admin/upstreams", tag="upstreams")
    overrides = targets.overrides

    def told() -> dict[str, Any]:
        return {"overrides": overrides.described()}

    @router.get("", **needs("viewer", 304, answer=Upstreams))
    async def listed(response: Response, if_none_match: IfNoneMatch = None) -> dict[str, Any] | Response:
        """All upstreams with their targets."""
        await refresh()
        return conditional({"upstreams": targets.described()}, response, if_none_match, state_of(told()))

    @router.get("/overrides", **needs("viewer", 304, answer=TargetOrders))
    async def orders(response: Response, if_none_match: IfNoneMatch = None) -> dict[str, Any] | Response:
        """Orders that hold now."""
        return conditional(told(), response, if_none_match)

    @router.post("/overrides", status_code=201, **needs("operator", 409, 412, 503, answer=TargetOrder, leads_to=_UNDO))
    async def order(body: TargetOrderRequest, if_match: IfMatch = None) -> dict[str, Any]:
        """Give targets of an upstream other weights, or drain them."""
        require(if_match, state_of(told()))
        return overrides.order(**body.model_dump()).described()

    @router.delete("/overrides/{override_id}", status_code=204, **needs("operator", 404, 412, 503))
    async def undo(
        override_id: str, if_match: IfMatch = None, actor: ActorQuery = UNNAMED, reason: ReasonQuery = ""
    ) -> Response:
        """Go back to what held before."""
        found = overrides.get(override_id)
        if found is None:
            raise HTTPException(404, f"no order {override_id!r} holds")
        require(if_match, state_of(told()))
        overrides.undo(found, actor, reason)
        return Response(status_code=204)

    @router.get("/{upstream}", **needs("viewer", 304, 404, answer=Upstream))
    async def one(upstream: str, response: Response, if_none_match: IfNoneMatch = None) -> dict[str, Any] | Response:
        """One upstream with its targets."""
        await refresh()
        found = targets.described(upstream)
        if not found:
            raise HTTPException(404, f"no upstream {upstream!r}")
        return conditional(found[0], response, if_none_match, state_of(told()))

    return router
