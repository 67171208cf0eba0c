"""The admin API's side of blocks: an address or a network that nobody may ask from, until it expires or is undone."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from gateway.admin.requests import ActorQuery, BlockRequest, ReasonQuery
from gateway.supervisor.gateway import Gateway
from gateway.supervisor.history import UNNAMED


def block_routes(gateway: Gateway) -> APIRouter:
    """What is below /admin/blocks."""
    router = APIRouter(prefix="/blocks")
    blocks = gateway.blocks

    @router.get("")
    async def listed() -> dict[str, Any]:
        return {"blocks": [block.described() for block in blocks.active()]}

    @router.post("", status_code=201)
    async def block(body: BlockRequest) -> dict[str, Any]:
        return blocks.block(**body.model_dump()).described()

    @router.delete("/{block_id}", status_code=204)
    async def undo(
        block_id: str,
        actor: ActorQuery = UNNAMED,
        reason: ReasonQuery = "",
    ) -> Response:
        found = blocks.get(block_id)
        if found is None:
            raise HTTPException(404, f"no block {block_id!r} holds")
        blocks.undo(found, actor, reason)
        return Response(status_code=204)

    return router
