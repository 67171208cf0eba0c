"""The configuration for operators: which one holds in which worker, those before it, what differs, and the way back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field
from starlette.exceptions import HTTPException

from gateway.admin import answers
from gateway.admin.access import ForbiddenError, OwnRole, needs
from gateway.admin.answers import Answer, Moment, Refusal
from gateway.admin.endpoints import endpoints
from gateway.admin.etags import IfMatch, IfNoneMatch, conditional, require
from gateway.admin.requests import ActorQuery, OverrideRequest, ReasonQuery, ReloadRequest, RollbackRequest
from gateway.admin.settings import ROLES, Role
from gateway.config_diff import Difference
from gateway.config_file import masked
from gateway.config_patch import beyond_steering
from gateway.supervisor.config_overrides import drafted
from gateway.supervisor.gateway import Gateway
from gateway.supervisor.history import UNNAMED

_UNDO = ("configuration.undo", "override_id")


class Version(Answer):
    """A configuration that held, from when, by whom and why."""

    number: int
    version: str
    loaded_at: Moment
    cause: str
    actor: str
    reason: str
    rolled_back_to: int | None


class Versions(Answer):
    """Those that are kept, the newest first."""

    versions: list[Version]


class WholeVersion(Version):
    """One with its settings, secrets masked."""

    config: dict[str, Any]


class Override(answers.Order):
    """Keys that an operator has changed for a while."""

    changes: dict[str, Any]


class Overrides(Answer):
    """Those that hold."""

    overrides: list[Override]


class OfWorker(Answer):
    """Which configuration a worker goes by."""

    name: str
    number: int


class Current(WholeVersion):
    """The one that holds, and who goes by it."""

    path: str
    error: Refusal | None
    overrides: list[Override]
    workers: list[OfWorker]
    agreed: bool


class Differences(Answer):
    """What the later one has changed."""

    before: int = Field(alias="from")
    after: int = Field(alias="to")
    changes: list[answers.Difference]


class Check(Answer):
    """What loading the file would change of the one with this number."""

    number: int
    changes: list[answers.Difference]


class Changed(Version):
    """What came of a change."""

    class Before(Answer):
        """The one that held until then."""

        number: int
        version: str

    result: Literal["loaded", "unchanged"]
    before: Before
    changes: list[answers.Difference]


class Agreed(Changed):
    """The same, with what the workers go by now."""

    workers: list[OfWorker]
    agreed: bool


class OverrideMade(Override):
    """An override that holds from now on."""

    configuration: Changed


def configuration_routes(gateway: Gateway) -> APIRouter:
    """What is below /admin/config."""
    router = endpoints("/admin/config", tag="configuration")
    _reading(router, gateway)
    _changing(router, gateway)
    _overrides(router, gateway)
    return router


def _reading(router: APIRouter, gateway: Gateway) -> None:
    configurations = gateway.configurations

    @router.get("", **needs("viewer", 304, answer=Current))
    async def current(response: Response, if_none_match: IfNoneMatch = None) -> dict[str, Any] | Response:
        """The effective settings, secrets masked, and which of them each worker goes by."""
        return conditional(await gateway.config(), response, if_none_match, _state(gateway))

    @router.get("/versions", **needs("viewer", answer=Versions))
    async def versions() -> dict[str, Any]:
        """The configurations that held, as far back as they are kept."""
        return {"versions": [one.described() for one in configurations.versions()]}

    @router.get("/versions/{number}", **needs("viewer", 404, answer=WholeVersion))
    async def version(number: int) -> dict[str, Any]:
        """One of them, secrets masked."""
        found = configurations.version(number)
        return {**found.described(), "config": masked(found.settings)}

    @router.get("/diff", **needs("viewer", 404, answer=Differences))
    async def diff(
        before: Annotated[int, Query(alias="from")], after: Annotated[int | None, Query(alias="to")] = None
    ) -> dict[str, Any]:
        """What differs between two; without `to`, from the one that holds."""
        to = configurations.current.number if after is None else after
        return {"from": before, "to": to, "changes": _told(configurations.differences(before, to))}

    @router.get("/check", **needs("viewer", answer=Check))
    async def check() -> dict[str, Any]:
        """What loading the file would change, or why it would be refused."""
        return {"number": configurations.current.number, "changes": _told(configurations.check())}


def _changing(router: APIRouter, gateway: Gateway) -> None:
    configurations = gateway.configurations

    @router.post("/reload", **needs("admin", 409, 412, 503, answer=Agreed))
    async def reload(body: ReloadRequest, if_match: IfMatch = None) -> dict[str, Any]:
        """Load the file anew."""
        expected = _expected(gateway, body.expected.number, if_match)
        done = await configurations.reload(body.actor, body.reason, expected)
        return await _with_workers(gateway, done)

    @router.post("/rollback", **needs("admin", 404, 409, 412, 503, answer=Agreed))
    async def rollback(body: RollbackRequest, if_match: IfMatch = None) -> dict[str, Any]:
        """Have an earlier configuration hold again."""
        expected = _expected(gateway, body.expected.number, if_match)
        done = await configurations.rollback(body.number, body.actor, body.reason, expected)
        return await _with_workers(gateway, done)


def _overrides(router: APIRouter, gateway: Gateway) -> None:
    configurations = gateway.configurations

    @router.get("/overrides", **needs("viewer", 304, answer=Overrides))
    async def overrides(response: Response, if_none_match: IfNoneMatch = None) -> dict[str, Any] | Response:
        """Keys that operators have changed for a while."""
        told = {"overrides": [one.described() for one in configurations.overrides]}
        return conditional(told, response, if_none_match, _state(gateway))

    @router.post("/overrides", status_code=201, **needs("operator", 409, 412, 503, answer=OverrideMade, leads_to=_UNDO))
    async def override(role: OwnRole, body: OverrideRequest, if_match: IfMatch = None) -> dict[str, Any]:
        """Change keys until that expires: a log level, a limit, a route that is switched off.

        What decides who is believed, who may ask what, and where things are sent, needs role admin.
        """
        _allow(gateway, role, body.changes)
        expected = _expected(gateway, None, if_match)
        made = drafted(body.changes, body.expires_in_seconds, body.actor, body.reason)
        done = await configurations.override(made, expected)
        return {**made.described(), "configuration": done}

    @router.delete("/overrides/{override_id}", **needs("operator", 404, 409, 412, 503, answer=Changed))
    async def undo(
        role: OwnRole, override_id: str, if_match: IfMatch = None, actor: ActorQuery = UNNAMED, reason: ReasonQuery = ""
    ) -> dict[str, Any]:
        """Go back to what holds without it."""
        found = next((one for one in configurations.overrides if one.id == override_id), None)
        if found is None:
            raise HTTPException(404, f"no override {override_id!r} holds")
        _allow(gateway, role, found.changes)
        return await configurations.undo(found, actor, reason, _expected(gateway, None, if_match))


def _allow(gateway: Gateway, role: Role, changes: dict[str, Any]) -> None:
    """Raises ForbiddenError where an operator would change more than what steers, or undo that."""
    if role == ROLES[-1]:
        return
    if beyond := beyond_steering(gateway.configurations.current.settings, changes):
        raise ForbiddenError(f"to change {', '.join(beyond)} needs role {ROLES[-1]}; this token has {role}")


def _state(gateway: Gateway) -> str:
    """Of one configuration of one run."""
    return f"{gateway.uid}.{gateway.configurations.current.number}"


def _expected(gateway: Gateway, number: int | None, if_match: str | None) -> int | None:
    """The number that a change was decided on, where the caller says so in the body or by `If-Match`."""
    if if_match is None or if_match.strip() == "*":
        return number
    require(if_match, _state(gateway))
    return gateway.configurations.current.number if number is None else number


async def _with_workers(gateway: Gateway, done: dict[str, Any]) -> dict[str, Any]:
    found = await gateway.config()
    return {**done, "workers": found["workers"], "agreed": found["agreed"]}


def _told(changes: list[Difference]) -> list[dict[str, Any]]:
    return [one.described() for one in changes]
