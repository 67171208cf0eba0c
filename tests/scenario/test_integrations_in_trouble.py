"""Every integration at once is off, dead, slow, or answers nonsense: the incident's life goes on, and it shows."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from bot.errands import Errands
from bot.outside import outside
from commands.domain.incident import Status
from tests.scenario.stage import Stage, Still
from tests.world import settings_for, world

ALL = [
    "status page main",
    "PagerDuty",
    "stakeholder board",
    "stakeholder hub",
    "stakeholder support",
    "Jira",
    "ServiceNow",
    "Confluence",
]


class Trouble:
    """What all of them meet: a port where nobody listens, a server that never answers, or one that talks nonsense."""

    def __init__(self, how: str, tls: ssl.SSLContext) -> None:
        self._how = how
        self._tls = tls
        self._met: list[tuple[asyncio.StreamWriter, asyncio.Task[Any] | None]] = []
        self.web = self.mail = 0

    @contextlib.asynccontextmanager
    async def met(self) -> AsyncIterator[None]:
        """The ports are taken; where it is dead, they are free again at once."""
        web = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=self._tls)
        mail = await asyncio.start_server(self._greet, "127.0.0.1", 0)
        self.web, self.mail = (one.sockets[0].getsockname()[1] for one in (web, mail))
        if self._how == "dead":
            web.close()
            mail.close()
        yield
        web.close()
        mail.close()
        for writer, _ in self._met:
            writer.transport.abort()
        await asyncio.gather(*(task for _, task in self._met if task), return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._met.append((writer, asyncio.current_task()))
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if self._how == "slow":
                    await reader.read()
                    return
                await reader.readexactly(_length(head))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>")

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._met.append((writer, asyncio.current_task()))
        if self._how == "nonsense":
            writer.write(b"<html>\r\n")
        with contextlib.suppress(OSError):
            await reader.read()


def _length(head: bytes) -> int:
    sizes = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(sizes[0].partition(b":")[2]) if sizes else 0


def sections(trouble: Trouble) -> dict[str, Any]:
    """The settings, with everything that there is."""
    url = f"https://127.0.0.1:{trouble.web}"
    page = {"name": "main", "page_id": "aaa", "api_key": "key-of-the-page", "url": url}
    return {
        "status_page": {"pages": [page]},
        "paging": {"pagerduty": {"routing_keys": {"gateway": "key-gateway"}, "events_url": url, "api_url": url}},
        "stakeholders": {
            "board": {"kind": "mail", "to": ["board@example.com"], "severities": ["sev1"]},
            "hub": {"kind": "webhook", "url": url, "secret": "a-secret-of-the-hub"},
            "support": {"kind": "teams", "url": url, "severities": ["sev1"]},
        },
        "mail": {
            "host": "127.0.0.1",
            "port": trouble.mail,
            "security": "none",
            "sender": "Tocsin <tocsin@example.com>",
        },
        "tickets": {
            "jira": {"enabled": True, "url": url, "project": "OPS", "user": "bot@example.com", "token": "token"},
            "servicenow": {"enabled": True, "url": url, "user": "bot", "password": "password", "severities": ["sev1"]},
        },
        "confluence": {"url": url, "space": "OPS", "token": "token"},
    }


@contextlib.asynccontextmanager
async def surrounded(url: str, **sections: Any) -> AsyncIterator[tuple[Stage, Errands]]:
    """The bot, with the adapters that its settings choose for other systems."""
    settings = settings_for(url, **sections)
    async with outside(settings) as found:
        others = {"pages": found.pages, "pager": found.pager, "told": found.world}
        async with world(settings, clock=Still(), **others) as running:
            app = running.app
            yield Stage(running), Errands(app.store, app.services, app.runners, every=2)


async def lives(stage: Stage) -> Status:
    """An incident from its declaration to its published postmortem; how it ends."""
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident role claim ic", "/page gateway the database is full")
    await stage.quietly(
        "ben", incident.channel, "/incident role claim comms", "/status post identified Some logins fail."
    )
    await stage.presses("ben", incident.channel, "Publish")
    await stage.quietly("ana", incident.channel, "/incident note the disk is full", "/incident resolve more room")
    await stage.drafted(incident)
    await stage.quietly("ana", incident.channel, "/postmortem publish")
    return (await stage.world.incident(incident.id)).status


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):  # where the clients look for whom they trust
        monkeypatch.setenv(name, str(tmp_path / "ca.pem"))
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    return serving


@pytest.mark.parametrize("how", ["dead", "slow", "nonsense"])
async def test_the_life_of_an_incident_goes_on(sqlite_url: str, tls: ssl.SSLContext, how: str) -> None:
    trouble = Trouble(how, tls)
    async with trouble.met(), surrounded(sqlite_url, **sections(trouble)) as (stage, errands):
        telling = asyncio.create_task(errands.run())

        async def tried() -> bool:
            """Each was asked: it waits for its answer, or says what is wrong."""
            open_ones = await stage.world.app.store.look(lambda tx: tx.errands.open())
            first = {one.to: one for one in reversed(open_ones)}
            said = [one.tries for one in first.values()] if how == "slow" else [one.words for one in first.values()]
            return all(said)

        assert await lives(stage) is Status.CLOSED
        await stage.world.until(tried)
        shown = await stage.asks("ana", "general", "/tocsin integrations")
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
    for one in ALL:
        line = next(line for line in shown.splitlines() if line.startswith(f"  {one}: "))
        taken = how == "nonsense" and one == "stakeholder hub"  # a webhook's yes is a status of 200, whatever it says
        assert ("up to date" if taken else "behind since 12:00 UTC") in line, line


async def test_without_any_of_them_nothing_is_owed(sqlite_url: str) -> None:
    async with surrounded(sqlite_url) as (stage, _):
        assert await lives(stage) is Status.CLOSED
        assert "up to date" in await stage.asks("ana", "general", "/tocsin integrations")
