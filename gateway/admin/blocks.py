"""The admin API's side of blocks: an address or a network that nobody may ask from, until it expires or is undone."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from gateway.admin.access import needs
from gateway.admin.answers import Answer, Order
from gateway.admin.etags import IfMatch, IfNoneMatch, conditional, require, state_of
from gateway.admin.requests import ActorQuery, BlockRequest, ReasonQuery
from gateway.supervisor.gateway import Gateway
from gateway.supervisor.history import UNNAMED


class Block(Order):
    """Nobody of this network is let through."""

    network: str


class Blocks(Answer):
    """Those that hold."""

    blocks: list[Block]


def block_routes(gateway: Gateway) -> APIRouter:
    """What is below /admin/blocks."""
    router = APIRouter(prefix="/blocks", tags=["blocks"])
    blocks = gateway.blocks

    def told() -> dict[str, Any]:
        return {"blocks": [block.described() for block in blocks.active()]}

    @router.get("", **needs("viewer", 304, answer=Blocks))
    async def listed(response: Response, if_none_match: IfNoneMatch = None) -> dict[str, Any] | Response:
        """Those that hold now."""
        return conditional(told(), response, if_none_match)

    @router.post("", status_code=201, **needs("operator", 412, 503, answer=Block, leads_to=("blocks.undo", "block_id")))
    async def block(body: BlockRequest, if_match: IfMatch = None) -> dict[str, Any]:
        """Let nobody of an address or a network through."""
        require(if_match, state_of(told()))
        return blocks.block(**body.model_dump()).described()

    @router.delete("/{block_id}", status_code=204, **needs("operator", 404, 412, 503))
    async def undo(
        block_id: str, if_match: IfMatch = None, actor: ActorQuery = UNNAMED, reason: ReasonQuery = ""
    ) -> Response:
        """Let them through again."""
        found = blocks.get(block_id)
        if found is None:
            raise HTTPException(404, f"no block {block_id!r} holds")
        require(if_match, state_of(told()))
        blocks.undo(found, actor, reason)
        return Response(status_code=204)

    return router
