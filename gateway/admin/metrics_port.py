"""The metrics port: the pages about all workers on a listener of their own, without a token, and nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.shared_pages import METRICS_PORT_PAGES, page_type

Page = Callable[[str], Awaitable[str]]


def metrics_app(page: Page) -> Starlette:
    """`page` makes one by its name."""
    return Starlette(routes=[_route(path, name, page) for path, name in METRICS_PORT_PAGES.items()])


def _route(path: str, name: str, page: Page) -> Route:
    async def answer(_: Request) -> Response:
        return Response(await page(name), headers={"content-type": page_type(name)})

    return Route(path, answer, methods=["GET"])
