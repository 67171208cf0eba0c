"""Keys from a URL, as they come over the wire: what a key server may answer, and what is made of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest

from gateway.auth.jwks import KeySource
from gateway.auth.keys import Keys
from gateway.auth.settings import AuthSettings
from tests.gateway.signing import ec_key, jwk

GOOD = json.dumps({"keys": [jwk(ec_key(), "one")]})
OK = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@contextlib.asynccontextmanager
async def answering(raw: str | None) -> AsyncIterator[str]:
    """The URL of a server that says `raw` and closes; without it, it says nothing and waits."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            if raw is None:
                await over.wait()
            else:
                writer.write(raw.encode())
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
    finally:
        over.set()
        server.close()


async def asked(raw: str | None, **section: float) -> tuple[bool, Keys, str]:
    """Whether keys came of it, the keys, and what was told."""
    told: list[str] = []
    async with answering(raw) as url:
        settings = AuthSettings.model_validate({"jwt_algorithm": "ES256", "jwks_url": url, **section})
        keys = Keys(settings)
        source = KeySource(settings, keys, clock=lambda: 0.0, tell=lambda _, text: told.append(text))
        return await source.refreshed(), keys, told[0].replace(url, "URL")


async def test_keys_come_over_the_wire() -> None:
    good, keys, told = await asked(f"{OK}content-length: {len(GOOD)}\r\n\r\n{GOOD}")
    assert (good, keys.find("one") is not None, told) == (True, True, "1 keys from URL")


LONG = "x" * 1_200_000
ANSWERS = {
    "an error": "HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n",
    "another place": "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
    "no JSON": f"{OK}content-length: 6\r\n\r\n<html>",
    "no keys": f"{OK}content-length: 2\r\n\r\n[]",
    "too much": f"{OK}content-length: {len(LONG)}\r\n\r\n{LONG}",
    "too deep": f"{OK}content-length: 100000\r\n\r\n{'[' * 100_000}",
    "half of it": f"{OK}content-length: 100000\r\n\r\n{GOOD}",
    "nothing": "",
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_nonsense_gives_no_keys(name: str) -> None:
    good, keys, told = await asked(ANSWERS[name])
    assert (good, keys.empty) == (False, True)
    assert told.startswith("no keys from URL")


async def test_a_silent_server_is_not_waited_for() -> None:
    good, keys, _ = await asked(None, jwks_timeout_secs=0.05)
    assert (good, keys.empty) == (False, True)
