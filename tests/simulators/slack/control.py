"""The simulator in a process of its own, and a client that drives it as `Slack` is driven in one process."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.simulators.slack.errors import NotPossible

ROOT = Path(__file__).parents[3]


class RemoteSlack:
    """`await remote.do("slash", "ana", "/incident", "list")`: any method or property of Slack by its name."""

    def __init__(self, address: dict[str, Any], session: aiohttp.ClientSession) -> None:
        self.address = address
        self.api_url: str = address["api_url"]
        self.bot_token: str = address["bot_token"]
        self.app_token: str = address["app_token"]
        self.signing_secret: str = address["signing_secret"]
        self._session = session

    async def do(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method, or read a property; `faults.slow` and `sockets.kill` as well."""
        if "files" in kwargs:
            kwargs["files"] = [(file, base64.b64encode(content).decode()) for file, content in kwargs["files"]]
        return await self._post("do", {"name": name, "args": args, "kwargs": kwargs})

    async def set(self, name: str, value: Any) -> None:
        """Turn a switch, such as `limits.on`."""
        await self._post("set", {"name": name, "value": value})

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        async with self._session.post(f"{self.address['control_url']}{path}", json=body) as answer:
            found = await answer.json()
        if answer.status == 400:
            raise NotPossible(f"{found['error']}: {found['message']}")
        answer.raise_for_status()
        return found["value"]

    async def slash(self, who: str, command: str, text: str = "", **more: Any) -> dict[str, Any]:
        """Type a slash command."""
        found: dict[str, Any] = await self.do("slash", who, command, text, **more)
        return found

    async def transcript(self, channel: str) -> str:
        """A channel as a human reads it."""
        return str(await self.do("transcript", channel))

    async def until_shown(self, channel: str, words: str, *, seconds: float = 60.0) -> str:
        """Wait until a channel shows these words."""
        return str(await self.do("until_shown", channel, words, seconds=seconds))

    async def calls(self) -> list[dict[str, Any]]:
        """Every Web API call so far."""
        return list(await self.do("calls"))

    async def violations(self) -> list[str]:
        """What no correct app does."""
        return list(await self.do("violations"))


@asynccontextmanager
async def connected(address: dict[str, Any]) -> AsyncIterator[RemoteSlack]:
    """A client of a simulator that runs already."""
    async with aiohttp.ClientSession(trust_env=False, timeout=aiohttp.ClientTimeout(total=120)) as session:
        yield RemoteSlack(address, session)


@asynccontextmanager
async def process(*arguments: str, environment: Sequence[tuple[str, str]] = ()) -> AsyncIterator[RemoteSlack]:
    """The simulator in its own process; gone on the way out."""
    command = [sys.executable, "-m", "tests.simulators.slack", "--port", "0", *arguments]
    running = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=os.environ | dict(environment), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert running.stdout
        async with connected(json.loads(await running.stdout.readline())) as remote:
            yield remote
    finally:
        if running.returncode is None:
            running.terminate()
        await running.wait()
