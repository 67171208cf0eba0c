"""Browsers on the console of the stage's bot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tests.console.serving import BASE, visit
from tests.scenario.stage import Stage


@asynccontextmanager
async def browser(stage: Stage, person: str) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody's browser on the console of the running bot."""
    transport = httpx.ASGITransport(stage.world.app.console)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        await visit(client, person)
        yield client
