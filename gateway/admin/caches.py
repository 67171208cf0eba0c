"""The admin API's side of the cache, at the paths of runbook 003. Who sends no name is told as the admin API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import Field, model_validator

from gateway.admin.requests import Actor, Body, Reason
from gateway.supervisor.cache_control import CacheControl
from gateway.supervisor.cache_figures import CacheFigures
from gateway.supervisor.history import UNNAMED

RESTORE = "/cache/restore"
_NAMED = Annotated[str, Field(min_length=1, max_length=8192, pattern=r"^[!-~]+$")]
_URL = Annotated[str, Field(max_length=8192, pattern=r"^(https?://[!-.0-~]+)?/[!-~]*$")]
_HOST = Annotated[str, Field(max_length=255, pattern=r"^[A-Za-z0-9._:\[\]-]+$")]
_TARGET = Annotated[str, Field(max_length=8192, pattern=r"^/[!-~]*$")]


class CacheChange(Body):
    """Who asks for a change, and why."""

    actor: Actor = UNNAMED
    reason: Reason = ""


class Purge(CacheChange):
    """POST /cache/purge: one of a URL, a prefix of URLs, a tag, or all."""

    url: _URL | None = None
    prefix: _URL | None = None
    tag: _NAMED | None = None
    all: Literal[True] | None = None
    soft: bool = False

    @model_validator(mode="after")
    def _one_of_them(self) -> Purge:
        if sum(value is not None for value in (self.url, self.prefix, self.tag, self.all)) != 1:
            raise ValueError("exactly one of url, prefix, tag and all is needed")
        return self


class Warm(CacheChange):
    """POST /cache/warm: targets (path and query) of a host, as upstreams are told of them."""

    scheme: Literal["http", "https"] = "http"
    host: _HOST
    targets: Annotated[list[_TARGET], Field(min_length=1, max_length=50)]


def cache_routes(control: CacheControl, figures: CacheFigures, collect: Callable[[], Awaitable[None]]) -> APIRouter:
    """What is below /cache. `collect` has the workers report what they have counted."""
    router = APIRouter(prefix="/cache")

    @router.get("/stats")
    async def stats() -> dict[str, Any]:
        await collect()
        return figures.stats()

    @router.get("/invalidation-stats")
    async def invalidation() -> dict[str, Any]:
        await collect()
        return figures.invalidation()

    @router.post("/purge")
    async def purge(body: Purge) -> dict[str, Any]:
        for by in ("url", "prefix", "tag"):
            if (value := getattr(body, by)) is not None:
                return await control.purge(by, value, soft=body.soft, actor=body.actor, reason=body.reason)
        return await control.purge("all", "", soft=body.soft, actor=body.actor, reason=body.reason)

    @router.post("/optimize")
    async def optimize(body: CacheChange | None = None) -> dict[str, Any]:
        change = body or CacheChange()
        return await control.optimize(change.actor, change.reason)

    @router.post("/warm", status_code=202)
    async def warm(body: Warm) -> dict[str, Any]:
        return await control.warm(body.scheme, body.host, body.targets, body.actor, body.reason)

    @router.post("/snapshot")
    async def snapshot() -> StreamingResponse:
        control.require()
        return StreamingResponse(control.snapshot(), media_type="application/json")

    @router.post("/restore")
    async def restore(request: Request) -> dict[str, Any]:
        return await control.restore(await request.body(), UNNAMED, "")

    return router
