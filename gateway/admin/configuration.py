"""The configuration for operators: which one holds in which worker, those before it, what differs, and the way back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.exceptions import HTTPException

from gateway.admin.requests import ActorQuery, OverrideRequest, ReasonQuery, ReloadRequest, RollbackRequest
from gateway.config_diff import Difference
from gateway.config_file import masked
from gateway.supervisor.config_overrides import drafted
from gateway.supervisor.configurations import Configurations
from gateway.supervisor.gateway import Gateway
from gateway.supervisor.history import UNNAMED


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

    _overrides(router, configurations)
    return router


def _overrides(router: APIRouter, configurations: Configurations) -> None:
    @router.get("/overrides")
    async def overrides() -> dict[str, Any]:
        return {"overrides": [one.described() for one in configurations.overrides]}

    @router.post("/overrides", status_code=201)
    async def override(body: OverrideRequest) -> dict[str, Any]:
        made = drafted(body.changes, body.expires_in_seconds, body.actor, body.reason)
        done = await configurations.override(made)
        return {**made.described(), "configuration": done}

    @router.delete("/overrides/{override_id}")
    async def undo(override_id: str, actor: ActorQuery = UNNAMED, reason: ReasonQuery = "") -> dict[str, Any]:
        found = next((one for one in configurations.overrides if one.id == override_id), None)
        if found is None:
            raise HTTPException(404, f"no override {override_id!r} holds")
        return await configurations.undo(found, actor, reason)


async def _with_workers(gateway: Gateway, done: dict[str, Any]) -> dict[str, Any]:
    found = await gateway.config()
    return {**done, "workers": found["workers"], "agreed": found["agreed"]}


def _told(changes: list[Difference]) -> list[dict[str, Any]]:
    return [one.described() for one in changes]
