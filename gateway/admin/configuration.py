"""The configuration for operators: which one holds in which worker, those before it, what differs, and the way back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from starlette.exceptions import HTTPException

from gateway.admin.requests import ActorQuery, OverrideRequest, ReasonQuery, ReloadRequest, RollbackRequest
from gateway.config_diff import Difference
from gateway.config_file import masked
from gateway.supervisor.config_overrides import drafted
from gateway.supervisor.configurations import Configurations
from gateway.supervisor.gateway import Gateway
from gateway.supervisor.history import UNNAMED

IfMatch = Annotated[str | None, Header()]


def configuration_routes(gateway: Gateway) -> APIRouter:
    """What is below /admin/config."""
    router = APIRouter(prefix="/config")
    configurations = gateway.configurations

    @router.get("")
    async def current(response: Response) -> dict[str, Any]:
        found = await gateway.config()
        response.headers["etag"] = _etag(gateway, found["number"])
        return found

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
    async def reload(body: ReloadRequest, if_match: IfMatch = None) -> dict[str, Any]:
        expected = _expected(gateway, body, if_match)
        done = await configurations.reload(body.actor, body.reason, expected)
        return await _with_workers(gateway, done)

    @router.post("/rollback")
    async def rollback(body: RollbackRequest, if_match: IfMatch = None) -> dict[str, Any]:
        expected = _expected(gateway, body, if_match)
        done = await configurations.rollback(body.number, body.actor, body.reason, expected)
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


def _etag(gateway: Gateway, number: int) -> str:
    """Of one configuration of one run."""
    return f'"{gateway.uid}.{number}"'


def _expected(gateway: Gateway, body: ReloadRequest, if_match: str | None) -> int | None:
    """The number that a change was decided on, where the caller says so in the body or by `If-Match`."""
    if if_match is None or if_match == "*":
        return body.expected.number
    now = gateway.configurations.current.number
    if if_match != _etag(gateway, now):
        raise HTTPException(412, f"another configuration holds: {_etag(gateway, now)}")
    return now


async def _with_workers(gateway: Gateway, done: dict[str, Any]) -> dict[str, Any]:
    found = await gateway.config()
    return {**done, "workers": found["workers"], "agreed": found["agreed"]}


def _told(changes: list[Difference]) -> list[dict[str, Any]]:
    return [one.described() for one in changes]
