"""One stakeholder of each kind: a mail server, Teams and a webhook that answer, and a channel."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from bot.errands import Errands
from bot.world.connecting import the_world
from tests.scenario.stage import Stage, Still
from tests.simulators.teams_webhook import TeamsWebhookSimulator
from tests.simulators.wire import Answer, Asked, Wire
from tests.world import settings_for, world

SECRET = "a-secret-of-the-hub"


class Inbox:
    """A real mail server, in the loop of the test."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.says = "250 OK"
        self.refuses: set[str] = set()

    async def handle_RCPT(  # noqa: N802 - as aiosmtpd calls it
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refuses:
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.says.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return self.says


@dataclass
class Told:
    """The stage, and what was told where."""

    stage: Stage
    inbox: Inbox
    teams: TeamsWebhookSimulator
    wires: dict[str, Wire]
    errands: Errands
    hooks: list[Asked] = field(default_factory=list)

    async def sends(self, **later: float) -> str:
        """Time passes, and what is owed is told; what people here read of it."""
        self.stage.later(**later)
        await self.errands.once()
        said = await self.stage.news()
        return "\n".join(sorted(re.split(r"\n(?=\[#)", said)))  # whoever answers first is told of first

    async def integrations(self) -> str:
        return await self.stage.asks("ana", "general", "/tocsin integrations")


def _genuine(asked: Asked) -> bool:
    stamp, signed = asked.headers["Tocsin-Timestamp"], asked.headers["Tocsin-Signature"]
    mine = hmac.new(SECRET.encode(), f"{stamp}.".encode() + asked.body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(signed, f"v1={mine}")


@contextlib.contextmanager
def listening() -> Iterator[dict[str, Any]]:
    """Teams and a webhook, on the wire."""
    teams, hooks = TeamsWebhookSimulator(), list[Asked]()

    def hook(asked: Asked) -> Answer:
        if not _genuine(asked):
            return Answer(401)
        hooks.append(asked)
        return Answer(204)

    with Wire(teams.answer) as first, Wire(hook) as second:
        yield {"teams": first, "hub": second, "simulator": teams, "hooks": hooks}


@contextlib.asynccontextmanager
async def telling(sqlite_url: str, wires: dict[str, Any]) -> AsyncIterator[Told]:
    """One place of each kind."""
    inbox = Inbox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(inbox), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    places = {
        "leads": {"kind": "mail", "to": ["leads@example.com"], "severities": ["sev1", "sev2"]},
        "network": {"kind": "channel", "channel": "network", "form": "tactical"},
        "support": {"kind": "teams", "url": wires["teams"].url, "severities": ["sev1"]},
        "hub": {"kind": "webhook", "url": wires["hub"].url, "secret": SECRET, "private": True, "form": "tactical"},
    }
    mail = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "Tocsin <tocsin@example.com>"}
    quiet = {"integrations": {"enabled": False}, "status_page": {"blocked": ["hydra"]}}
    settings = settings_for(sqlite_url, stakeholders=places, mail=mail, **quiet)
    clock = Still()
    found = the_world(settings, clock)
    async with world(settings, clock=clock, told=found) as running:
        errands = Errands(running.app.store, running.app.services, running.app.runners, every=2)
        yield Told(Stage(running), inbox, wires["simulator"], wires, errands, wires["hooks"])
        await found.close()
    server.close()
