"""What broke other incident bots, as far as a bot without Slack can be broken by it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

import pytest

from commands.domain.plan import PlanState
from commands.domain.sli import Reading
from commands.ports import Contact
from tests.fakes import FakeGateway
from tests.scenario.stage import Stage, Still, golden, message_with
from tests.world import settings_for, world


async def test_the_same_declaration_delivered_twice_is_one_incident(stage_on: Stage) -> None:
    line = "/incident declare sev1 API answers 502"
    receipts = await asyncio.gather(
        *(stage_on.world.command("ana", "general", line, delivery="the-same") for _ in range(4))
    )
    assert all(receipt.accepted for receipt in receipts)
    await stage_on.world.app.pipeline.drain()
    said = await stage_on.asks("ana", "general", "/incident list --all")
    assert said.splitlines()[0] == "1 incident"
    assert (await stage_on.news()).count("[#incidents, all]") == 1


async def test_the_same_click_delivered_twice_is_one_decision(stage_on: Stage) -> None:
    incident = await stage_on.declares()
    message = await stage_on.message_with("Be incident commander", incident.channel)
    token = stage_on.token_of(message, "Be incident commander")
    receipts = await asyncio.gather(
        *(stage_on.world.click("ana", "", "", token=token, delivery="twice") for _ in range(3))
    )
    assert [receipt.accepted for receipt in receipts] == [True, True, True]
    assert (await stage_on.asks("ana", incident.channel, "/incident timeline")).count("took the role") == 1


async def test_no_title_spoils_the_name_of_the_channel(stage: Stage) -> None:
    titles = ["APIが遅い", "الخدمة متوقفة", "🔥🔥", "x" * 300, "../../etc/passwd", "incident"]
    for number, title in enumerate(titles, start=1):
        stage.later(seconds=1)
        incident = await stage.declares(f"sev1 {title}")
        assert (incident.channel, incident.title) == (f"incident-20260301-{number:03d}", title)


async def test_plans_expire_after_a_restart_too(sqlite_url: str) -> None:
    settings, clock = settings_for(sqlite_url, policy={"approve_within_seconds": 2.0}), Still()
    async with world(settings, clock=clock) as first:
        await first.command("ben", "general", "/gw scale 10")
        assert (await first.plan()).state is PlanState.PLANNED
    async with world(settings, clock=clock) as second:
        assert (await second.settled()).state is PlanState.EXPIRED


async def test_everything_is_there_after_a_restart(sqlite_url: str) -> None:
    settings, clock = settings_for(sqlite_url), Still()
    async with world(settings, clock=clock) as first:
        stage = Stage(first)
        incident = await stage.declares("sev1 API answers 502 --private", person="ben")
        await stage.quietly("ben", incident.channel, "/incident role claim ic", "/incident note still here")
        before = await stage.asks("ana", incident.channel, "/incident timeline")
        message = await stage.message_with("Be technical lead", incident.channel)
    async with world(settings, clock=clock) as second:
        stage = Stage(second)
        assert await stage.asks("ana", incident.channel, "/incident timeline") == before
        assert "There is no incident" in await stage.asks("eve", "general", f"/incident show {incident.id}")
        assert (await stage.clicks("ana", message, "Be technical lead")).accepted


class Hangs:
    """A dependency that takes the question and never answers."""

    async def on_duty(self, service: str, *, at: datetime) -> Sequence[Contact]:
        await asyncio.sleep(3600)
        return []

    async def reading(self, *args: object, **kwargs: object) -> Reading:
        await asyncio.sleep(3600)
        raise AssertionError


class Breaks:
    """A dependency with a fault of its own."""

    async def on_duty(self, service: str, *, at: datetime) -> Sequence[Contact]:
        raise KeyError(service)

    async def reading(self, *args: object, **kwargs: object) -> Reading:
        raise KeyError("summary")


@pytest.mark.long
@pytest.mark.parametrize("trouble", [Hangs(), Breaks()], ids=["hangs", "breaks"])
async def test_no_dependency_keeps_an_incident_from_being_declared_handed_over_and_resolved(
    stage: Stage, trouble: Hangs | Breaks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commands.handlers.common.PATIENCE_SECONDS", 0.2)  # the wait itself is not what is tested
    monkeypatch.setattr(stage.world.on_call, "on_duty", trouble.on_duty)
    monkeypatch.setattr(FakeGateway, "reading", trouble.reading)
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident role claim ic", "/handover")
    await stage.presses("ben", incident.channel, "Accept")
    said = await stage.types("ben", incident.channel, "/incident resolve it went away")
    assert message_with("Resolved after", said) == golden("""
        [#incident-20260301-001, all]
        Resolved after 0 s
          it went away
          Now: not known: the measurements did not answer
          (by @Ben Okafor)
        """)


async def test_a_dead_gateway_and_a_dead_pager_keep_nobody_from_an_incident(stage: Stage) -> None:
    stage.world.on_call.down = True
    stage.world.gateway.down = True
    incident = await stage.declares()
    said = await stage.types("ana", incident.channel, "/incident resolve --anyway it went away")
    assert "Careful: the service is still outside its objectives." in said
    assert "Now: the gateway does not answer" in said
    assert not (await stage.world.incident(incident.id)).status.is_open


async def test_an_incident_of_the_watch_has_no_commander_until_a_person_takes_it(stage: Stage) -> None:
    said = await stage.types("tocsin", "incidents", "/incident declare sev1 gateway: errors 31.0%")
    assert "[#incidents, all]\nSEV1 · gateway: errors 31.0%\n  Tocsin, from its measurements, opened" in said
    assert "Roles: nobody yet" in said
    incident = await stage.world.incident("incident-20260301-001")
    assert (incident.source, incident.responders, incident.roles) == ("watch", (), {})
    assert (await stage.presses("ben", incident.channel, "Be incident commander")).count("@Ben Okafor") >= 2
    await stage.quietly("ana", incident.channel, "/incident role ic @chloe", "/incident status identified")
    assert (await stage.world.incident(incident.id)).roles == {"ic": "chloe"}
