"""The admin API's side of the cache, at the paths of runbook 003. Who sends no name is told as the admin API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import ConfigDict, Field, model_validator

from gateway.admin.access import needs
from gateway.admin.answers import Answer, Moment
from gateway.admin.endpoints import endpoints
from gateway.admin.requests import Actor, ActorQuery, Body, Reason, ReasonQuery
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


_NAMES = ("url", "prefix", "tag", "all")
_ONE_OF_THEM = [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in _NAMES]


class Purge(CacheChange):
    """POST /cache/purge: one of a URL, a prefix of URLs, a tag, or all."""

    model_config = ConfigDict(json_schema_extra={"oneOf": list[Any](_ONE_OF_THEM)})

    url: _URL | None = None
    prefix: _URL | None = None
    tag: _NAMED | None = None
    all: Literal[True] | None = None
    soft: bool = False

    @model_validator(mode="after")
    def _one_of_them(self) -> Purge:
        if sum(getattr(self, name) is not None for name in _NAMES) != 1:
            raise ValueError("exactly one of url, prefix, tag and all is needed")
        return self


class Warm(CacheChange):
    """POST /cache/warm: targets (path and query) of a host, as upstreams are told of them."""

    scheme: Literal["http", "https"] = "http"
    host: _HOST
    targets: Annotated[list[_TARGET], Field(min_length=1, max_length=50)]


class CacheStats(Answer):
    """Figures of the last minute, or of all time where nobody has asked in it: runbook 003's."""

    hit_ratio: float | None
    size: int
    memory_usage: float
    eviction_count: int
    recent_evictions: int
    default_ttl: float
    average_age: float
    eviction_policy: str
    max_memory: float
    requests: dict[str, int]


class Invalidations(Answer):
    """Entries that were dropped because they were no longer right."""

    invalidation_rate: float
    invalidation_count: int
    recent_invalidations: int
    by_cause: dict[str, int]


class DoneByWorkers(Answer):
    """How many workers have said that it is done."""

    workers: int


class Purged(DoneByWorkers):
    """With how many entries, over all of them."""

    purged: int = 0


class Optimized(DoneByWorkers):
    """With what was of no use any more."""

    removed: int = 0
    freed_bytes: int = 0


class Warmed(DoneByWorkers):
    """With how many fetches were begun."""

    begun: int = 0


class Restored(DoneByWorkers):
    """With how many entries the snapshot has, and each worker took at least."""

    entries: int
    restored: int


class Snapshot(Answer):
    """All entries of all workers; `complete` is false where a bound or a worker has kept some out."""

    version: int
    created_at: Moment
    entries: list[dict[str, Any]]
    complete: bool


_TAKEN = {"application/json": {"schema": Snapshot.model_json_schema()}}


def cache_routes(control: CacheControl, figures: CacheFigures, collect: Callable[[], Awaitable[None]]) -> APIRouter:
    """What is below /cache. `collect` has the workers report what they have counted."""
    router = endpoints("/cache", tag="cache")

    @router.get("/stats", **needs("viewer", answer=CacheStats))
    async def stats() -> dict[str, Any]:
        """Figures of the cache."""
        await collect()
        return figures.stats()

    @router.get("/invalidation-stats", **needs("viewer", answer=Invalidations))
    async def invalidation() -> dict[str, Any]:
        """How much was dropped because it was no longer right."""
        await collect()
        return figures.invalidation()

    _changing(router, control)
    _moving(router, control)
    return router


def _changing(router: APIRouter, control: CacheControl) -> None:
    @router.post("/purge", **needs("operator", 409, 503, answer=Purged))
    async def purge(body: Purge) -> dict[str, Any]:
        """Have no worker answer with what is named."""
        for by in ("url", "prefix", "tag"):
            if (value := getattr(body, by)) is not None:
                return await control.purge(by, value, soft=body.soft, actor=body.actor, reason=body.reason)
        return await control.purge("all", "", soft=body.soft, actor=body.actor, reason=body.reason)

    @router.post("/optimize", **needs("operator", 409, 503, answer=Optimized))
    async def optimize(body: CacheChange | None = None) -> dict[str, Any]:
        """Drop what can be of no use any more."""
        change = body or CacheChange()
        return await control.optimize(change.actor, change.reason)

    @router.post("/warm", status_code=202, **needs("operator", 409, 503, answer=Warmed))
    async def warm(body: Warm) -> dict[str, Any]:
        """Have targets of a host fetched."""
        return await control.warm(body.scheme, body.host, body.targets, body.actor, body.reason)


def _moving(router: APIRouter, control: CacheControl) -> None:
    @router.post("/snapshot", **needs("admin", 409, 503, answer=Snapshot))
    async def snapshot(body: CacheChange | None = None) -> StreamingResponse:
        """All entries of all workers, which are what clients were answered."""
        change = body or CacheChange()
        control.note_snapshot(change.actor, change.reason)
        return StreamingResponse(control.snapshot(), media_type="application/json")

    restoring = needs("admin", 409, 503, answer=Restored)
    restoring["openapi_extra"] = {**restoring["openapi_extra"], "requestBody": {"required": True, "content": _TAKEN}}

    @router.post("/restore", **restoring)
    async def restore(request: Request, actor: ActorQuery = UNNAMED, reason: ReasonQuery = "") -> dict[str, Any]:
        """Have all workers take over a snapshot."""
        return await control.restore(await request.body(), actor, reason)
