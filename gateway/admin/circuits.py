"""The admin API's side of circuit breakers: enabled by runbook 004, forced open or closed, and undone."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from gateway.admin.access import needs
from gateway.admin.answers import Answer, Order
from gateway.admin.endpoints import endpoints
from gateway.admin.etags import IfMatch, IfNoneMatch, conditional, require, state_of
from gateway.admin.requests import ActorQuery, CircuitForce, CircuitOrder, ReasonQuery
from gateway.supervisor.circuit_overrides import CircuitOverrides
from gateway.supervisor.history import UNNAMED

_UNDO = ("circuit_breakers.undo", "override_id")


class Circuit(Order):
    """What holds of the breaker of an upstream, or of all with `*`."""

    upstream: str
    state: str


class Circuits(Answer):
    """Orders that hold, the newest first."""

    overrides: list[Circuit]


def circuit_routes(overrides: CircuitOverrides) -> APIRouter:
    """What is below /admin/circuit-breaker."""
    router = endpoints("/admin/circuit-breaker", tag="circuit breakers")

    def told() -> dict[str, Any]:
        return {"overrides": [one.described() for one in overrides.active()]}

    @router.post("/enable", status_code=201, **needs("operator", 412, 503, answer=Circuit, leads_to=_UNDO))
    async def enable(body: CircuitOrder | None = None, if_match: IfMatch = None) -> dict[str, Any]:
        """Give an upstream, or all, a breaker with the thresholds of the settings."""
        require(if_match, state_of(told()))
        order = body or CircuitOrder()
        return overrides.order(state="enabled", **order.model_dump()).described()

    @router.get("/overrides", **needs("viewer", 304, answer=Circuits))
    async def listed(response: Response, if_none_match: IfNoneMatch = None) -> dict[str, Any] | Response:
        """Orders that hold now."""
        return conditional(told(), response, if_none_match)

    @router.post("/overrides", status_code=201, **needs("operator", 412, 503, answer=Circuit, leads_to=_UNDO))
    async def force(body: CircuitForce, if_match: IfMatch = None) -> dict[str, Any]:
        """Force breakers open or closed, or enable them."""
        require(if_match, state_of(told()))
        return overrides.order(**body.model_dump()).described()

    @router.delete("/overrides/{override_id}", status_code=204, **needs("operator", 404, 412, 503))
    async def undo(
        override_id: str, if_match: IfMatch = None, actor: ActorQuery = UNNAMED, reason: ReasonQuery = ""
    ) -> Response:
        """Go back to what the settings say."""
        found = overrides.get(override_id)
        if found is None:
            raise HTTPException(404, f"no order {override_id!r} holds")
        require(if_match, state_of(told()))
        overrides.undo(found, actor, reason)
        return Response(status_code=204)

    return router
