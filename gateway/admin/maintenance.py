"""The admin API's side of maintenance mode: on or off until it expires, and undone (runbook 004)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from gateway.admin.requests import ActorQuery, MaintenanceRequest, ReasonQuery
from gateway.supervisor.gateway import Gateway
from gateway.supervisor.history import UNNAMED


def maintenance_routes(gateway: Gateway) -> APIRouter:
    """What is at /admin/maintenance."""
    router = APIRouter(prefix="/maintenance")
    overrides = gateway.maintenance

    @router.get("")
    async def state() -> dict[str, Any]:
        held, configured = overrides.held, gateway.settings.maintenance
        return {
            "enabled": configured.enabled if held is None else held.enabled,
            "routes": list(configured.routes if held is None else held.routes),
            "configured": configured.enabled,
            "override": None if held is None else held.described(),
        }

    @router.post("", status_code=201)
    async def order(body: MaintenanceRequest) -> dict[str, Any]:
        return overrides.order(**body.model_dump()).described()

    @router.delete("", status_code=204)
    async def undo(
        actor: ActorQuery = UNNAMED,
        reason: ReasonQuery = "",
    ) -> Response:
        overrides.undo(actor, reason)
        return Response(status_code=204)

    return router
