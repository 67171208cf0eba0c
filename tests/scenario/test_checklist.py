"""Transcripts of the checklist of a severity: who ticked off what."""

from __future__ import annotations

from tests.scenario.stage import Stage, golden, transcript
from tests.world import settings_for, world


@transcript("/checklist")
async def test_a_checklist_is_ticked_off_by_whoever_does_it(stage: Stage) -> None:
    incident = await stage.declares()
    assert await stage.types("ana", incident.channel, "/checklist") == golden("""
        [#incident-20260301-001, all]
        Checklist for SEV1: 0 of 7 done
          ☐ 1. Acknowledge the page
          ☐ 2. Assess the severity
          ☐ 3. Page additional responders
          ☐ 4. Update the status page
          ☐ 5. Check pods, events and logs
          ☐ 6. Restart, scale up or roll back
          ☐ 7. Verify: rollout, health, error rate
          [Tick 1] [Tick 2] [Tick 3] [Tick 4] [Tick 5] [Tick 6] [Tick 7]
          (by @Ana Ruiz)
        """)
    shown = await stage.message_with("Tick 2", incident.channel)
    assert await stage.presses("ben", incident.channel, "Tick 2") == golden("""
        [#incident-20260301-001, all, edited]
        Checklist for SEV1: 1 of 7 done
          ☐ 1. Acknowledge the page
          ☑ 2. Assess the severity · @Ben Okafor 12:00 UTC
          ☐ 3. Page additional responders
          ☐ 4. Update the status page
          ☐ 5. Check pods, events and logs
          ☐ 6. Restart, scale up or roll back
          ☐ 7. Verify: rollout, health, error rate
          [Tick 1] [Tick 3] [Tick 4] [Tick 5] [Tick 6] [Tick 7]
        """)
    assert not (await stage.clicks("ana", shown, "Tick 1")).accepted, "the card has changed"
    await stage.quietly("ana", incident.channel, "/incident severity sev3")
    assert await stage.types("ana", incident.channel, "/checklist") == golden("""
        [#incident-20260301-001, all]
        Checklist for SEV3: 1 of 5 done
          ☐ 1. Acknowledge the page
          ☑ 2. Assess the severity · @Ben Okafor 12:00 UTC
          ☐ 3. Update the status page, if customers notice
          ☐ 4. Check recent changes
          ☐ 5. Verify the fix
          [Tick 1] [Tick 3] [Tick 4] [Tick 5]
          (by @Ana Ruiz)
        """)
    assert "@Ben Okafor ticked off: Assess the severity" in await stage.asks(
        "ana", incident.channel, "/incident timeline"
    )


async def test_the_organisation_has_checklists_of_its_own(sqlite_url: str) -> None:
    async with world(settings_for(sqlite_url, checklists={"SEV1": ["Call the CTO"], "SEV2": []})) as running:
        stage = Stage(running)
        incident = await stage.declares()
        assert "☐ 1. Call the CTO" in await stage.types("ana", incident.channel, "/checklist")
        await stage.quietly("ana", incident.channel, "/incident severity sev2")
        assert "There is no checklist for SEV2" in await stage.asks("ana", incident.channel, "/checklist")
