"""Where the console listens, and what it says of that."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from bot.platforms.console.server import ConsoleServer
from bot.platforms.console.settings import netloc
from tests.console.serving import Stage


async def test_the_port_that_was_taken_is_said(stage: Stage) -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    settings = stage.settings.model_copy(update={"port": 0})
    server = ConsoleServer(stage.app(), settings, stage.hub, started=said.put_nowait)
    serving = asyncio.create_task(server.serve())
    address = await said.get()
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"{address}/healthz")).status_code == 200
    server.should_exit = True
    await serving


@pytest.mark.parametrize(
    ("host", "told"), [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80"), ("a.example", "a.example:80")]
)
def test_an_address_of_ipv6_is_in_brackets(host: str, told: str) -> None:
    assert netloc(host, 80) == told
