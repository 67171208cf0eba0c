"""Transcripts of `/postmortem`: key moments, versions, review, actions, the meeting."""

from __future__ import annotations

from bot.clocks import Clocks
from commands.domain.incident import Incident
from tests.scenario.browsing import browser
from tests.scenario.readings import readings
from tests.scenario.stage import Stage, golden, transcript

#: The key moments as they are found in the record.
FOUND = """\
  Moment        When                  From
  Began         2026-03-01 11:57 UTC  the first bad reading of those that led to the declaration
  Detected      2026-03-01 12:00 UTC  declared by Ana Ruiz
  Acknowledged  2026-03-01 12:00 UTC  first worked on by Ana Ruiz
  Mitigated     2026-03-01 12:03 UTC  the last bad reading
  Resolved      2026-03-01 12:06 UTC  resolved by Ben Okafor
  (TTD 3 min, TTA 0 s, TTM 6 min, TTR 9 min)"""


async def corrected(stage: Stage, incident: Incident) -> None:
    """By whoever knows; what makes no sense is said or refused."""
    await stage.news()
    assert await stage.asks("ben", incident.channel, "/postmortem moment detected 11:56") == golden("""
        Key moments of SEV1 · API answers 502
          @Ben Okafor set when it was detected: 2026-03-01 11:56 UTC.
          Careful: detected is before began.
          Moment        When                  From
          Began         2026-03-01 11:57 UTC  the first bad reading of those that led to the declaration
          Detected      2026-03-01 11:56 UTC  set by Ben Okafor
          Acknowledged  2026-03-01 12:00 UTC  first worked on by Ana Ruiz
          Mitigated     2026-03-01 12:03 UTC  the last bad reading
          Resolved      2026-03-01 12:06 UTC  resolved by Ben Okafor
          (TTD ?, TTA 4 min, TTM 6 min, TTR 9 min)
        """)
    assert await stage.asks("ben", incident.channel, "/postmortem moment began") == golden("""
        When was it?
          Give a time, or --record for what the record says.
          Try: /postmortem moment detected 12:04
          (You typed: /postmortem moment began)
        """)
    assert await stage.asks("ben", incident.channel, "/postmortem moment resolved 13:00") == golden("""
        That time is yet to come.
          For an earlier day, give the date too.
          Try: /postmortem moment began 2026-03-01T14:05
          (You typed: /postmortem moment resolved 13:00)
        """)
    await stage.news()


async def left_to_the_record(stage: Stage, incident: Incident) -> None:
    """What was set is taken back, and the draft follows."""
    assert await stage.asks("ana", incident.channel, "/postmortem moment detected --record") == golden(
        """
        Key moments of SEV1 · API answers 502
          @Ana Ruiz left it to the record when it was detected.
        """,
        FOUND,
    )

    async def drafted_anew() -> bool:
        return "left it to the record" in await stage.drafted(incident)

    await stage.world.until(drafted_anew)
    text = await stage.drafted(incident)
    assert "| Failed requests | 9,012 (21.5%) |" in text
    assert "| 1 minute 30 seconds of 4 minutes 19 seconds (34.8%) |" in text
    assert "| TTD, time to detect | 3 minutes | began | detected |" in text
    assert "| TTR, time to resolve | 9 minutes | began | resolved |" in text


@transcript("/postmortem moment", "/postmortem moments")
async def test_key_moments_are_found_and_corrected(stage: Stage) -> None:
    await stage.measured(*readings(False, True, True))
    incident = await stage.declares()
    stage.later(minutes=6)
    await stage.measured(*readings(True, True, True, False, False))
    await stage.quietly("ben", incident.channel, "/incident resolve scaled to 10 workers")
    await stage.drafted(incident)
    assert await stage.asks("chloe", incident.channel, "/postmortem moments") == golden(
        """
        Key moments of SEV1 · API answers 502
          One is wrong? /postmortem moment detected 12:04
        """,
        FOUND,
    )
    await corrected(stage, incident)
    await left_to_the_record(stage, incident)


@transcript("/postmortem edit", "/postmortem versions", "/postmortem review", "/postmortem publish")
async def test_from_the_draft_to_what_everybody_reads(stage: Stage) -> None:
    incident = await stage.declares()
    stage.later(minutes=30)
    assert await stage.asks("ana", incident.channel, "/postmortem publish") == golden("""
        The incident is not over.
          Try: /incident resolve what fixed it
          (You typed: /postmortem publish)
        """)
    await stage.quietly("ana", incident.channel, "/incident resolve rolled back")
    await stage.drafted(incident)
    assert await stage.asks("ben", incident.channel, "/postmortem edit") == golden("""
        Postmortem of SEV1 · API answers 502
          Edit the postmortem (/postmortems/incident-20260301-001/edit), section by section or as a whole.
          What you write stays: Tocsin brings only sections up to date that nobody has changed.
          Now: version 1, draft
        """)
    await stage.news()
    assert await stage.types("ben", incident.channel, "/postmortem review @ana") == golden("""
        [#incident-20260301-001, all]
        Postmortem to review: SEV1 · API answers 502
          @Ana Ruiz, please read it (/postmortems/incident-20260301-001).
          Change what is wrong (/postmortems/incident-20260301-001/edit). Once it is right: /postmortem publish
          Now: version 1, in review
          [Publish]
          (by @Ben Okafor)
        """)
    assert await stage.asks("chloe", incident.channel, "/postmortem versions") == golden("""
        Versions of the postmortem of SEV1 · API answers 502
          What changed in each (/postmortems/incident-20260301-001/versions).
             When                  Who      What
          1  2026-03-01 12:30 UTC  @Tocsin  drafted
        """)
    await stage.news()
    assert await stage.presses("ana", incident.channel, "Publish") == golden("""
        [#incident-20260301-001, all, pinned, edited]
        SEV1 · API answers 502
          Status: closed
          Severity: SEV1, critical
          Roles: nobody
          Service: gateway
          Lasted: 30 min
          (incident-20260301-001)
        [#incident-20260301-001, all]
        Postmortem published: SEV1 · API answers 502
          Read version 1 (/postmortems/incident-20260301-001), by @Ana Ruiz.
        """)
    assert await stage.asks("ana", incident.channel, "/postmortem publish") == golden("""
        Version 1 is published already.
          Try: /postmortem edit
          (You typed: /postmortem publish)
        """)
    assert await stage.asks("ana", incident.channel, "/postmortem review") == golden("""
        It is published, and nothing has changed since.
          Try: /postmortem edit
          (You typed: /postmortem review)
        """)


async def asked_for(stage: Stage, incident: Incident, clocks: Clocks) -> None:
    """By the clock, and in the list of all incidents."""
    stage.later(days=2, hours=6)
    await clocks.once()
    assert await stage.news() == golden("""
        [#incident-20260301-001, all]
        T2 is due: add an alert
          @Dev Patel: is it done?
          [Done] [Snooze until tomorrow]
          (due 17:00 UTC, 1 h ago)
        """)
    assert await stage.asks("ana", "general", "/actions") == golden("""
        2 open action items, 1 overdue
          Incident                    What           Whose        Due
          #incident-20260301-001  T2  add an alert   @Dev Patel   2026-03-03 17:00 UTC overdue
          #incident-20260301-001  T1  size the pool  @Ben Okafor
          (In its channel: /task done T1 or /task assign T1 @ana)
        """)
    assert await stage.asks("ana", "general", "/actions @ben") == golden("""
        1 open action item
          Incident                    What           Whose        Due
          #incident-20260301-001  T1  size the pool  @Ben Okafor
          (In its channel: /task done T1 or /task assign T1 @ana)
        """)
    await stage.news()


async def done_at_last(stage: Stage, incident: Incident, clocks: Clocks) -> None:
    """Weeks later, by the button and by typing."""
    stage.later(days=60)
    await clocks.once()
    assert "T2 is due: add an alert" in await stage.news()
    await stage.presses("dev", incident.channel, "Done")
    await stage.quietly("ben", incident.channel, "/task done T1")
    assert await stage.asks("ana", "general", "/actions") == golden("""
        No action item is open
        """)
    assert await stage.asks("ben", incident.channel, "/postmortem actions") == golden("""
        Every action item is done
              What           Whose        Due
          T1  size the pool  @Ben Okafor  done 2026-05-02 18:00 UTC
          T2  add an alert   @Dev Patel   done 2026-05-02 18:00 UTC
        """)
    stage.later(days=2)
    await clocks.once()
    assert "is it done?" not in await stage.news()


@transcript("/postmortem actions", "/actions")
async def test_action_items_are_followed_up_until_they_are_done(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly(
        "ana",
        incident.channel,
        "/task add size the pool @ben",
        "/incident note --as action @dev add an alert by 2026-03-03",
        "/incident resolve rolled back",
    )
    await stage.drafted(incident)
    assert await stage.asks("ben", incident.channel, "/postmortem actions") == golden("""
        2 action items of SEV1 · API answers 502 to be done
                What           Whose        Due
          T1    size the pool  @Ben Okafor
          text  add an alert   Dev Patel    2026-03-03
          (To follow up what only the text has: /postmortem actions --follow)
        """)
    await stage.news()
    said = await stage.types("ana", incident.channel, "/postmortem publish")
    assert "2 action items followed up until done: /postmortem actions" in said
    clocks = Clocks(stage.world.app.store, stage.world.app.services, every=5)
    await clocks.once()
    assert await stage.news() == ""
    await asked_for(stage, incident, clocks)
    await done_at_last(stage, incident, clocks)


async def test_what_only_the_text_has_becomes_a_task_when_somebody_says_so(stage: Stage) -> None:
    incident = await stage.declares("sev1 --private payroll is open")
    await stage.quietly("ana", incident.channel, "/incident resolve rolled back")
    await stage.drafted(incident)
    desk = stage.world.app.console.state.console.papers
    ana = stage.world.app.services.directory.find("ana")
    first = "1. [ ] rotate keys - Assigned to: Ana Ruiz - Due: 2026-03-03"
    text = f"## Action Items\n\n{first}\n2. [ ] ask - Assigned to: Zoe\n"
    await desk.edit(incident.id, ana, text, version=1, section="Action Items")
    assert await stage.asks("ana", incident.channel, "/postmortem actions") == golden("""
        2 action items of SEV1 · payroll is open to be done
                What         Whose     Due
          text  rotate keys  Ana Ruiz  2026-03-03
          text  ask          Zoe
          (To follow up what only the text has: /postmortem actions --follow)
        """)
    await stage.news()
    assert await stage.types("ana", incident.channel, "/postmortem actions --follow") == golden("""
        [#incident-20260301-001, only ana, pinned, edited]
        SEV1 · payroll is open
          Status: resolved
          Severity: SEV1, critical
          Roles: nobody
          Service: gateway
          Lasted: 0 s
          Open tasks: T1 rotate keys · @Ana Ruiz, due 17:00 UTC; T2 ask (Zoe) · nobody yet
          [Reopen]
          (incident-20260301-001 · private)
        [#incident-20260301-001, only ana]
        2 action items of SEV1 · payroll is open to be done
              What         Whose      Due
          T1  rotate keys  @Ana Ruiz  2026-03-03 17:00 UTC
          T2  ask (Zoe)    nobody
          (When one is done: /task done T1)
        """)
    assert await stage.asks("ben", "general", "/actions") == "No action item is open"


@transcript("/postmortem meeting")
async def test_the_review_is_planned_moved_and_cancelled(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident resolve rolled back")
    await stage.drafted(incident)
    await stage.news()
    assert await stage.asks("ben", incident.channel, "/postmortem meeting") == golden("""
        No review is planned.
          Try: /postmortem meeting tomorrow 15:00 45m @ana @ben
          (You typed: /postmortem meeting)
        """)
    await stage.news()
    said = await stage.asks("ben", incident.channel, "/postmortem meeting tomorrow 15:00 45m @ana @ben")
    assert said == golden("""
        Review of SEV1 · API answers 502
          Put it into your calendar: calendar file (/postmortems/incident-20260301-001/review.ics)
          To move it: /postmortem meeting friday 10:00. To cancel it: /postmortem meeting --cancel
          When: 2026-03-02 15:00 UTC
          Lasts: 45 min
          Who: @Ana Ruiz @Ben Okafor
        """)
    assert await stage.asks("ben", incident.channel, "/postmortem meeting 2026-03-04 10:00") == golden("""
        Review of SEV1 · API answers 502
          Put it into your calendar: calendar file (/postmortems/incident-20260301-001/review.ics)
          To move it: /postmortem meeting friday 10:00. To cancel it: /postmortem meeting --cancel
          When: 2026-03-04 10:00 UTC
          Lasts: 45 min
          Who: @Ana Ruiz @Ben Okafor
        """)
    async with browser(stage, "ana") as ana:
        file = await ana.get(f"/postmortems/{incident.id}/review.ics")
        assert file.headers["content-type"] == "text/calendar; charset=utf-8"
        assert "DTSTART:20260304T100000Z" in file.text
        assert "SEQUENCE:1" in file.text
        assert "review.ics" in (await ana.get(f"/postmortems/{incident.id}")).text
    clocks = Clocks(stage.world.app.store, stage.world.app.services, every=5)
    stage.later(days=2, hours=12)
    await clocks.once()
    assert "hold the postmortem" not in await stage.news()
    stage.later(hours=12)
    await clocks.once()
    assert "hold the postmortem" in await stage.news()
    assert await stage.asks("ben", incident.channel, "/postmortem meeting --cancel") == golden("""
        Review cancelled: SEV1 · API answers 502
          It does not take place. For your calendar: calendar file (/postmortems/incident-20260301-001/review.ics)
          When: 2026-03-04 10:00 UTC
          Lasts: 45 min
          Who: @Ana Ruiz @Ben Okafor
        """)
    assert await stage.asks("ben", incident.channel, "/postmortem meeting --cancel") == golden("""
        No review is planned.
          Try: /postmortem meeting tomorrow 15:00 45m @ana @ben
          (You typed: /postmortem meeting --cancel)
        """)
