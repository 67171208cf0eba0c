"""The stage with a pager beside it, and what tells it and asks it when a test says so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import httpx2

from bot.adapters import discover
from bot.adapters.opsgenie import Opsgenie
from bot.adapters.pagerduty import PagerDuty
from bot.clocks import Clocks
from bot.errands import Errands
from bot.paging.answering import Asking
from bot.paging.pager import Pager
from bot.paging.settings import addresses
from bot.settings import Settings
from tests.scenario.on_call import SETTINGS
from tests.scenario.stage import Stage, Still
from tests.simulators.opsgenie import OpsgenieSimulator
from tests.simulators.pagerduty import PagerDutySimulator
from tests.world import settings_for, world

SECRET = "the-secret-of-the-subscription"
PEOPLE = [one | {"email": f"{one['id']}@a.example"} for one in SETTINGS["people"]]  # type: ignore[attr-defined]
PAGERDUTY = {"routing_keys": {"gateway": "key-gateway", "level 2": "key-leads"}, "api_token": "token-of-the-api",
             "escalation_policies": {"*": "P1"}, "timeout_seconds": 2}  # fmt: skip
OPSGENIE = {"api_key": "key-of-opsgenie", "schedules": {"*": "gateway schedule"}, "timeout_seconds": 2,
            "responders": {"gateway": {"type": "team", "name": "gateway"},
                           "level 2": {"type": "escalation", "name": "leads"}}}  # fmt: skip
WHY = "the database does not answer"


@dataclass
class Bench:
    """The stage, a pager, and what tells it and asks it when a test says so."""

    stage: Stage
    pager: Pager
    outside: Any
    channel: str = ""

    @property
    def named(self) -> str:
        return self.pager.name

    async def looks(self, **later: float) -> str:
        """Time passes; what is owed is done, and what people read of it."""
        self.stage.later(**later)
        app = self.stage.world.app
        await Clocks(app.store, app.services, every=5).once()
        await Errands(app.store, app.services, app.runners, every=2).once()
        await Asking(app.store, app.services, self.pager, every=15).once()
        return await self.stage.news()

    async def pages(self, line: str = f"/page gateway {WHY}") -> str:
        """Somebody is called in an incident; the page's id."""
        if not self.channel:
            self.channel = (await self.stage.declares()).channel
            await self.stage.quietly("ana", self.channel, "/incident role claim ic")
        await self.stage.types("ana", self.channel, line)
        return (await self.stage.world.app.store.look(lambda tx: tx.pages.open()))[-1].id

    def fails(self, how: str) -> None:
        """What the pager does from now on instead of answering."""
        self.outside.before = answering(self.named, how)


def answering(pager: str, how: str) -> Callable[[Any], Any]:
    """What happens in the place of an answer."""
    wire = httpx2 if pager == "PagerDuty" else httpx

    def before(request: Any) -> Any:
        match how:
            case "dead":
                raise wire.ConnectError("refused", request=request)
            case "slow":
                raise wire.ReadTimeout("slow", request=request)
            case "nonsense":
                return wire.Response(200, content=b"<html>")
            case _:
                return wire.Response(int(how), headers={"Retry-After": "20"})

    return before


@asynccontextmanager
async def benched(url: str, kind: str, **more: str) -> AsyncIterator[Bench]:
    """The bot with a pager of this kind."""
    section = {"pagerduty": PAGERDUTY, "opsgenie": OPSGENIE}[kind] | more
    hooks = {"pager": {"kind": "pagerduty", "secret": SECRET}, "genie": {"kind": "opsgenie", "token": SECRET}}
    mine = {"people": PEOPLE, "paging": {kind: section}, "alerts": {"receivers": hooks}}
    settings = settings_for(url, **(SETTINGS | mine))
    pager, outside = made(settings)
    duty = discover()["on_call", "static"].build(settings)
    async with world(settings, clock=Still(), duty=duty, pager=pager) as running:
        yield Bench(Stage(running), pager, outside)
        await pager.close()


def made(settings: Settings) -> tuple[Pager, Any]:
    """The pager of the settings, and the simulator behind it."""
    known = addresses(settings.people)
    if settings.paging.pagerduty:
        keys = {"key-gateway": "gateway", "key-leads": "leads"}
        duty = PagerDutySimulator(keys, "token-of-the-api", {one.name: one.email for one in settings.people})
        return PagerDuty(settings.paging.pagerduty, known, duty), duty
    assert settings.paging.opsgenie is not None
    genie = OpsgenieSimulator("key-of-opsgenie", {"gateway schedule": ["ben@a.example", "zoe@a.example"]})
    return Opsgenie(settings.paging.opsgenie, known, genie), genie
