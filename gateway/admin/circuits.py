"""The admin API's side of circuit breakers: enabled by runbook 004, forced open or closed, and undone."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from gateway.admin.requests import ActorQuery, CircuitForce, CircuitOrder, ReasonQuery
from gateway.supervisor.circuit_overrides import CircuitOverrides
from gateway.supervisor.history import UNNAMED


def circuit_routes(overrides: CircuitOverrides) -> APIRouter:
    """What is below /admin/circuit-breaker."""
    router = APIRouter(prefix="/circuit-breaker")

    @router.post("/enable", status_code=201)
    async def enable(body: CircuitOrder | None = None) -> dict[str, Any]:
        order = body or CircuitOrder()
        return overrides.order(state="enabled", **order.model_dump()).described()

    @router.get("/overrides")
    async def listed() -> dict[str, Any]:
        return {"overrides": [one.described() for one in overrides.active()]}

    @router.post("/overrides", status_code=201)
    async def force(body: CircuitForce) -> dict[str, Any]:
        return overrides.order(**body.model_dump()).described()

    @router.delete("/overrides/{override_id}", status_code=204)
    async def undo(override_id: str, actor: ActorQuery = UNNAMED, reason: ReasonQuery = "") -> Response:
        found = overrides.get(override_id)
        if found is None:
            raise HTTPException(404, f"no order {override_id!r} holds")
        overrides.undo(found, actor, reason)
        return Response(status_code=204)

    return router
