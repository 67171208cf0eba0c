"""A gateway with a cache, before an upstream that answers as a test has it, by a clock that a test turns."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from tests.gateway.origin import Asked, Clock, Origin, origin
from tests.gateway.running import settings_for
from tests.gateway.stage import Answer, Caller, Stage, staged


class Scene(NamedTuple):
    """The gateway, what stands behind it, and the time of both."""

    origin: Origin
    stage: Stage
    clock: Clock

    async def get(self, target: str = "/", **headers: str) -> Answer:
        """By a client of its own."""
        async with self.stage.caller() as caller:
            return await caller.get(target, **headers)

    async def ask(self, method: str, target: str = "/", body: str = "", **headers: str) -> Answer:
        async with self.stage.caller() as caller:
            send(caller, method, target, body, **headers)
            return await caller.answer(to_head=method == "HEAD")

    async def twice(self, target: str = "/", **headers: str) -> int:
        """How often the upstream was asked for what two clients wanted, one after the other."""
        before = len(self.origin.asked)
        for _ in range(2):
            await self.get(target, **headers)
        return len(self.origin.asked) - before


def send(caller: Caller, method: str, target: str, body: str = "", **headers: str) -> None:
    """A request without its answer; `_` in a field's name stands for `-`."""
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    length = f"content-length: {len(body)}\r\n" if body else ""
    caller.send(f"{method} {target} HTTP/1.1\r\nHost: h\r\n{length}{fields}\r\n{body}")


@contextlib.asynccontextmanager
async def scene(route: dict[str, Any] | None = None, **cache: Any) -> AsyncIterator[Scene]:
    """With these keys of the cache, for all routes and for the first one."""
    clock = Clock()
    async with origin() as upstream:
        document = settings_for(upstream.url, cache={"enabled": True, **cache})
        document["routes"][0]["cache"] = route
        async with staged(document, clock=clock) as stage:
            yield Scene(upstream, stage, clock)


def status(answer: Answer) -> str:
    """What the gateway's cache says of it in `Cache-Status`."""
    return answer.headers["cache-status"].removeprefix("tocsin-gateway; ")


def hold(upstream: Origin, answer: bytes) -> Any:
    """Have it answer when the event that is returned is set."""
    release = asyncio.Event()

    async def held(_: Asked) -> bytes:
        await release.wait()
        return answer

    upstream.answer = held
    return release
