"""The admin API: JSON over HTTP for operators and the bot, described by OpenAPI."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

from gateway import __version__
from gateway.admin.access import needs
from gateway.admin.auth import BearerToken, BodyLimit
from gateway.admin.blocks import block_routes
from gateway.admin.caches import RESTORE, cache_routes
from gateway.admin.circuits import circuit_routes
from gateway.admin.configuration import configuration_routes
from gateway.admin.credentials import credential_routes
from gateway.admin.endpoints import endpoints
from gateway.admin.errors import explain_errors
from gateway.admin.faults import fault_routes
from gateway.admin.keeping import KeptFirst
from gateway.admin.maintenance import maintenance_routes
from gateway.admin.state import fleet_routes, state_routes
from gateway.admin.telemetry import telemetry_routes
from gateway.admin.top import top_routes
from gateway.admin.upstreams import upstream_routes
from gateway.supervisor.gateway import Gateway

_OF_THE_GATEWAY = (
    state_routes, telemetry_routes, fleet_routes, fault_routes, configuration_routes, maintenance_routes, block_routes,
)  # fmt: skip


def admin_app(gateway: Gateway) -> ASGIApp:
    """The whole API, behind the tokens of the settings."""
    longer = {RESTORE: 2 * gateway.cache_control.max_snapshot_bytes}
    app = KeptFirst(described_app(gateway), gateway.kept_orders.settle)
    return BearerToken(BodyLimit(app, longer), lambda: gateway.settings.admin, gateway.refusals)


def described_app(gateway: Gateway) -> FastAPI:
    """The endpoints, each with the role that it needs, and their description."""
    app = FastAPI(
        title="Tocsin gateway admin API", version=__version__, docs_url=None, redoc_url=None, openapi_url=None,
        redirect_slashes=False,
    )  # fmt: skip
    for router in (
        *(routes(gateway) for routes in _OF_THE_GATEWAY),
        credential_routes(gateway.credentials),
        cache_routes(gateway.cache_control, gateway.cache_figures, gateway.fleet.collect),
        circuit_routes(gateway.circuit_overrides),
        top_routes(gateway.ledger, gateway.fleet.collect),
        upstream_routes(gateway.targets, gateway.fleet.collect),
        _description(app),
    ):
        app.router.routes.extend(router.routes)
    explain_errors(app, gateway.refusals)
    return app


def _description(app: FastAPI) -> APIRouter:
    router = endpoints(tag="gateway")

    @router.get("/admin/openapi.json", **needs("viewer"))
    async def openapi() -> dict[str, Any]:
        """This description."""
        return app.openapi()

    return router
