"""The bot as tests meet it: the real bootstrap with fakes at the ports, and people who type and click."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bot.app import App, running
from bot.delivery import ClickDelivery, Receipt, TextDelivery
from bot.demo.people import ON_CALL, PEOPLE
from bot.outside import Outside
from bot.paging.pager import Pager
from bot.settings import Settings, load
from bot.store import schema
from bot.store.transaction import SqlTransaction
from bot.store.views import MessageView
from bot.world.connecting import World as Told
from commands.cards import transcript
from commands.domain.incident import Incident
from commands.domain.plan import Plan
from commands.people import SYSTEM
from commands.ports import AuditEntry, OnCall, StatusPage
from tests.fakes import FakeClock, FakeGateway, FakeOnCall

NO_FILE = Path("/dev/null")


def settings_for(database_url: str, **overrides: Any) -> Settings:
    """The demo's people on a database, at a test's pace."""
    values: dict[str, Any] = {
        "database_url": database_url, "people": PEOPLE, "on_call": ON_CALL, "secret": "for-the-tests-only",
        "gateway": {"admin_token": "unused"}, "watch": {"enabled": False}, "clocks": {"enabled": False},
        "integrations": {"enabled": False},
        "verify": {
            "poll_seconds": 0.01, "every_seconds": 1, "within_seconds": 20, "effect_within_seconds": 30,
            "absent_for_seconds": 1,
        },
    }  # fmt: skip
    return load(NO_FILE, **(values | overrides))


def audited(tx: SqlTransaction, limit: int = 1000) -> list[AuditEntry]:
    """The newest entries of the audit, newest first."""
    rows = tx.connection.execute(sa.select(schema.audit).order_by(schema.audit.c.sequence.desc()).limit(limit))
    return [AuditEntry.model_validate(dict(row._mapping) | {"detail": json.loads(row.detail)}) for row in rows]


@dataclass(repr=False)
class World:
    """One running bot with what surrounds it; asyncio writes out what a test is given, each time that it runs one."""

    app: App
    clock: FakeClock
    gateway: FakeGateway
    on_call: FakeOnCall
    names: dict[str, str] = field(default_factory=dict)

    async def command(self, person: str, channel: str, text: str, *, delivery: str = "") -> Receipt:
        """Type a line; the receipt of the pipeline."""
        sent = TextDelivery(
            platform="console", id=delivery or uuid.uuid4().hex, person=person, channel=channel, text=text
        )
        pipeline = self.app.pipeline
        receipt = await (pipeline.by_itself(sent) if person == SYSTEM.id else pipeline.command(sent))
        await self.app.pipeline.drain()
        return await self._final(f"console:{sent.id}") or receipt

    async def say(self, person: str, channel: str, text: str) -> str:
        """Type a line; the answer as everybody reads it."""
        receipt = await self.command(person, channel, text)
        return await self.read(receipt.reply_key, person)

    async def click(self, person: str, key: str, label: str, *, token: str = "", delivery: str = "") -> Receipt:
        """Press a button of a message as it is now."""
        sent = ClickDelivery(
            platform="console",
            id=delivery or uuid.uuid4().hex,
            person=person,
            channel="",
            token=token or await self.token(key, person, label),
        )
        return await self.app.pipeline.click(sent)

    async def press(self, person: str, key: str, label: str) -> str:
        """Press a button; what answers it."""
        receipt = await self.click(person, key, label)
        return await self.read(receipt.reply_key, person)

    async def token(self, key: str, person: str, label: str) -> str:
        """The token behind a button."""
        message = await self.message(key, person)
        assert message.card is not None
        return next(button.token for button in message.card.buttons if button.label == label)

    async def message(self, key: str, person: str = "ana") -> MessageView:
        """A message by its key."""
        return await self.app.record.message(key, person)

    async def read(self, key: str, person: str = "ana") -> str:
        """A message as plain lines."""
        message = await self.message(key, person)
        return transcript(message.card, self.names) if message.card else message.text

    async def declare(self, text: str = "sev1 API answers 502", *, person: str = "ana") -> Incident:
        """Open an incident from #general."""
        await self.command(person, "general", f"/incident declare {text}")
        return (await self.app.store.look(lambda tx: tx.incidents.recent(open_only=False, limit=1)))[0]

    async def incident(self, incident_id: str) -> Incident:
        """The state of an incident."""
        return await self.app.store.look(lambda tx: tx.incidents.get(incident_id))

    async def plan(self, plan_id: str = "") -> Plan:
        """A plan, or the newest."""
        return await self.app.store.look(
            lambda tx: tx.plans.get(plan_id) if plan_id else tx.plans.recent(target=None, limit=1)[0]
        )

    async def until(self, check: Callable[[], Any], *, within: float = 60) -> Any:
        """Wait for work in the engine's threads; `check` is a coroutine function."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            found = await check()
            if found:
                return found
            await asyncio.sleep(0.02)
        raise AssertionError("waited too long")

    async def settled(self) -> Plan:
        """The newest plan, once it has ended."""
        from commands.domain.plan import FINAL

        async def final() -> Plan | None:
            plan = await self.plan()
            return plan if plan.state in FINAL else None

        plan = await self.until(final)
        assert isinstance(plan, Plan)
        return plan

    async def _final(self, key: str) -> Receipt | None:
        return await self.app.store.look(lambda tx: tx.inbox.seen(key))


@asynccontextmanager
async def world(
    settings: Settings,
    *,
    clock: FakeClock | None = None,
    gateway: FakeGateway | None = None,
    pages: Mapping[str, StatusPage] | None = None,
    duty: OnCall | None = None,
    pager: Pager | None = None,
    told: Told | None = None,
) -> AsyncIterator[World]:
    """The bot, running with fakes; ended on the way out."""
    clock = clock or FakeClock()
    gateway = gateway or FakeGateway(clock)
    on_call = FakeOnCall()
    outside = Outside(
        deployments=gateway,
        telemetry=gateway,
        logs=gateway,
        on_call=duty or on_call,
        clock=clock,
        pages=pages or {},
        pager=pager,
        world=told or Told(),
    )
    async with running(settings, outside) as app:
        yield World(app=app, clock=clock, gateway=gateway, on_call=on_call, names=app.services.directory.names())
