"""The admin API's side of faults for drills: injected, listed, removed."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from gateway.admin.access import needs
from gateway.admin.answers import Answer, Order
from gateway.admin.endpoints import endpoints
from gateway.admin.etags import IfMatch, IfNoneMatch, conditional, require, state_of
from gateway.admin.requests import ActorQuery, FaultRequest, ReasonQuery
from gateway.supervisor.gateway import Gateway
from gateway.supervisor.history import UNNAMED

_UNDO = ("faults.remove", "fault_id")


class Fault(Order):
    """What is done to requests of a route, or of all with `*`."""

    route: str
    latency_ms: float
    error_rate: float
    status: int


class Faults(Answer):
    """Those that apply."""

    faults: list[Fault]


def fault_routes(gateway: Gateway) -> APIRouter:
    """What is below /admin/faults."""
    router = endpoints("/admin/faults", tag="faults")
    faults = gateway.faults

    def told() -> dict[str, Any]:
        return {"faults": [fault.described() for fault in faults.active()]}

    @router.get("", **needs("viewer", 304, answer=Faults))
    async def listed(response: Response, if_none_match: IfNoneMatch = None) -> dict[str, Any] | Response:
        """Those that apply now."""
        return conditional(told(), response, if_none_match)

    @router.post("", status_code=201, **needs("operator", 412, 503, answer=Fault, leads_to=_UNDO))
    async def inject(body: FaultRequest, if_match: IfMatch = None) -> dict[str, Any]:
        """Delay requests of a route, or answer a share of them with an error."""
        require(if_match, state_of(told()))
        return faults.inject(**body.model_dump()).described()

    @router.delete("/{fault_id}", status_code=204, **needs("operator", 404, 412, 503))
    async def remove(
        fault_id: str, if_match: IfMatch = None, actor: ActorQuery = UNNAMED, reason: ReasonQuery = ""
    ) -> Response:
        """Remove one."""
        fault = faults.get(fault_id)
        if fault is None:
            raise HTTPException(404, f"no active fault {fault_id!r}")
        require(if_match, state_of(told()))
        faults.remove(fault, actor, reason)
        return Response(status_code=204)

    @router.delete("", status_code=204, **needs("operator", 412, 503))
    async def clear(if_match: IfMatch = None, actor: ActorQuery = UNNAMED, reason: ReasonQuery = "") -> Response:
        """Remove all."""
        require(if_match, state_of(told()))
        faults.clear(actor, reason)
        return Response(status_code=204)

    return router
