"""The metrics port: the pages about all workers, and probes of the whole, on a listener without a token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.shared_pages import METRICS_PORT_PAGES, page_type

Page = Callable[[str], Awaitable[str]]
#: (whether the gateway as a whole is ready, what is to be said of it)
Ready = Callable[[], Awaitable[tuple[bool, dict[str, Any]]]]


def metrics_app(page: Page, ready: Ready) -> Starlette:
    """`page` makes one by its name."""

    async def readiness(_: Request) -> Response:
        is_ready, told = await ready()
        return JSONResponse(told, 200 if is_ready else 503)

    async def liveness(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    probes = [
        *(Route(path, readiness, methods=["GET"]) for path in ("/health/ready", "/ready")),
        Route("/health/live", liveness, methods=["GET"]),
    ]
    return Starlette(routes=[*probes, *(_route(path, name, page) for path, name in METRICS_PORT_PAGES.items())])


def _route(path: str, name: str, page: Page) -> Route:
    async def answer(_: Request) -> Response:
        return Response(await page(name), headers={"content-type": page_type(name)})

    return Route(path, answer, methods=["GET"])
