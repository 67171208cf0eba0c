"""A whole worker in the test's own process and loop: the test is its supervisor, over the real control channel."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

from gateway.control import ControlChannel, Message
from gateway.settings import ProxySettings, Settings
from gateway.worker import Worker
from tests.gateway.stage import Caller, calling

NOTHING_REVOKED: dict[str, Any] = {"tokens": {}, "clients": {}, "resets": []}


def for_worker(document: dict[str, Any], number: int, revocations: dict[str, Any] | None = None) -> Message:
    """What a supervisor tells a worker of a configuration."""
    quiet = {**document, "logging": {"output": "none", **document.get("logging", {})}}
    settings = ProxySettings.of(Settings.model_validate(quiet)).for_worker()
    told = revocations or NOTHING_REVOKED
    return {"settings": settings, "number": number, "version": f"v{number}", "workers": 1, "revocations": told}


class OneWorker:
    """The worker, its clients, and what it says to its supervisor."""

    def __init__(self, channel: socket.socket, port: int) -> None:
        self.said: list[Message] = []
        self._said = asyncio.Event()
        self._channel = ControlChannel(channel, self._heard, lambda: None)
        self._port = port
        self._number = 1

    def _heard(self, message: Message, _sockets: list[socket.socket]) -> None:
        self.said.append(message)
        self._said.set()

    async def _word(self, kind: str, number: int | None = None) -> Message:
        while True:
            for message in self.said:
                if message["type"] == kind and (number is None or message["id"] == number):
                    return message
            self._said.clear()
            await self._said.wait()

    def tell(self, kind: str, **message: Any) -> None:
        self._channel.send({"type": kind, **message})

    async def ask(self, kind: str, **message: Any) -> Any:
        """What it answers."""
        self._number += 1
        number = self._number
        self.tell(kind, id=number, **message)
        return (await self._word("answer", number))["answer"]

    async def report(self) -> Message:
        self._number += 1
        number = self._number
        self.tell("report", id=number)
        return await self._word("report", number)

    async def uses(self) -> list[int]:
        """How many connections to `backend` were made, and how often one was used again, since the start."""
        await self.report()
        found = [one["connection_uses"].get("backend", [0, 0]) for one in self.said if one["type"] == "report"]
        return [sum(counts) for counts in zip(*found, strict=True)][:2]

    async def requests(self) -> int:
        """How many requests were counted since the start."""
        await self.report()
        reports = [one["counted"]["requests"] for one in self.said if one["type"] == "report"]
        return sum(count for requests in reports for *_, count in requests)

    async def start(self, document: dict[str, Any], sock: socket.socket) -> None:
        self.tell("start", name="gateway-1", **for_worker(document, 1))
        self._channel.send({"type": "listen", "add": [["main", 1]], "drop": []}, [sock])
        await self._word("listening")

    async def listen(self, place: str, sock: socket.socket) -> None:
        """Have it accept there, too."""
        self._channel.send({"type": "listen", "add": [[place, 1]], "drop": []}, [sock])
        while not any([place, 1] in one["places"] for one in self.said if one["type"] == "listening"):
            self._said.clear()
            await self._said.wait()

    async def reload(self, document: dict[str, Any], number: int = 2) -> None:
        """Have it go by another configuration."""
        prepared = await self.ask("prepare", **for_worker(document, number))
        assert prepared == {"number": number, "error": None}
        assert await self.ask("commit", number=number) == {"number": number}

    def caller(self) -> contextlib.AbstractAsyncContextManager[Caller]:
        return calling(self._port)

    def close(self) -> None:
        self._channel.close()


@contextlib.asynccontextmanager
async def one_worker(document: dict[str, Any]) -> AsyncIterator[OneWorker]:
    """A worker that serves `document`, as `settings_for` makes it. Its log goes nowhere."""
    theirs, ours = socket.socketpair()
    worker = Worker(theirs)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        supervisor = OneWorker(ours, sock.getsockname()[1])
        try:
            async with asyncio.timeout(30):
                await supervisor.start(document, sock)
                yield supervisor
        finally:
            supervisor.tell("drain", timeout=0)
            async with asyncio.timeout(60):
                await worker.finished.wait()
                await worker.stop()
            supervisor.close()
