"""Transcripts of a shift that is handed over: what is open, what to look at, and nothing that is private."""

from __future__ import annotations

from tests.scenario.stage import Stage, golden, transcript

#: What the card says before the shift is accepted, and after it.
CARRIED = """\
  1 open incident
  SEV2 · payments fail · investigating · 0 s · @Ana Ruiz · #incident-20260301-001 · next update 12:15 UTC · 1 open task
  Before you go
  ☐ The services are healthy: /gw status
  ☐ Processor and memory are within their limits: /gw top
  ☐ No temporary change is forgotten: /leases
  ☐ No plan waits for somebody who goes home: /plans
  ☐ All urgent tickets are resolved, or escalated
  ☐ The build pipelines are green, and scheduled jobs have completed
  ☐ The next on-call engineer has the access that they need"""


@transcript("/handover shift")
async def test_a_shift_is_handed_over_with_all_that_everybody_may_see(stage: Stage) -> None:
    incident = await stage.declares("sev2 payments fail")
    await stage.quietly("ana", incident.channel, "/incident role claim ic", "/task add ask the vendor")
    await stage.declares("--private sev1 keys leaked")
    assert await stage.types("ana", "general", "/handover shift @ben") == golden(
        """
        [#general, only ana]
        Not on the card: 1 private incident
          Hand each over in its own channel: /handover @who
          SEV1 · keys leaked · investigating · 0 s · no commander · #incident-20260301-002
        [#general, all]
        Shift handover
          @Ana Ruiz hands the shift over to @Ben Okafor.
        """,
        CARRIED,
        "  [Accept the shift]",
    )
    assert await stage.presses("chloe", "general", "Accept the shift") == golden("""
        [#general, only chloe]
        This shift is for Ben Okafor.
          Offer it anew: /handover shift @who.
        """)
    assert await stage.presses("ben", "general", "Accept the shift") == golden(
        """
        [#general, all, edited]
        Shift handed over
          @Ben Okafor has the shift. Thank you, @Ana Ruiz.
        """,
        CARRIED,
        golden("""
        [#general, all]
        Shift handed over
          @Ben Okafor has the shift. Thank you, @Ana Ruiz.
          Roles in an incident move in its channel: /handover @who
        """),
    )


async def test_a_shift_that_makes_no_sense_is_refused(stage: Stage) -> None:
    assert await stage.asks("ana", "general", "/handover shift @ana") == golden("""
        You cannot hand over to yourself.
          Try: /handover shift @ben
          (You typed: /handover shift @ana)
        """)
    assert await stage.asks("ana", "general", "/handover shift @eve") == golden("""
        Eve Larsson is a viewer and cannot hold a role.
          Roles go to responders and operators.
          (You typed: /handover shift @eve)
        """)
    assert "No incident is open" in await stage.types("ana", "general", "/handover shift")
    assert "You cannot accept your own handover." in await stage.presses("ana", "general", "Accept the shift")
