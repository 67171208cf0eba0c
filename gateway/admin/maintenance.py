"""The admin API's side of maintenance mode: on or off until it expires, and undone (runbook 004)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from gateway.admin.access import needs
from gateway.admin.answers import Answer, Order
from gateway.admin.endpoints import endpoints
from gateway.admin.etags import IfMatch, IfNoneMatch, conditional, require, state_of
from gateway.admin.requests import ActorQuery, MaintenanceRequest, ReasonQuery
from gateway.supervisor.gateway import Gateway
from gateway.supervisor.history import UNNAMED


class MaintenanceOrder(Order):
    """On, or held off, for these routes; without any, for all."""

    enabled: bool
    routes: list[str]
    message: str | None
    retry_after_secs: int | None


class Maintenance(Answer):
    """What holds, what the settings say, and the order that stands above them."""

    enabled: bool
    routes: list[str]
    configured: bool
    override: MaintenanceOrder | None


def maintenance_routes(gateway: Gateway) -> APIRouter:
    """What is at /admin/maintenance."""
    router = endpoints("/admin/maintenance", tag="maintenance")
    overrides = gateway.maintenance

    def told() -> dict[str, Any]:
        held, configured = overrides.held, gateway.settings.maintenance
        return {
            "enabled": configured.enabled if held is None else held.enabled,
            "routes": list(configured.routes if held is None else held.routes),
            "configured": configured.enabled,
            "override": None if held is None else held.described(),
        }

    @router.get("", **needs("viewer", 304, answer=Maintenance))
    async def state(response: Response, if_none_match: IfNoneMatch = None) -> dict[str, Any] | Response:
        """Whether it is on, and why."""
        return conditional(told(), response, if_none_match)

    @router.post("", status_code=201, **needs("operator", 412, 503, answer=MaintenanceOrder))
    async def order(body: MaintenanceRequest, if_match: IfMatch = None) -> dict[str, Any]:
        """Have it on, or hold it off, for a while."""
        require(if_match, state_of(told()))
        return overrides.order(**body.model_dump()).described()

    @router.delete("", status_code=204, **needs("operator", 412, 503))
    async def undo(if_match: IfMatch = None, actor: ActorQuery = UNNAMED, reason: ReasonQuery = "") -> Response:
        """Go back to what the settings say."""
        require(if_match, state_of(told()))
        overrides.undo(actor, reason)
        return Response(status_code=204)

    return router
