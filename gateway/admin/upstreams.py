"""The admin API's side of upstreams: their targets as they are, other weights for a while, and drains."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field
from starlette.exceptions import HTTPException

from gateway.admin.requests import Actor, Body, Reason
from gateway.supervisor.history import UNNAMED
from gateway.supervisor.upstream_targets import UpstreamTargets

_LONGEST_SECS = 30 * 86_400

TargetName = Annotated[str, Field(min_length=1, max_length=300)]
Weight = Annotated[int, Field(ge=0, le=1000)]


class TargetOrderRequest(Body):
    """POST /admin/upstreams/overrides."""

    upstream: Annotated[str, Field(min_length=1, max_length=64)]
    weights: Annotated[dict[TargetName, Weight], Field(max_length=100, default_factory=dict)]
    drain: Annotated[list[TargetName], Field(max_length=100, default_factory=list)]
    expires_in_seconds: Annotated[float, Field(ge=1, le=_LONGEST_SECS, allow_inf_nan=False)]
    actor: Actor
    reason: Reason = ""
    force: bool = False


def upstream_routes(targets: UpstreamTargets, refresh: Callable[[], Awaitable[None]]) -> APIRouter:
    """What is below /admin/upstreams; `refresh` has all workers report first."""
    router = APIRouter(prefix="/upstreams")
    overrides = targets.overrides

    @router.get("")
    async def listed() -> dict[str, Any]:
        await refresh()
        return {"upstreams": targets.described()}

    @router.get("/overrides")
    async def orders() -> dict[str, Any]:
        return {"overrides": overrides.described()}

    @router.post("/overrides", status_code=201)
    async def order(body: TargetOrderRequest) -> dict[str, Any]:
        return overrides.order(**body.model_dump()).described()

    @router.delete("/overrides/{override_id}", status_code=204)
    async def undo(override_id: str) -> Response:
        found = overrides.get(override_id)
        if found is None:
            raise HTTPException(404, f"no order {override_id!r} holds")
        overrides.undo(found, UNNAMED)
        return Response(status_code=204)

    @router.get("/{upstream}")
    async def one(upstream: str) -> dict[str, Any]:
        await refresh()
        found = targets.described(upstream)
        if not found:
            raise HTTPException(404, f"no upstream {upstream!r}")
        return found[0]

    return router
