"""Transcripts of handovers: offered, accepted, declined, to somebody and to anybody."""

from __future__ import annotations

from tests.scenario.stage import Stage, golden, transcript


@transcript("/handover")
async def test_a_handover_sums_up_and_moves_the_roles_when_it_is_accepted(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident role claim ic", "/incident role claim tech")
    await stage.runs("ana", incident.channel, "/gw scale 5")
    await stage.quietly("ana", incident.channel, "/incident status monitoring")
    await stage.world.command("ana", incident.channel, "/gw restart")
    stage.later(minutes=12)
    await stage.news()
    said = await stage.types("ana", incident.channel, "/handover @ben the database is next")
    assert said == golden("""
        [#incident-20260301-001, all]
        Handover: SEV1 · API answers 502
          @Ana Ruiz hands over as incident commander and technical lead to @Ben Okafor.
          What matters: the database is next
          Status: monitoring
          Open for: 12 min
          Now: errors 0.2%, p95 40 ms, 100 req/s
          Incident commander: @Ana Ruiz
          Technical lead: @Ana Ruiz
          Free roles: communications lead
          Next: The next update is due (12:15 UTC)
          Pending: Restart gateway: 5 workers, one by one (planned)
          At         Tried                                 Result
          12:00 UTC  Scale gateway up from 3 to 5 workers  done: 5 of 5 workers ready; verified; errors 0.2% → 0.2%, p95 40 ms → 40 ms
          [Accept] [Decline]
        """)  # noqa: E501
    said = await stage.presses("ben", incident.channel, "Accept")
    assert said == golden("""
        [#incident-20260301-001, all, pinned, edited]
        SEV1 · API answers 502
          Status: monitoring
          Severity: SEV1, critical
          Incident commander: @Ben Okafor
          Technical lead: @Ben Okafor
          Free roles: communications lead
          Service: gateway
          Declared: 2026-03-01 12:00 UTC
          Next update due: 12:15 UTC
          [Be communications lead]
          (incident-20260301-001)
        [#incident-20260301-001, all, edited]
        Handover accepted by Ben Okafor
          SEV1 · API answers 502
          What matters: the database is next
          Status: monitoring
          Open for: 12 min
          Incident commander: @Ben Okafor
          Technical lead: @Ben Okafor
          Free roles: communications lead
          Pending: Restart gateway: 5 workers, one by one (planned)
          At         Tried                                 Result
          12:00 UTC  Scale gateway up from 3 to 5 workers  done: 5 of 5 workers ready; verified; errors 0.2% → 0.2%, p95 40 ms → 40 ms
        [#incident-20260301-001, all]
        Handover done
          @Ben Okafor is incident commander and technical lead now. Thank you, @Ana Ruiz.
        """)  # noqa: E501
    assert (await stage.world.incident(incident.id)).roles == {"ic": "ben", "tech": "ben"}


async def test_a_handover_is_for_whom_it_names(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident role claim ic", "/handover ben")
    said = await stage.presses("chloe", incident.channel, "Accept")
    assert said == golden("""
        [#incident-20260301-001, only chloe]
        This handover is for Ben Okafor.
          The outgoing person or the commander can decline it; offer it anew.
        """)
    said = await stage.presses("ana", incident.channel, "Accept")
    assert said == golden("""
        [#incident-20260301-001, only ana]
        You cannot accept your own handover.
        """)
    said = await stage.presses("eve", incident.channel, "Accept")
    assert said == golden("""
        [#incident-20260301-001, only eve]
        That is not for you to decide.
          Who may: responders, operators, admins, whoever has a role in the incident.
        """)
    assert (await stage.world.incident(incident.id)).roles == {"ic": "ana"}


async def test_a_handover_is_declined_and_the_role_stays(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident role claim ic", "/handover ben")
    offer = await stage.message_with("Accept", incident.channel)
    said = await stage.presses("ben", incident.channel, "Decline")
    assert said == golden("""
        [#incident-20260301-001, all, edited]
        Handover declined by Ben Okafor
          SEV1 · API answers 502
          Status: investigating
          Open for: 0 s
          Incident commander: @Ana Ruiz
          Free roles: technical lead, communications lead
          Pending: nothing
        [#incident-20260301-001, all]
        Handover declined
          @Ana Ruiz keeps the role. Ask somebody else: /handover @name
          (by @Ben Okafor)
        """)
    assert not (await stage.clicks("ben", offer, "Accept")).accepted
    assert (await stage.world.incident(incident.id)).roles == {"ic": "ana"}


async def test_without_a_name_the_first_who_accepts_takes_over(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident role claim ic")
    said = await stage.types("ana", incident.channel, "/handover")
    assert "@Ana Ruiz hands over as incident commander to whoever accepts." in said
    said = await stage.presses("chloe", incident.channel, "Accept")
    assert "@Chloé Martin is incident commander now. Thank you, @Ana Ruiz." in said


async def test_handovers_that_make_no_sense_are_refused(stage: Stage) -> None:
    incident = await stage.declares()
    assert await stage.asks("ben", incident.channel, "/handover @ana") == golden("""
        You hold no role in this incident, so there is nothing to hand over.
          Try: /incident role ic @ana
          (You typed: /handover @ana)
        """)
    await stage.quietly("ana", incident.channel, "/incident role claim ic")
    assert await stage.asks("ana", incident.channel, "/handover @ana") == golden("""
        You cannot hand over to yourself.
          Name who takes over, or nobody.
          Try: /handover
          (You typed: /handover @ana)
        """)
    assert await stage.asks("ana", incident.channel, "/handover @eve") == golden("""
        Eve Larsson is a viewer and cannot hold a role.
          Roles go to responders and operators.
          (You typed: /handover @eve)
        """)
    assert await stage.asks("ana", incident.channel, "/handover @nobody") == golden("""
        I know nobody called @nobody.
          People I know: @ana, @ben, @chloe, @dev, @eve.
          Try: /handover @ben
          (You typed: /handover @nobody)
        """)
    await stage.quietly("ana", incident.channel, "/handover @ben")
    assert await stage.asks("ana", incident.channel, "/handover @chloe") == golden("""
        A handover is waiting for its answer already.
          It is accepted or declined with its buttons; the incident commander can decline it too.
          (You typed: /handover @chloe)
        """)
    offered = await stage.message_with("Accept", incident.channel)
    await stage.quietly("ana", incident.channel, "/incident resolve")
    refused = await stage.clicks("ben", offered, "Accept")
    assert (await stage.world.read(refused.reply_key, "ben")).splitlines()[0] == "That button is out of date."


async def test_a_role_that_changed_hands_meanwhile_does_not_move_with_the_handover(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly(
        "ana", incident.channel, "/incident role claim ic", "/incident role claim tech", "/handover ben"
    )
    await stage.quietly("chloe", incident.channel, "/incident role tech @chloe")
    await stage.presses("ben", incident.channel, "Accept")
    assert (await stage.world.incident(incident.id)).roles == {"ic": "ben", "tech": "chloe"}


async def test_a_handover_of_roles_that_have_moved_on_is_void(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident role claim ic", "/handover @dev")
    offered = await stage.message_with("Accept", incident.channel)
    assert "Handover void" in await stage.types("ben", incident.channel, "/incident role ic @ben")
    assert not (await stage.clicks("dev", offered, "Accept")).accepted
    assert "Handover: SEV1" in await stage.types("ben", incident.channel, "/handover @dev")


async def test_a_handover_of_roles_that_were_given_back_is_void(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident role claim ic", "/incident role claim tech", "/handover")
    await stage.quietly("ana", incident.channel, "/incident role release tech")
    assert (await stage.world.incident(incident.id)).offer is not None
    assert "Handover void" in await stage.types("ana", incident.channel, "/incident role release ic")
    assert (await stage.world.incident(incident.id)).offer is None


async def test_the_commander_clears_a_handover_that_nobody_answers(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident role claim tech", "/incident role ic @chloe")
    await stage.quietly("ana", incident.channel, "/handover @dev")
    assert "This handover is for Dev Patel." in await stage.presses("ben", incident.channel, "Decline")
    assert "This handover is for Dev Patel." in await stage.presses("chloe", incident.channel, "Accept")
    assert "Handover declined" in await stage.presses("chloe", incident.channel, "Decline")
    assert (await stage.world.incident(incident.id)).roles == {"ic": "chloe", "tech": "ana"}


async def test_the_end_takes_the_buttons_from_a_handover(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident role claim ic", "/handover @dev")
    assert "Handover void" in await stage.types("ana", incident.channel, "/incident resolve")
