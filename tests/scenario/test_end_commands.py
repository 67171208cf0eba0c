"""Transcripts of the end of an incident: resolve, reopen, the postmortem."""

from __future__ import annotations

from commands.domain.incident import Incident
from tests.scenario.stage import Stage, golden, message_with, on_card, stable, transcript, without_card


@transcript("/incident resolve")
async def test_resolve_stops_the_clock_and_orders_the_draft(stage: Stage) -> None:
    incident = await stage.declares()
    stage.later(minutes=42)
    said = await stage.types("ana", incident.channel, "/incident resolve scaled to 10 workers")
    await stage.drafted(incident)
    said = f"{said}\n{await stage.news()}".strip()
    assert said == golden("""
        [#incident-20260301-001, all, pinned, edited]
        SEV1 · API answers 502
          Status: resolved
          Severity: SEV1, critical
          Roles: nobody
          Service: gateway
          Lasted: 42 min
          [Reopen]
          (incident-20260301-001)
        [#incident-20260301-001, all]
        Resolved after 42 min
          scaled to 10 workers
          Now: errors 0.2%, p95 40 ms, 100 req/s
          (by @Ana Ruiz)
        [#incident-20260301-001, all]
        Postmortem of SEV1 · API answers 502
          Read the draft (/postmortems/incident-20260301-001).
          Add the cause: /incident note --as cause what went wrong
          Lasted: 42 min
          Missing: cause, action items, lessons
        """)
    assert await stage.asks("ben", incident.channel, "/incident resolve again") == golden("""
        The incident is over; its status is resolved.
          Try: /incident reopen errors are back
          (You typed: /incident resolve again)
        """)
    assert await stage.asks("ben", incident.channel, "/incident severity sev2") == golden("""
        The incident is over; its status is resolved.
          Try: /incident reopen errors are back
          (You typed: /incident severity sev2)
        """)


async def test_resolve_names_the_temporary_changes_that_are_still_there(stage: Stage) -> None:
    incident = await stage.declares()
    for line in ("/gw scale 10 --for 30m", "/gw scale 12 --for 1h"):
        await stage.runs("ben", incident.channel, line)
        stage.later(seconds=1)
    await stage.news()
    said = await stage.types("ana", incident.channel, "/incident resolve --anyway")
    shown = said[said.index("Resolved after") :].splitlines()
    first = "Scale gateway up from 3 to 10 workers (until 12:30 UTC)"
    second = "Scale gateway up from 10 to 12 workers (until 13:00 UTC)"
    assert shown[1] == f"  2 temporary changes are still there: {first}; {second}. All: /leases"


@transcript("/incident resolve")
async def test_resolve_is_questioned_while_the_measurements_are_red(stage: Stage) -> None:
    incident = await stage.declares()
    reading = stage.world.gateway.reading_now
    stage.world.gateway.reading_now = reading.model_copy(update={"errors": 310, "error_rate": 0.31, "p95_ms": 900.0})
    assert await stage.types("ana", incident.channel, "/incident resolve I think it is over") == golden("""
        [#incident-20260301-001, all]
        Is it over? The service is still outside its objectives
          Nothing was ended. If it is over all the same: /incident resolve --anyway I think it is over
          Now: errors 31.0%, p95 900 ms, 100 req/s
          [Resolve anyway]
          (by @Ana Ruiz)
        """)
    assert (await stage.world.incident(incident.id)).status.is_open
    said = await stage.presses("ana", incident.channel, "Resolve anyway")
    assert (
        golden("""
        Resolved after 0 s
          I think it is over
          Careful: the service is still outside its objectives. Not over? /incident reopen
          (by @Ana Ruiz)
        """)
        in said
    )  # the draft may come before it or after
    assert not (await stage.world.incident(incident.id)).status.is_open


@transcript("/incident reopen")
async def test_reopen_runs_the_clock_on_by_command_and_by_button(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident resolve")
    await stage.drafted(incident)
    stage.later(minutes=5)
    await stage.news()
    said = await stage.types("ben", incident.channel, "/incident reopen errors are back")
    assert on_card(said, "Status", "Next update due") == ["Status: investigating", "Next update due: 12:20 UTC"]
    assert without_card(said) == golden("""
        [#incident-20260301-001, all]
        Reopened
          errors are back
          The clock runs on from the declaration.
          (by @Ben Okafor)
        """)
    assert await stage.asks("ben", incident.channel, "/incident reopen") == golden("""
        The incident is open already: investigating.
          (You typed: /incident reopen)
        """)
    await stage.quietly("ana", incident.channel, "/incident resolve")
    said = await stage.presses("chloe", incident.channel, "Reopen")
    assert message_with("Reopened", said) == golden("""
        [#incident-20260301-001, all]
        Reopened
          The clock runs on from the declaration.
          (by @Chloé Martin)
        """)
    assert (await stage.world.incident(incident.id)).status.is_open


async def _ended(stage: Stage) -> Incident:
    """An incident with a commander, a cause and an action item, resolved after half an hour and drafted."""
    incident = await stage.declares()
    await stage.quietly(
        "ana",
        incident.channel,
        "/incident role claim ic",
        "/incident note --as cause the connection pool was exhausted",
        "/incident note --as action @ben add an alert by 2026-03-20",
    )
    stage.later(minutes=30)
    await stage.quietly("ana", incident.channel, "/incident resolve rolled back")
    await stage.drafted(incident)
    await stage.news()
    return incident


_DRAFT = golden("""
    # Incident Post-Mortem: API answers 502

    **Date:** 2026-03-01
    **Severity:** SEV1 (critical)
    **Duration:** 30 minutes
    **Impact:** No measurements were taken during the incident, so its impact in numbers is not known.
    **Incident:** incident-20260301-001 (gateway), status resolved

    ## Timeline

    Times are in UTC.

    **2026-03-01**

    - 12:00 - Ana Ruiz declared SEV1: API answers 502
    - 12:00 - Ana Ruiz took the role of incident commander
    - 12:00 - Ana Ruiz noted a cause: the connection pool was exhausted
    - 12:00 - Ana Ruiz noted an action item: @ben add an alert by 2026-03-20
    - 12:30 - Ana Ruiz resolved the incident (rolled back)

    ### Measured

    | Figure | Value |
    |--------|-------|
    | Impact | no measurements |
    | Declaration to first role taken | 0 seconds (asked for: 15 minutes) |

    ### Key moments

    | Moment | When | From |
    |--------|------|------|
    | Began: the trouble began | not known | `/postmortem moment began 14:05` |
    | Detected: an alert, the watch or somebody saw it | 2026-03-01 12:00 UTC | declared by Ana Ruiz |
    | Acknowledged: somebody was at work on it | 2026-03-01 12:00 UTC | first worked on by Ana Ruiz |
    | Mitigated: it stopped hurting | not known | `/postmortem moment mitigated 14:05` |
    | Resolved: it was over | 2026-03-01 12:30 UTC | resolved by Ana Ruiz |

    | Time | | From | To |
    |------|---|------|----|
    | TTD, time to detect | not known | began | detected |
    | TTA, time to acknowledge | 0 seconds | detected | acknowledged |
    | TTM, time to mitigate | not known | began | mitigated |
    | TTR, time to resolve | not known | began | resolved |

    ### People

    - Declared by: Ana Ruiz
    - Incident commander: Ana Ruiz, 12:00 to the end
    - Took part: Ana Ruiz

    ## Root Cause

    the connection pool was exhausted

    *Noted by Ana Ruiz at 12:00.*

    ## Resolution

    rolled back

    *Said by Ana Ruiz on resolving at 12:30.*

    ### Mitigations

    Nothing was changed through Tocsin.

    ## Action Items

    1. [ ] add an alert - Assigned to: Ben Okafor - Due: 2026-03-20

    ## Lessons Learned

    None noted yet: add them with `/incident note --as lesson ...`
""")


async def test_the_postmortem_is_drafted_from_what_happened(stage: Stage) -> None:
    assert stable(await stage.drafted(await _ended(stage))) == _DRAFT


@transcript("/postmortem", "/postmortem show")
async def test_the_postmortem_is_found_and_what_it_lacks_is_said(stage: Stage) -> None:
    incident = await _ended(stage)
    assert await stage.types("eve", incident.channel, "/postmortem") == golden("""
        [#incident-20260301-001, only eve]
        Postmortem of SEV1 · API answers 502
          Read the draft (/postmortems/incident-20260301-001).
          Add the lessons: /incident note --as lesson what we learned
          Lasted: 30 min
          Missing: lessons
        """)
    shown = await stage.asks("eve", "general", f"/postmortem show {incident.id}")
    assert shown == await stage.asks("eve", incident.channel, "/postmortem show")
    await stage.quietly("ben", incident.channel, "/incident note --as lesson alert on the pool, too")
    complete = await stage.asks("eve", incident.channel, "/postmortem")
    assert "Missing: nothing" in complete
    assert "Once it has been reviewed: /incident status closed" in complete


@transcript("/postmortem")
async def test_before_the_end_there_is_no_postmortem(stage: Stage) -> None:
    incident = await stage.declares()
    assert await stage.types("ana", incident.channel, "/postmortem") == golden("""
        [#incident-20260301-001, only ana]
        There is no postmortem yet.
          It is drafted when the incident is resolved.
          Try: /incident resolve what fixed it
          (You typed: /postmortem)
        """)


async def test_a_marked_note_after_the_end_is_drafted_in(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident resolve")
    first = await stage.drafted(incident)
    await stage.news()
    await stage.world.command("ana", incident.channel, "/incident note --as cause a cable was cut")

    async def redrafted() -> bool:
        return "a cable was cut" in await stage.drafted(incident)

    assert "a cable was cut" not in first
    await stage.world.until(redrafted)
    edited = (await stage.news()).rpartition("[#incident-20260301-001, all, edited]\n")[2]
    assert edited == golden("""
        Postmortem of SEV1 · API answers 502
          Read the draft (/postmortems/incident-20260301-001).
          Add the resolution: /incident note --as resolution what fixed it
          Lasted: 0 s
          Missing: resolution, action items, lessons
        """)


@transcript("/postmortem export")
async def test_export_links_to_the_markdown(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident resolve")
    text = await stage.drafted(incident)
    said = await stage.asks("eve", incident.channel, "/postmortem export")
    assert said.replace(f"{len(text):,}", "N") == golden("""
        Postmortem of SEV1 · API answers 502
          Markdown: incident-20260301-001.md (/postmortems/incident-20260301-001.md) (N characters).
        """)


async def test_the_beginning_of_a_long_configuration_is_shown(stage: Stage) -> None:
    stage.world.gateway.settings = "server:\n" + "".join(f"  key{n}: value\n" for n in range(300))
    said = await stage.asks("ana", "general", "/gw config")
    assert "| server:" in said
    assert "… 101 more lines left out" in said


async def test_a_change_after_the_end_is_drafted_in(stage: Stage) -> None:
    incident = await stage.declares("sev3 slow logins")
    await stage.quietly("ana", incident.channel, "/incident resolve")
    before = await stage.drafted(incident)
    assert "Scale gateway up" not in before
    await stage.runs("ben", incident.channel, "/gw scale 6")

    async def drafted_anew() -> bool:
        return "done: 6 of 6 workers ready" in await stage.drafted(incident)

    await stage.world.until(drafted_anew)


async def test_who_led_an_incident_that_is_over_reopens_it_and_changes_nothing_before(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident role ic @chloe", "/incident resolve")
    assert not (await stage.world.command("chloe", incident.channel, "/gw scale 4")).accepted
    assert (await stage.world.command("chloe", incident.channel, "/incident note --as lesson x")).accepted
    assert (await stage.world.command("chloe", incident.channel, "/incident reopen not over")).accepted
    assert (await stage.world.command("chloe", incident.channel, "/gw scale 4")).accepted


async def test_the_public_is_not_told_that_all_is_well_while_it_is_not(stage: Stage) -> None:
    incident = await stage.declares("sev1 x --service AuthAPI")
    await stage.quietly("ana", incident.channel, "/incident role comms @chloe")
    said = await stage.types("ana", incident.channel, "/incident resolve")
    assert "Title: [RESOLVED] AuthAPI issues" in said
    again = await stage.declares("sev1 x")
    await stage.quietly("ana", again.channel, "/incident role comms @chloe")
    gateway = stage.world.gateway
    gateway.reading_now = gateway.reading_now.model_copy(update={"errors": 400, "error_rate": 0.4})
    said = await stage.types("ana", again.channel, "/incident resolve")
    assert "Now: errors 40.0%" in said
    assert "operating normally" not in said
