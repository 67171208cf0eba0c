"""Transcripts of incidents that have to do with each other, and of those that are one."""

from __future__ import annotations

from tests.scenario.stage import Stage, golden, on_card, transcript, without_card


@transcript("/incident merge")
async def test_a_duplicate_is_closed_and_its_people_come_here(stage: Stage) -> None:
    other = await stage.declares("sev2 payments fail", person="ben")
    here = await stage.declares()
    said = await stage.types("ana", here.channel, f"/incident merge {other.id}")
    assert on_card(said, "Status", "Roles", "Duplicate of", "Duplicates") == [
        "Status: closed",
        "Roles: nobody",
        "Duplicate of: #incident-20260301-002",
        "Status: investigating",
        "Roles: nobody yet",
        "Duplicates: #incident-20260301-001",
    ]
    assert without_card(said) == golden("""
        [#incident-20260301-001, all]
        Closed as a duplicate
          Work goes on in #incident-20260301-002: SEV1 · API answers 502
          (by @Ana Ruiz)
        [#incident-20260301-002, all]
        Merged a duplicate into this incident
          #incident-20260301-001 is closed: SEV2 · payments fail. Its timeline stays there.
          Welcome @Ben Okafor.
          (by @Ana Ruiz)
        """)
    assert (await stage.world.incident(other.id)).status.value == "closed"
    assert await stage.asks("ana", here.channel, f"/incident merge {other.id}") == golden("""
        The incident is over; its status is closed.
          It can still be related.
          Try: /incident related incident-20260301-001
          (You typed: /incident merge incident-20260301-001)
        """)
    assert "Declared" in await stage.types("ben", other.channel, "/incident reopen it is not the same")
    assert "Duplicate of" not in await stage.asks("ben", other.channel, "/incident show")


@transcript("/incident related")
async def test_related_incidents_name_each_other(stage: Stage) -> None:
    other = await stage.declares("sev2 payments fail", person="ben")
    here = await stage.declares()
    said = await stage.types("ana", here.channel, f"/incident related {other.id}")
    assert on_card(said, "Related") == ["Related: #incident-20260301-002", "Related: #incident-20260301-001"]
    assert without_card(said) == golden("""
        [#incident-20260301-001, all]
        Related incident
          #incident-20260301-002: SEV1 · API answers 502
          (by @Ana Ruiz)
        [#incident-20260301-002, all]
        Related incident
          #incident-20260301-001: SEV2 · payments fail
          (by @Ana Ruiz)
        """)
    assert await stage.asks("ana", here.channel, f"/incident related {other.id}") == golden("""
        incident-20260301-001 is related already.
          Try: /incident show
          (You typed: /incident related incident-20260301-001)
        """)
    assert await stage.asks("ana", here.channel, f"/incident related {here.id}") == golden("""
        That is this incident.
          Name the other one.
          Try: /incident list
          (You typed: /incident related incident-20260301-002)
        """)


async def test_nobody_learns_of_a_private_incident(stage: Stage) -> None:
    here = await stage.declares()
    secret = await stage.declares("--private sev1 keys leaked")
    assert "There is no incident" in await stage.asks("ben", here.channel, f"/incident related {secret.id}")
    assert await stage.asks("ana", here.channel, f"/incident merge {secret.id}") == golden("""
        What is private, or of another workspace, is not merged: people would read what was not meant for them.
          Resolve one of them by hand.
          (You typed: /incident merge incident-20260301-002)
        """)
    await stage.news()
    assert await stage.types("ana", here.channel, f"/incident related {secret.id}") == golden("""
        [#incident-20260301-002, only ana, pinned, edited]
        SEV1 · keys leaked
          Status: investigating
          Severity: SEV1, critical
          Roles: nobody yet
          Service: gateway
          Declared: 2026-03-01 12:00 UTC
          Next update due: 12:15 UTC
          Related: #incident-20260301-001
          [Be incident commander] [Be technical lead] [Be communications lead]
          (incident-20260301-002 · private)
        [#incident-20260301-002, only ana]
        Related incident
          #incident-20260301-001: SEV1 · API answers 502
          (by @Ana Ruiz)
        [#incident-20260301-001, only ana]
        Related incident
          #incident-20260301-002: SEV1 · keys leaked
        """)
    another = await stage.declares("--private sev1 more keys leaked")
    assert await stage.asks("ana", another.channel, f"/incident related {secret.id}") == golden("""
        Neither channel may name the other: who reads there may not see it.
          (You typed: /incident related incident-20260301-002)
        """)
