"""The way to a real admin API, with faults on demand: what does not pass was lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.simulators.gateway.server import GatewaySimulator

_METHODS = ["GET", "POST", "DELETE"]


class GatewayWay(GatewaySimulator):
    """Listens where the simulator would, and asks the real one. `seen` is what came."""

    def __init__(self, admin_url: str, token: str) -> None:
        super().__init__()
        self._real = httpx.AsyncClient(
            base_url=admin_url, headers={"authorization": f"Bearer {token}"}, timeout=10, trust_env=False
        )
        self._app = Starlette(routes=[Route("/{path:path}", self._passed, methods=_METHODS)])

    async def _passed(self, request: Request) -> Response:
        answer = await self._real.request(
            request.method,
            request.url.path,
            params=dict(request.query_params),
            content=await request.body(),
            headers={"content-type": "application/json"},
        )
        return Response(answer.content, answer.status_code, media_type="application/json")

    def sent(self) -> list[str]:
        """The changes that came, without what only reads."""
        return [one for one in self.seen if not one.startswith("GET ")]


@contextmanager
def way_to(admin_url: str, token: str) -> Iterator[GatewayWay]:
    """One that listens; gone on the way out."""
    way = GatewayWay(admin_url, token)
    way.start()
    try:
        yield way
    finally:
        way.stop()
