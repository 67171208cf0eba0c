"""Transcripts of roles: assigned, claimed, released, by command and by button."""

from __future__ import annotations

import asyncio

from tests.scenario.stage import Stage, golden, on_card, transcript, without_card


@transcript("/incident role")
async def test_a_role_is_given_and_everybody_reads_who_has_it(stage: Stage) -> None:
    incident = await stage.declares()
    said = await stage.types("ana", incident.channel, "/incident role ic @ben")
    assert said == golden("""
        [#incident-20260301-001, all, pinned, edited]
        SEV1 · API answers 502
          Status: investigating
          Severity: SEV1, critical
          Incident commander: @Ben Okafor
          Free roles: technical lead, communications lead
          Service: gateway
          Declared: 2026-03-01 12:00 UTC
          Next update due: 12:15 UTC
          [Be technical lead] [Be communications lead]
          (incident-20260301-001)
        [#incident-20260301-001, all]
        Incident commander: Ben Okafor
          @Ana Ruiz gave the role to @Ben Okafor.
        """)
    said = await stage.types("ana", incident.channel, "/incident role commander <@chloe>")
    assert said.split("[#incident-20260301-001, all]")[1].strip() == golden("""
        Incident commander: Chloé Martin
          @Ana Ruiz gave the role to @Chloé Martin from @Ben Okafor.
        """)
    assert await stage.types("ana", incident.channel, "/incident role") == golden("""
        [#incident-20260301-001, only ana]
        Roles of SEV1 · API answers 502
          Take one: /incident role claim tech
          Incident commander: @Chloé Martin
          Free roles: technical lead, communications lead
        """)
    assert await stage.asks("ana", incident.channel, "/incident role ic @chloe") == golden("""
        Chloé Martin is incident commander already.
          (You typed: /incident role ic @chloe)
        """)
    assert await stage.asks("ana", incident.channel, "/incident role ic @eve") == golden("""
        Eve Larsson is a viewer and cannot hold a role.
          Roles go to responders and operators.
          (You typed: /incident role ic @eve)
        """)
    assert await stage.asks("ana", incident.channel, "/incident role ic @zoe") == golden("""
        I know nobody called @zoe.
          People I know: @ana, @ben, @chloe, @dev, @eve.
          Try: /incident role ic @ana
          (You typed: /incident role ic @zoe)
        """)
    assert await stage.asks("ana", incident.channel, "/incident role boss @ben") == golden("""
        “boss” is no role.
          Allowed: ic, tech or comms.
          Try: /incident role ic @ana
          (You typed: /incident role boss @ben)
        """)


@transcript("/incident role claim")
async def test_a_role_is_claimed_once(stage: Stage) -> None:
    incident = await stage.declares()
    said = await stage.types("ana", incident.channel, "/incident role claim tech")
    assert said == golden("""
        [#incident-20260301-001, all, pinned, edited]
        SEV1 · API answers 502
          Status: investigating
          Severity: SEV1, critical
          Technical lead: @Ana Ruiz
          Free roles: incident commander, communications lead
          Service: gateway
          Declared: 2026-03-01 12:00 UTC
          Next update due: 12:15 UTC
          [Be incident commander] [Be communications lead]
          (incident-20260301-001)
        [#incident-20260301-001, all]
        Technical lead: Ana Ruiz
          @Ana Ruiz took the role.
        """)
    assert await stage.asks("ana", incident.channel, "/incident role claim tech") == golden("""
        You are technical lead already.
          (You typed: /incident role claim tech)
        """)
    assert await stage.asks("ben", incident.channel, "/incident role claim tech") == golden("""
        Ana Ruiz is technical lead.
          They can hand over to you, or anybody can reassign the role.
          Try: /incident role tech @ben
          (You typed: /incident role claim tech)
        """)
    assert await stage.asks("ben", incident.channel, "/incident role claim boss") == golden("""
        “boss” is no role.
          Allowed: ic, tech or comms.
          Try: /incident role claim tech
          (You typed: /incident role claim boss)
        """)


@transcript("/incident role release")
async def test_only_who_holds_a_role_releases_it(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident role claim ic")
    assert await stage.asks("ben", incident.channel, "/incident role release ic") == golden("""
        You are not incident commander.
          Only who holds a role can release it.
          (You typed: /incident role release ic)
        """)
    said = await stage.types("ana", incident.channel, "/incident role release")
    assert on_card(said, "Roles") == ["Roles: nobody yet"]
    assert without_card(said) == golden("""
        [#incident-20260301-001, only ben]
        You are not incident commander.
          Only who holds a role can release it.
          (You typed: /incident role release ic)
        [#incident-20260301-001, all]
        Incident commander is free
          @Ana Ruiz stepped down.
        """)


async def test_the_communications_lead_alone_is_given_the_words_for_the_status_page(stage: Stage) -> None:
    incident = await stage.declares()
    said = await stage.types("ana", incident.channel, "/incident role comms @chloe")
    whispered = said[said.index("[#incident-20260301-001, only chloe]") :].split("\n[#")[0]
    assert whispered == golden("""
        [#incident-20260301-001, only chloe]
        Status page: investigating
          The public will read exactly this.
          Impact: critical
          Goes to: the status page (/status)
          | Title: [INVESTIGATING] Gateway issues
          | Status: Investigating
          | Impact: Being assessed
          |
          | We are currently investigating issues affecting API requests. Our team is actively working to identify and resolve the issue.
          |
          | Updates will be provided every 15 minutes.
          | The next update is due by 12:15 UTC.
          [Publish] [Discard]
          (To say it otherwise: /status edit pub-… TEXT)
        """)  # noqa: E501
    await stage.quietly("ana", incident.channel, "/incident note --as impact logins fail for one user in ten")
    said = await stage.types("ana", incident.channel, "/incident status identified")
    assert "logins fail for one user in ten" in said.split("only chloe]")[1]


async def test_the_buttons_of_the_card_claim_roles(stage: Stage) -> None:
    incident = await stage.declares()
    said = await stage.presses("ben", incident.channel, "Be incident commander")
    assert said == golden("""
        [#incident-20260301-001, all, pinned, edited]
        SEV1 · API answers 502
          Status: investigating
          Severity: SEV1, critical
          Incident commander: @Ben Okafor
          Free roles: technical lead, communications lead
          Service: gateway
          Declared: 2026-03-01 12:00 UTC
          Next update due: 12:15 UTC
          [Be technical lead] [Be communications lead]
          (incident-20260301-001)
        [#incident-20260301-001, all]
        Incident commander: Ben Okafor
          @Ben Okafor took the role.
        """)


async def test_a_viewer_cannot_claim_with_the_button_and_it_stays_good_for_others(stage: Stage) -> None:
    incident = await stage.declares()
    message = await stage.message_with("Be incident commander", incident.channel, "eve")
    await stage.clicks("eve", message, "Be incident commander")
    assert await stage.news() == golden("""
        [#incident-20260301-001, only eve]
        That is not for you to decide.
          Who may: responders, operators, admins, whoever has a role in the incident.
        """)
    assert (await stage.clicks("ben", message, "Be incident commander")).accepted


async def test_a_button_of_a_card_that_changed_is_out_of_date(stage: Stage) -> None:
    incident = await stage.declares()
    old = await stage.message_with("Be technical lead", incident.channel)
    await stage.quietly("ana", incident.channel, "/incident severity sev2")
    assert not (await stage.clicks("ben", old, "Be technical lead")).accepted
    assert (await stage.world.incident(incident.id)).roles == {}
    assert await stage.news() == golden("""
        [#incident-20260301-001, only ben]
        That button is out of date.
          Use the newest message.
        """)


async def test_an_invented_token_is_refused(stage: Stage) -> None:
    await stage.declares()
    receipt = await stage.world.click("ben", "", "", token="made-up")
    assert not receipt.accepted


async def test_of_two_who_claim_at_once_one_gets_the_role_and_the_other_is_told(stage_on: Stage) -> None:
    incident = await stage_on.declares()
    receipts = await asyncio.gather(
        stage_on.world.command("ana", incident.channel, "/incident role claim ic"),
        stage_on.world.command("ben", incident.channel, "/incident role claim ic"),
        stage_on.world.command("dev", incident.channel, "/incident role claim ic"),
    )
    assert sorted(receipt.accepted for receipt in receipts) == [False, False, True]
    timeline = await stage_on.asks("eve", incident.channel, "/incident timeline")
    assert timeline.count("took the role of incident commander") == 1


async def test_of_two_clicks_on_one_button_one_counts(stage_on: Stage) -> None:
    incident = await stage_on.declares()
    message = await stage_on.message_with("Be incident commander", incident.channel)
    clicks = (stage_on.clicks(person, message, "Be incident commander") for person in ("ana", "ben", "ana"))
    receipts = await asyncio.gather(*clicks)
    assert sorted(receipt.accepted for receipt in receipts) == [False, False, True]
