"""The console with its fakes: in the process over ASGI, or on a port of its own for streams and browsers."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import httpx
from fastapi import FastAPI

from bot.platforms.console.app import build
from bot.platforms.console.hub import Hub
from bot.platforms.console.server import ConsoleServer
from bot.platforms.console.settings import ConsoleSettings
from commands.people import Directory
from commands.registry import Registry
from tests.console.fakes import PEOPLE, FakeIntake, FakeRecord

SECRET = b"a secret of the tests"
BASE = "http://127.0.0.1:8700"


def build_console(
    *,
    record: FakeRecord,
    intake: FakeIntake,
    hub: Hub,
    settings: ConsoleSettings,
    registry: Registry,
    people: Directory = PEOPLE,
) -> FastAPI:
    """The real application on fakes."""
    return build(
        intake=intake, record=record, papers=record,
        commands=lambda person: registry.visible(person, None), directory=people,
        settings=settings, hub=hub, secret=SECRET, version="0.0",
    )  # fmt: skip


@dataclass
class Stage:
    """A console and the fakes behind it."""

    record: FakeRecord = field(default_factory=FakeRecord)
    intake: FakeIntake = field(default_factory=FakeIntake)
    hub: Hub = field(default_factory=lambda: Hub(every=0.05))
    settings: ConsoleSettings = field(default_factory=ConsoleSettings)
    registry: Registry = field(default_factory=Registry)
    people: Directory = PEOPLE

    def app(self) -> FastAPI:
        """The application."""
        return build_console(
            record=self.record, intake=self.intake, hub=self.hub, settings=self.settings,
            registry=self.registry, people=self.people,
        )  # fmt: skip

    @asynccontextmanager
    async def browser(self, base: str = BASE) -> AsyncIterator[httpx.AsyncClient]:
        """A client with cookies that has opened nothing yet."""
        transport = httpx.ASGITransport(self.app(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:
            yield client

    @asynccontextmanager
    async def visitor(self, person: str = "") -> AsyncIterator[httpx.AsyncClient]:
        """A client that has opened the page, and sends its token along."""
        async with self.browser() as client:
            await visit(client, person)
            yield client

    @contextmanager
    def served(self, port: int = 0) -> Iterator[str]:
        """The console on a port (0: a free one), in a thread; its address. It ends with its hub."""
        settings = self.settings.model_copy(update={"port": port})
        self.hub = Hub(every=0.05)
        server = ConsoleServer(self.app(), settings, self.hub)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{_port(server, thread)}"
        finally:
            server.should_exit = True
            thread.join(timeout=10)
            assert not thread.is_alive(), "the server did not stop"


def _port(server: ConsoleServer, thread: threading.Thread) -> int:
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        thread.join(0.01)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


async def visit(client: httpx.AsyncClient, person: str = "") -> str:
    """Open the first page, as somebody; the token is sent along from then on. The page's HTML."""
    page = await client.get("/", follow_redirects=True)
    if person:
        form = {"person": person, "csrf": csrf_in(page.text), "next": page.url.path}
        page = await client.post("/whoami", data=form, follow_redirects=True)
    client.headers["X-CSRF-Token"] = csrf_in(page.text)
    return page.text


def csrf_in(html: str) -> str:
    """The token that a page carries."""
    found = re.search(r'name="csrf(?:-token)?" (?:content|value)="([^"]+)"', html)
    assert found, html[:2000]
    return found[1]
