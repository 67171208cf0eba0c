"""Transcripts of what responders record: declare, list, show, status, severity, note, link, timeline."""

from __future__ import annotations

import pytest

from tests.scenario.stage import Stage, golden, on_card, transcript, without_card


@pytest.mark.filterwarnings("ignore:The Result.tuples")  # asked for by the list of channels
@transcript("/incident declare")
async def test_declare_opens_a_channel_with_a_pinned_card_first_steps_and_an_announcement(stage_on: Stage) -> None:
    said = await stage_on.types("ana", "general", "/incident declare sev1 API answers 502 --service gateway")
    assert said == golden("""
        [#incident-20260301-001, all, pinned]
        SEV1 · API answers 502
          Status: investigating
          Severity: SEV1, critical
          Roles: nobody yet
          Service: gateway
          Declared: 2026-03-01 12:00 UTC
          Next update due: 12:15 UTC
          [Be incident commander] [Be technical lead] [Be communications lead]
          (incident-20260301-001)
        [#incident-20260301-001, all]
        First steps
          On duty: @Ana Ruiz
          SEV1: respond within 15 min, escalate after 30 min.
          Take command: /incident role claim ic
          See how the gateway is: /gw status
          See what fails: /gw errors
          Write down what you find: /incident note what you saw
          Tell everybody what you know: /incident status identified what it is
        [#incidents, all]
        SEV1 · API answers 502
          @Ana Ruiz opened #incident-20260301-001
        [#general, all]
        Declared: SEV1 · API answers 502
          Work on it in #incident-20260301-001.
          (by @Ana Ruiz)
        """)
    channels = {view.name: view for view in await stage_on.world.app.record.channels("eve")}
    opened = channels["incident-20260301-001"]
    assert (opened.topic, opened.private, opened.incident) == (
        "SEV1 · API answers 502 · investigating · no commander yet",
        False,
        opened.name,
    )


@transcript("/incident declare")
async def test_declare_without_a_title_says_what_is_affected(stage: Stage) -> None:
    incident = await stage.declares("sev3 --service billing")
    assert (incident.title, incident.service) == ("Medium incident on billing", "billing")


@transcript("/incident list")
async def test_list_shows_open_incidents_newest_first_to_the_asker_alone(stage: Stage) -> None:
    assert await stage.types("eve", "general", "/incident list") == golden("""
        [#general, only eve]
        No incident is open.
        """)
    first = await stage.declares("sev2 Orders are slow")
    stage.later(minutes=90)
    await stage.declares("sev1 API answers 502", person="ben")
    await stage.quietly("ben", first.channel, "/incident role claim ic")
    assert await stage.types("eve", "general", "/incident list") == golden("""
        [#general, only eve]
        2 open incidents
          SEV1 · API answers 502 · investigating · 0 s · no commander · #incident-20260301-002
          SEV2 · Orders are slow · investigating · 1 h 30 min · @Ben Okafor · #incident-20260301-001
        """)
    await stage.quietly("ben", first.channel, "/incident resolve a replica was removed")
    assert await stage.asks("eve", "general", "/incident list") == golden("""
        1 open incident
          SEV1 · API answers 502 · investigating · 0 s · no commander · #incident-20260301-002
        """)
    assert await stage.asks("eve", "general", "/incident list --all") == golden("""
        2 incidents
          SEV1 · API answers 502 · investigating · 0 s · no commander · #incident-20260301-002
          SEV2 · Orders are slow · resolved · 1 h 30 min · @Ben Okafor · #incident-20260301-001
        """)


@transcript("/incident show")
async def test_show_is_the_card_without_buttons_for_the_asker_alone(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly(
        "ana", incident.channel, "/incident role claim ic", "/incident link https://grafana.example/d/1 errors"
    )
    stage.later(minutes=7)
    assert await stage.types("eve", "general", f"/incident show {incident.id}") == golden("""
        [#general, only eve]
        SEV1 · API answers 502
          Status: investigating
          Severity: SEV1, critical
          Incident commander: @Ana Ruiz
          Free roles: technical lead, communications lead
          Service: gateway
          Declared: 2026-03-01 12:00 UTC
          Next update due: 12:15 UTC
          Link: errors (https://grafana.example/d/1)
          (incident-20260301-001)
        """)
    assert await stage.asks("eve", incident.channel, "/incident show") == await stage.asks(
        "eve", "general", f"/incident show #{incident.id}"
    )
    assert await stage.asks("eve", "general", "/incident show incident-20260301-099") == golden("""
        There is no incident incident-20260301-099.
          Try: /incident list
          (You typed: /incident show incident-20260301-099)
        """)
    assert await stage.asks("eve", "general", "/incident show") == golden("""
        That works in an incident's channel only.
          Try: /incident list
          (You typed: /incident show)
        """)


@transcript("/incident status")
async def test_status_moves_and_the_same_again_is_an_update(stage: Stage) -> None:
    incident = await stage.declares()
    stage.later(minutes=6)
    said = await stage.types("ana", incident.channel, "/incident status identified bad deploy of the auth service")
    assert said == golden("""
        [#incident-20260301-001, all, pinned, edited]
        SEV1 · API answers 502
          Status: identified
          Severity: SEV1, critical
          Roles: nobody yet
          Service: gateway
          Declared: 2026-03-01 12:00 UTC
          Next update due: 12:21 UTC
          [Be incident commander] [Be technical lead] [Be communications lead]
          (incident-20260301-001)
        [#incident-20260301-001, all]
        Status: identified
          bad deploy of the auth service
          Next update due: 12:21 UTC
          (by @Ana Ruiz)
        """)
    stage.later(minutes=5)
    said = await stage.types("ana", incident.channel, "/incident status identified rolling back\nnow")
    assert said == golden("""
        [#incident-20260301-001, all, pinned, edited]
        SEV1 · API answers 502
          Status: identified
          Severity: SEV1, critical
          Roles: nobody yet
          Service: gateway
          Declared: 2026-03-01 12:00 UTC
          Next update due: 12:26 UTC
          [Be incident commander] [Be technical lead] [Be communications lead]
          (incident-20260301-001)
        [#incident-20260301-001, all]
        Update: still identified
          rolling back
        now
          Next update due: 12:26 UTC
          (by @Ana Ruiz)
        """)


@transcript("/incident status")
async def test_status_is_not_for_viewers_and_does_not_end_an_incident(stage: Stage) -> None:
    incident = await stage.declares()
    assert await stage.types("eve", incident.channel, "/incident status") == golden("""
        [#incident-20260301-001, only eve]
        /incident status is not for you.
          Who may: responders, operators, admins, whoever has a role in the incident. Ask one of them to run it.
          (You typed: /incident status)
        """)
    await stage.quietly("ana", incident.channel, "/incident status")
    assert await stage.asks("ana", incident.channel, "/incident status resolved all good") == golden("""
        Resolving has its own command.
          Try: /incident resolve what fixed it
          (You typed: /incident status resolved all good)
        """)
    assert await stage.asks("ana", incident.channel, "/incident status closed") == golden("""
        The incident is still open; closed comes after it is resolved.
          Try: /incident resolve what fixed it
          (You typed: /incident status closed)
        """)


@transcript("/incident status")
async def test_status_after_the_end_goes_to_postmortem_and_closed_but_not_back(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident resolve", "/incident status postmortem")
    assert await stage.asks("ana", incident.channel, "/incident status monitoring") == golden("""
        The incident is over; its status is postmortem.
          Try: /incident reopen errors are back
          (You typed: /incident status monitoring)
        """)
    await stage.quietly("ana", incident.channel, "/incident status closed")
    assert (await stage.world.incident(incident.id)).status == "closed"


@transcript("/incident severity")
async def test_severity_changes_with_its_criteria_and_reason(stage: Stage) -> None:
    incident = await stage.declares()
    said = await stage.types("ben", incident.channel, "/incident severity SEV-3 only one route is affected")
    assert said == golden("""
        [#incident-20260301-001, all, pinned, edited]
        SEV3 · API answers 502
          Status: investigating
          Severity: SEV3, medium
          Roles: nobody yet
          Service: gateway
          Declared: 2026-03-01 12:00 UTC
          Next update due: 13:00 UTC
          [Be incident commander] [Be technical lead] [Be communications lead]
          (incident-20260301-001)
        [#incident-20260301-001, all]
        Severity: SEV1 → SEV3
          only one route is affected
          SEV3: Minor degradation (errors 10 to 50%).
          (by @Ben Okafor)
        """)
    assert await stage.asks("ben", incident.channel, "/incident severity 3") == golden("""
        The incident is SEV3 already.
          (You typed: /incident severity 3)
        """)
    assert await stage.asks("ben", incident.channel, "/incident severity sev9") == golden("""
        “sev9” is no severity.
          Severities: SEV1 (critical), SEV2 (high), SEV3 (medium) or SEV4 (low).
          Try: /incident severity sev2 only one route is affected
          (You typed: /incident severity sev9)
        """)


@transcript("/incident note")
async def test_notes_keep_their_lines_and_can_be_marked(stage: Stage) -> None:
    incident = await stage.declares()
    said = await stage.types("chloe", incident.channel, "/incident note first line\n  second line, it's odd\nthird")
    assert said == golden("""
        [#incident-20260301-001, all]
        Noted
          first line
          second line, it's odd
        third
          (by @Chloé Martin)
        """)
    said = await stage.types("chloe", incident.channel, "/incident note --as cause pool exhausted -- see the graph")
    assert said == golden("""
        [#incident-20260301-001, all]
        Noted as cause
          pool exhausted -- see the graph
          (by @Chloé Martin)
        """)
    assert await stage.asks("chloe", incident.channel, "/incident note") == golden("""
        /incident note: text is missing (what to remember).
          Try: /incident note --as cause connection pool exhausted
          (You typed: /incident note)
        """)
    assert await stage.asks("chloe", incident.channel, "/incident note --as reason x") == golden("""
        “reason” is no note kind.
          Allowed: note, cause, resolution, impact, decision, action or lesson.
          Try: /incident note --as cause connection pool exhausted
          (You typed: /incident note --as reason x)
        """)
    assert await stage.asks("chloe", incident.channel, f"/incident note {'x' * 4001}") == golden("""
        That note has 4,001 characters; at most 4,000 fit.
          Put long output into a file and link to it.
          Try: /incident link https://files.example/dump the whole output
          (You typed: /incident note xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…)
        """)  # noqa: E501


@transcript("/incident link")
async def test_links_show_on_the_card(stage: Stage) -> None:
    incident = await stage.declares()
    said = await stage.types("ana", incident.channel, "/incident link https://grafana.example/d/1 error rate")
    assert on_card(said, "Link") == ["Link: error rate (https://grafana.example/d/1)"]
    assert without_card(said) == golden("""
        [#incident-20260301-001, all]
        Link added
          @Ana Ruiz added error rate (https://grafana.example/d/1)
        """)
    assert await stage.asks("ana", incident.channel, "/incident link javascript:alert(1) x") == golden("""
        javascript:alert(1) is no http(s) address.
          Try: /incident link https://grafana.example/d/1 errors
          (You typed: /incident link javascript:alert(1) x)
        """)
    assert await stage.asks("ana", incident.channel, "/incident link") == golden("""
        /incident link: url is missing (an http(s) address).
          Try: /incident link https://grafana.example/d/gateway error rate
          (You typed: /incident link)
        """)


@transcript("/incident timeline")
async def test_a_timeline_over_days_shows_each_date_once_in_the_readers_zone(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident role claim ic", "/incident status identified bad deploy")
    stage.later(hours=11, minutes=30)
    await stage.quietly("ben", incident.channel, "/incident note still looking")
    stage.later(hours=1)
    await stage.quietly(
        "ben", incident.channel, "/incident severity sev2 fewer routes", "/incident link https://g.example/x"
    )
    stage.later(days=2)
    await stage.quietly("ana", incident.channel, "/incident resolve rolled back", "/incident reopen errors are back")
    await stage.drafted(incident)
    await stage.news()
    assert await stage.types("chloe", incident.channel, "/incident timeline") == golden("""
        [#incident-20260301-001, only chloe]
        Timeline of SEV2 · API answers 502
          2026-03-04 00:30 UTC · @Ana Ruiz reopened the incident (errors are back)
          00:30 UTC · @Ana Ruiz resolved the incident (rolled back)
          2026-03-02 00:30 UTC · @Ben Okafor added a link: https://g.example/x
          00:30 UTC · @Ben Okafor changed the severity from SEV1 to SEV2 (fewer routes)
          23:30 UTC · @Ben Okafor: still looking
          2026-03-01 12:00 UTC · @Ana Ruiz set the status to identified (bad deploy)
          12:00 UTC · @Ana Ruiz took the role of incident commander
          12:00 UTC · @Ana Ruiz declared SEV1: API answers 502
        """)
    india = await stage.asks("dev", "general", f"/incident timeline {incident.id}")
    assert [line.split()[0] for line in india.splitlines()[1:] if "2026" in line.split()[0]] == [
        "2026-03-04",
        "2026-03-02",  # 06:00 in Kolkata
        "2026-03-01",  # 17:30
    ]


@transcript("/incident timeline")
async def test_a_long_timeline_begins_with_the_newest_and_says_how_to_see_the_rest(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, *(f"/incident note number {n}" for n in range(30)))
    said = (await stage.asks("eve", incident.channel, "/incident timeline")).splitlines()
    assert (said[1].split()[-1], said[-2].split()[-1]) == ("29", "10")
    assert said[-1] == "  (11 earlier entries: /incident timeline --all)"
    elsewhere = await stage.asks("eve", "general", f"/incident timeline {incident.id}")
    assert elsewhere.endswith(f"(11 earlier entries: /incident timeline {incident.id} --all)")
    everything = (await stage.asks("eve", incident.channel, "/incident timeline --all")).splitlines()
    assert len(everything) == 1 + 31
    assert everything[-1].endswith("@Ana Ruiz declared SEV1: API answers 502")


async def test_the_pinned_card_follows_every_change(stage: Stage) -> None:
    incident = await stage.declares()
    for line, expected in (
        ("/incident role claim ic", "Incident commander: @Ana Ruiz"),
        ("/incident role tech @ben", "Technical lead: @Ben Okafor"),
        ("/incident role release ic", "Free roles: incident commander, communications lead"),
        ("/incident severity sev2", "Severity: SEV2, high"),
        ("/incident status monitoring", "Status: monitoring"),
        ("/incident link https://g.example/x graph", "Link: graph (https://g.example/x)"),
        ("/incident resolve", "Status: resolved"),
        ("/incident reopen", "Status: investigating"),
    ):
        await stage.quietly("ana", incident.channel, line)
        pinned = await stage.world.app.record.pinned(incident.channel, "eve")
        assert pinned is not None
        assert expected in await stage.world.read(pinned.key, "eve"), line
