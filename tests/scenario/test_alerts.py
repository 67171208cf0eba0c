"""Alerts of other systems: they are suggested, attached, declared, silenced; what everybody reads."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.domain.incident import Incident
from tests.alerts.sending import alert, ruled, sends, works
from tests.scenario.stage import Stage, Still, golden, transcript
from tests.world import audited, settings_for, world

FIRST, SECOND = "incident-20260301-001", "incident-20260301-002"
RULES = """
rules:
  - {name: down, match: {labels: {alertname: SiteDown}}, then: declare, severity: sev1}
  - {name: information, match: {severity: info}, then: attach}
"""


@pytest.fixture
async def stage(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """With a sender, and a rule that declares."""
    alerts = ruled(RULES, tmp_path, monkeypatch)
    async with world(settings_for(sqlite_url, alerts=alerts), clock=Still()) as running:
        yield Stage(running)


async def recent(stage: Stage) -> list[Incident]:
    return await stage.world.app.store.look(lambda tx: tx.incidents.recent(open_only=False, limit=10))


async def declared(stage: Stage) -> None:
    """One click: the alerts are part of it, and somebody is asked to command."""
    declared = await stage.presses("ana", "incidents", "Declare SEV1")
    lines = declared.splitlines()
    assert (
        lines[:3]
        == golden("""
        [#incidents, all, edited]
        2 alerts on checkout
          Now part of #incident-20260301-001: SEV1 · HighErrorRate: seen on checkout
        """).splitlines()
    )
    assert (
        lines[-6:]
        == golden("""
        [#incident-20260301-001, all]
        Alerts: 2 firing
          HighErrorRate, HighLatency
          Firing: 2 of 2
          First: 12:00 UTC
          Link: open there (https://prometheus.example/graph)
        """).splitlines()
    )
    await works(stage.world)
    assert await stage.news() == golden("""
        [#incident-20260301-001, all]
        This incident needs a commander
          It was opened because of alerts, and nobody is in charge yet.
          On duty: @Ana Ruiz
          [Be incident commander]
        """)


async def over(stage: Stage) -> None:
    """All are resolved: watched for a while, and on the timeline."""
    stage.later(minutes=2)
    await sends(stage.world, alert("HighErrorRate", state="resolved"), alert("HighLatency", state="resolved"))
    assert await stage.news() == golden("""
        [#incident-20260301-001, all, edited]
        All alerts are resolved
          HighErrorRate, HighLatency
          Is it over? Watch it for a while before you resolve.
          Firing: 0 of 2
          First: 12:00 UTC
          Last: 12:02 UTC
          Link: open there (https://prometheus.example/graph)
          [Set monitoring]
        """)
    assert (await stage.presses("ana", FIRST, "Set monitoring")).splitlines()[-5:] == golden("""
        [#incident-20260301-001, all]
        Status: monitoring
          all alerts are resolved
          Next update due: 12:17 UTC
          (by @Ana Ruiz)
        """).splitlines()
    assert await stage.asks("ana", FIRST, "/incident timeline") == golden("""
        Timeline of SEV1 · HighErrorRate: seen on checkout
          12:02 UTC · @Ana Ruiz set the status to monitoring (all alerts are resolved)
          12:02 UTC · All 2 alerts are resolved
          12:00 UTC · 2 alerts firing: HighErrorRate, HighLatency
          12:00 UTC · @Ana Ruiz declared SEV1: HighErrorRate: seen on checkout
        """)
    clicks = await stage.world.app.store.look(lambda tx: [one for one in audited(tx) if one.kind == "click"])
    assert [(one.actor, one.subject) for one in reversed(clicks)] == [
        ("ana", "alerts.declare"),
        ("ana", "alerts.monitoring"),
    ]


@transcript("/alerts")
async def test_alerts_are_suggested_declared_and_followed_to_their_end(stage: Stage) -> None:
    await stage.news()
    await sends(stage.world, alert("HighErrorRate", severity="critical"), alert("HighLatency", severity="warning"))
    assert await stage.news() == golden("""
        [#incidents, all]
        2 alerts on checkout
          HighErrorRate, HighLatency
          It began with HighErrorRate: seen on checkout
          Is this an incident?
          Firing: 2 of 2
          First: 12:00 UTC
          Link: open there (https://prometheus.example/graph)
          [Declare SEV1] [Silence checkout 1h]
        """)
    assert await stage.asks("eve", "general", "/alerts") == golden("""
        2 alerts fire
          HighErrorRate · checkout · since 12:00 UTC · higherrorrate-0
          HighLatency · checkout · since 12:00 UTC · highlatency-0
          (Into an incident, in its channel: /alerts attach FINGERPRINT · quiet: /silence SERVICE 2h why)
        """)
    assert "not for you" in await stage.presses("eve", "incidents", "Declare SEV1")
    assert await recent(stage) == []
    await declared(stage)
    found = await stage.asks("ana", FIRST, "/postmortem moments")
    assert re.search(r"Began +2026-03-01 \d\d:\d\d UTC +the first alert says so", found)
    assert re.search(r"Detected +2026-03-01 12:00 UTC +(the first alert came|declared)", found)
    await stage.news()
    await over(stage)


async def test_a_rule_declares_once_and_asks_for_a_commander(stage: Stage) -> None:
    await stage.news()
    await sends(stage.world, alert("SiteDown", service="search"), alert("SiteDown", service="search", instance="b"))
    said = await stage.news()
    assert "  Tocsin, because of alerts, opened #incident-20260301-001" in said
    called = said.splitlines()[-5:]
    assert (
        called
        == golden("""
        [#incident-20260301-001, all]
        This incident needs a commander
          It was opened because of alerts, and nobody is in charge yet.
          On duty: @Ana Ruiz
          [Be incident commander]
        """).splitlines()
    )
    [incident] = await recent(stage)
    assert (incident.severity, incident.service, incident.responders) == ("SEV1", "search", ())
    stage.later(minutes=1)
    await sends(stage.world, alert("DiskFull", service="search", severity="info", minute=1))
    assert await stage.news() == golden("""
        [#incident-20260301-001, all, edited]
        Alerts: 3 firing
          SiteDown (2), DiskFull
          Firing: 3 of 3
          First: 12:00 UTC
          Last: 12:01 UTC
          Link: open there (https://prometheus.example/graph)
        """)
    assert [one.id for one in await recent(stage)] == [FIRST]
    assert "declared from alerts: SiteDown" in await stage.asks("ana", FIRST, "/incident timeline")


@transcript("/alerts attach")
async def test_an_alert_that_was_only_listed_is_attached(stage: Stage) -> None:
    await stage.declares("sev2 the queue grows")
    await sends(stage.world, alert("QueueLong", service="queue", severity="info"))
    assert await stage.news() == ""
    assert await stage.asks("ana", FIRST, "/alerts") == golden("""
        No alert fires in this incident
          Of all services: /alerts --all
        """)
    assert await stage.asks("ana", FIRST, "/alerts attach nothing-0") == golden("""
        No alert nothing-0 fires.
          Try: /alerts --all
          (You typed: /alerts attach nothing-0)
        """)
    await stage.news()
    assert await stage.types("ana", FIRST, "/alerts attach queuelong-0") == golden("""
        [#incident-20260301-001, all]
        Alerts: 1 firing
          QueueLong
          Firing: 1 of 1
          First: 12:00 UTC
          Link: open there (https://prometheus.example/graph)
        [#incident-20260301-001, only ana]
        Attached: QueueLong: seen on queue
          The card of the alerts tells how they go on.
        """)
    assert "belong to an incident already" in await stage.asks("ana", FIRST, "/alerts attach queuelong-0")


async def test_alerts_of_a_service_with_an_open_incident_can_be_attached_to_it(stage: Stage) -> None:
    await stage.declares("sev2 slow --service checkout")
    await sends(stage.world, alert("HighLatency"))
    assert await stage.news() == golden("""
        [#incidents, all]
        1 alert on checkout
          HighLatency: seen on checkout
          Is this an incident?
          Firing: 1 of 1
          First: 12:00 UTC
          Link: open there (https://prometheus.example/graph)
          [Declare SEV2] [Attach to incident-20260301-001] [Silence checkout 1h]
        """)
    assert await stage.presses("ben", "incidents", f"Attach to {FIRST}") == golden("""
        [#incidents, all, edited]
        1 alert on checkout
          Now part of #incident-20260301-001: SEV2 · slow
          Firing: 1 of 1
          First: 12:00 UTC
          Link: open there (https://prometheus.example/graph)
        [#incident-20260301-001, all]
        Alerts: 1 firing
          HighLatency
          Firing: 1 of 1
          First: 12:00 UTC
          Link: open there (https://prometheus.example/graph)
        """)
    stage.later(seconds=10)
    await sends(stage.world, alert("HighErrorRate"))
    assert "Alerts: 2 firing" in await stage.news()


@transcript("/silence", "/silences", "/silence end")
async def test_a_silence_keeps_quiet_and_tells_what_is_left_when_it_ends(stage: Stage) -> None:
    await stage.news()
    assert await stage.types("ana", "general", "/silence mail for 2h moving the mail server") == golden("""
        [#incidents, all]
        Silenced: mail
          until 14:00 UTC · @Ana Ruiz: moving the mail server
          (To end it: /silence end silence-…)
        [#general, all]
        Silenced: mail
          until 14:00 UTC · @Ana Ruiz: moving the mail server
          (To end it: /silence end silence-…)
        """)
    await sends(stage.world, alert("MailQueue", service="mail"))
    assert await stage.news() == ""
    assert await stage.asks("eve", "general", "/silences") == golden("""
        1 silence
          mail · until 14:00 UTC · @Ana Ruiz: moving the mail server · silence-…
          (To end one: /silence end ID)
        """)
    [silence] = await stage.world.app.store.look(lambda tx: tx.alerts.silences())
    await stage.news()
    assert await stage.types("ben", "general", f"/silence end {silence.id}") == golden("""
        [#general, all]
        Silenced no more: mail
          Ended by @Ben Okafor.
          What still fires is told of now.
        """)
    await works(stage.world)
    assert "MailQueue" in await stage.news()
    assert await stage.presses("ben", "incidents", "Silence mail 1h") == golden("""
        [#incidents, all, edited]
        1 alert on mail: silenced
          @Ben Okafor silenced mail until 13:00 UTC. To see all: /silences
          Firing: 1 of 1
          First: 12:00 UTC
          Link: open there (https://prometheus.example/graph)
        """)
    stage.later(minutes=61)
    await works(stage.world)
    assert "MailQueue" in await stage.news()
    assert await stage.asks("ana", "general", "/silence mail now") == golden("""
        A silence says for how long, and why in a few words.
          Try: /silence mail 2h deploying
          (You typed: /silence mail now)
        """)
    assert "No silence nope lasts." in await stage.asks("ana", "general", "/silence end nope")
