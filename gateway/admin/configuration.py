"""The configuration for operators: which one holds in which worker, those before it, what differs, and the way back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from gateway.admin.requests import ReloadRequest, RollbackRequest
from gateway.config_diff import Difference
from gateway.config_file import masked
from gateway.supervisor.gateway import Gateway


def configuration_routes(gateway: Gateway) -> APIRouter:
    """What is below /admin/config."""
    router = APIRouter(prefix="/config")
    configurations = gateway.configurations

    @router.get("")
    async def current() -> dict[str, Any]:
        return await gateway.config()

    @router.get("/versions")
    async def versions() -> dict[str, Any]:
        return {"versions": [one.described() for one in configurations.versions()]}

    @router.get("/versions/{number}")
    async def version(number: int) -> dict[str, Any]:
        found = configurations.version(number)
        return {**found.described(), "config": masked(found.settings)}

    @router.get("/diff")
    async def diff(
        before: Annotated[int, Query(alias="from")], after: Annotated[int | None, Query(alias="to")] = None
    ) -> dict[str, Any]:
        to = configurations.current.number if after is None else after
        return {"from": before, "to": to, "changes": _told(configurations.differences(before, to))}

    @router.get("/check")
    async def check() -> dict[str, Any]:
        return {"number": configurations.current.number, "changes": _told(configurations.check())}

    @router.post("/reload")
    async def reload(body: ReloadRequest) -> dict[str, Any]:
        done = await configurations.reload(body.actor, body.reason, body.expected.number)
        return await _with_workers(gateway, done)

    @router.post("/rollback")
    async def rollback(body: RollbackRequest) -> dict[str, Any]:
        done = await configurations.rollback(body.number, body.actor, body.reason, body.expected.number)
        return await _with_workers(gateway, done)

    return router


async def _with_workers(gateway: Gateway, done: dict[str, Any]) -> dict[str, Any]:
    found = await gateway.config()
    return {**done, "workers": found["workers"], "agreed": found["agreed"]}


def _told(changes: list[Difference]) -> list[dict[str, Any]]:
    return [one.described() for one in changes]
