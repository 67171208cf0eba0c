"""The admin API's side of blocks: networks that nobody may ask from, and clients, until it expires or is undone."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from gateway.admin.access import needs
from gateway.admin.answers import Answer, Order
from gateway.admin.endpoints import endpoints
from gateway.admin.etags import IfMatch, IfNoneMatch, conditional, require, state_of
from gateway.admin.requests import ActorQuery, BlockRequest, ClientBlockRequest, ReasonQuery
from gateway.supervisor.block_registry import BlockRegistry
from gateway.supervisor.gateway import Gateway
from gateway.supervisor.history import UNNAMED

_UNDO = ("blocks.undo", "block_id")
_UNDO_OF_CLIENT = ("blocks.undo_client", "block_id")


class Block(Order):
    """Nobody of this network is let through."""

    network: str


class Blocks(Answer):
    """Those that hold."""

    blocks: list[Block]


class ClientBlock(Order):
    """Nothing that this client asks for is let through, on routes that know who asks."""

    client: str


class ClientBlocks(Answer):
    """Those that hold."""

    blocks: list[ClientBlock]


def block_routes(gateway: Gateway) -> APIRouter:
    """What is below /admin/blocks."""
    router = endpoints("/admin/blocks", tag="blocks")
    _of_networks(router, gateway.blocks)
    _of_clients(router, gateway.client_blocks)
    return router


def _of_networks(router: APIRouter, blocks: BlockRegistry) -> None:
    @router.get("", **needs("viewer", 304, answer=Blocks))
    async def listed(response: Response, if_none_match: IfNoneMatch = None) -> dict[str, Any] | Response:
        """Addresses and networks that are blocked now."""
        return conditional(_told(blocks), response, if_none_match)

    @router.post("", status_code=201, **needs("operator", 412, 503, answer=Block, leads_to=_UNDO))
    async def block(body: BlockRequest, if_match: IfMatch = None) -> dict[str, Any]:
        """Let nobody of an address or a network through."""
        require(if_match, state_of(_told(blocks)))
        return _made(blocks, body.network, body)

    @router.delete("/{block_id}", status_code=204, **needs("operator", 404, 412, 503))
    async def undo(
        block_id: str, if_match: IfMatch = None, actor: ActorQuery = UNNAMED, reason: ReasonQuery = ""
    ) -> Response:
        """Let them through again."""
        return _undone(blocks, block_id, if_match, actor, reason)


def _of_clients(router: APIRouter, blocks: BlockRegistry) -> None:
    blocking = needs("operator", 412, 503, answer=ClientBlock, leads_to=_UNDO_OF_CLIENT)

    @router.get("/clients", **needs("viewer", 304, answer=ClientBlocks))
    async def clients(response: Response, if_none_match: IfNoneMatch = None) -> dict[str, Any] | Response:
        """Clients that are blocked now."""
        return conditional(_told(blocks), response, if_none_match)

    @router.post("/clients", status_code=201, **blocking)
    async def block_client(body: ClientBlockRequest, if_match: IfMatch = None) -> dict[str, Any]:
        """Let nothing of a client through, whatever its token or key, where a route knows who asks."""
        require(if_match, state_of(_told(blocks)))
        return _made(blocks, body.client, body)

    @router.delete("/clients/{block_id}", status_code=204, **needs("operator", 404, 412, 503))
    async def undo_client(
        block_id: str, if_match: IfMatch = None, actor: ActorQuery = UNNAMED, reason: ReasonQuery = ""
    ) -> Response:
        """Let it through again."""
        return _undone(blocks, block_id, if_match, actor, reason)


def _told(blocks: BlockRegistry) -> dict[str, Any]:
    return {"blocks": [block.described() for block in blocks.active()]}


def _made(blocks: BlockRegistry, name: str, body: BlockRequest | ClientBlockRequest) -> dict[str, Any]:
    made = blocks.block(name, expires_in_seconds=body.expires_in_seconds, actor=body.actor, reason=body.reason)
    return made.described()


def _undone(blocks: BlockRegistry, block_id: str, if_match: str | None, actor: str, reason: str) -> Response:
    found = blocks.get(block_id)
    if found is None:
        raise HTTPException(404, f"no block {block_id!r} holds")
    require(if_match, state_of(_told(blocks)))
    blocks.undo(found, actor, reason)
    return Response(status_code=204)
