"""A postmortem tells what really happened, and says so where nobody knows."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from commands.domain import incident as happened
from commands.domain.incident import NoteKind, Role
from commands.domain.plan import PlanState
from commands.domain.sli import Reading
from commands.marked import Task
from templates.render import names, render
from tests.unit.postmortems import at, declared, drafted, night, note, plan, reading

GOLDEN = """\
# Incident Post-Mortem: Checkout slow

**Date:** 2026-10-24··
**Severity:** SEV1 (critical); history: SEV2 from 2026-10-24 23:40, SEV1 from 2026-10-24 23:45 (every second one)··
**Duration:** 4 hours 10 minutes··
**Impact:** checkout was slow; 960 of 6,600 requests failed (14.5%); peak error rate 20.0%, peak p95 900 ms; \
outside objectives for 8 minutes.··
**Incident:** incident-20261024-001 (gateway), status resolved

## Timeline

Times are in Europe/Berlin.

**2026-10-24**

- 23:40 - Ana declared SEV2: Checkout slow
- 23:42 - Ana took the role of incident commander
- 23:45 - Ana changed the severity from SEV2 to SEV1 (every second one)

**2026-10-25**

- 00:01 - Ben confirmed: Scale gateway from 3 to 5
"""

GOLDEN_END = """\
- 02:10 - Ben took over as incident commander

**2026-10-25 (clocks are now at UTC+01:00)**

- 02:10 - Ben: quiet now
- 02:50 - Ben resolved the incident (more workers)

### Measured

| Figure | Value |
|--------|-------|
| Measured | 2026-10-24 23:37 CEST to 2026-10-25 02:50 CET, 11 readings that cover 11 minutes |
| Requests | 6,600 |
| Failed requests | 960 (14.5%) |
| Peak error rate | 20.0% |
| Peak p95 | 900 ms |
| Outside objectives (errors over 5.0% or p95 over 500 ms) | 8 minutes |
| Error budget spent (99.99% over 30 days) | 1 minute 36 seconds of 4 minutes 19 seconds (37.0%) |
| Not known | 4 hours 2 minutes of it without measurements |
| Declaration to first role taken | 2 minutes (asked for: 1 hour) |

![Error rate and p95 during the incident, with its key moments](/postmortems/incident-20261024-001/chart.png)

### Key moments

| Moment | When | From |
|--------|------|------|
| Began: the trouble began | 2026-10-24 23:37 CEST | the first bad reading of those that led to the declaration |
| Detected: an alert, the watch or somebody saw it | 2026-10-24 23:40 CEST | declared by Ana |
| Acknowledged: somebody was at work on it | 2026-10-24 23:40 CEST | first worked on by Ana |
| Mitigated: it stopped hurting | 2026-10-24 23:45 CEST | the last bad reading |
| Resolved: it was over | 2026-10-25 02:50 CET | resolved by Ben |

| Time | | From | To |
|------|---|------|----|
| TTD, time to detect | 3 minutes | began | detected |
| TTA, time to acknowledge | 0 seconds | detected | acknowledged |
| TTM, time to mitigate | 8 minutes | began | mitigated |
| TTR, time to resolve | 4 hours 13 minutes | began | resolved |

### People

- Declared by: Ana
- Incident commander: Ana, 2026-10-24 23:42 to 2026-10-25 02:10
- Incident commander: Ben, 2026-10-25 02:10 to the end
- Took part: Ana, Ben

## Root Cause

the pool had no room

*Noted by Ben at 2026-10-25 00:10.*

## Resolution

more workers

*Said by Ben on resolving at 2026-10-25 02:50.*

### Mitigations

| When | What | Asked by | Confirmed by | Outcome | Before | After |
|------|------|----------|--------------|---------|--------|-------|
| 2026-10-25 00:00 | Scale gateway from 3 to 5 | Ana | Ben | done: 5 of 5 workers ready | replicas 3 | replicas 5 |

### Decisions

- 2026-10-25 00:12 - keep v1 (Ben)

### Links

- Graph: <https://a.example/graph>

## Action Items

1. [ ] add an alert - Assigned to: Ana - Due: 2026-11-01

## Lessons Learned

- Went well: paging
- no dashboard
"""


def test_a_night_over_midnight_and_the_end_of_summer_time() -> None:
    text = render("postmortem/002.md.j2", report=night())

    assert text.startswith(GOLDEN.replace("·", " "))
    assert text.endswith(GOLDEN_END)


def test_the_incident_report_of_004() -> None:
    text = render("postmortem/004.md.j2", report=night())

    assert "**Duration**: 2026-10-24 23:40 CEST - 2026-10-25 02:50 CET (4 hours 10 minutes)  \n" in text
    assert (
        "- What went well\n  - paging\n- What could be improved\n  - no dashboard\n- Action items\n  - add an" in text
    )
    assert text.endswith(
        "- [ ] Update runbook\n- [ ] Add monitoring\n- [ ] Fix root cause\n- [ ] Post-mortem meeting\n"
    )


# ---------------------------------------------------------------- what nobody knows


@pytest.mark.parametrize("template", names())
def test_what_is_not_known_is_said(template: str) -> None:
    text = render(f"postmortem/{template}.md.j2", report=drafted((10, "ana", happened.Resolved())))

    assert "No measurements were taken during the incident, so its impact in numbers is not known." in text
    assert "Not yet known: mark it with `/incident note --as cause ...`" in text
    assert "Not yet described: mark it with `/incident note --as resolution ...`" in text
    assert "No role was taken." in text
    assert "Nothing was changed through Tocsin." in text
    assert "one noted yet: add" in text


def test_an_incident_that_still_goes_on() -> None:
    report = drafted()

    assert (report.resolved_at, report.duration) == (None, timedelta(hours=5))
    assert "5 hours so far, not resolved" in render("postmortem/002.md.j2", report=report)
    assert "23" not in render("postmortem/004.md.j2", report=report).split("**Duration**")[1].splitlines()[0]


def test_readings_without_a_request_give_no_share() -> None:
    silent = [Reading(at=at(n), window_seconds=60) for n in range(3)]
    text = render("postmortem/002.md.j2", report=drafted(readings=silent))

    assert "No requests were measured; outside objectives for 0 seconds." in text


# ---------------------------------------------------------------- people, severity, mitigations, notes


def test_roles_with_their_history() -> None:
    report = drafted(
        (1, "ana", happened.RoleAssigned(role=Role.TECH, person="ben")),
        (2, "ana", happened.RoleAssigned(role=Role.COMMANDER, person="ana", how="claimed")),
        (3, "ana", happened.RoleReleased(role=Role.COMMANDER, person="ana")),
        (9, "zoe", happened.RoleAssigned(role=Role.COMMANDER, person="zoe", how="claimed")),
    )

    assert [(s.role, s.person, s.since, s.until) for s in report.people] == [
        ("Incident commander", "Ana", at(2), at(3)),
        ("Incident commander", "zoe", at(9), None),
        ("Technical lead", "Ben", at(1), None),
    ]
    assert report.response.to_first_role == timedelta(minutes=1)


def test_a_declaration_by_the_watch_and_a_level_that_the_scheme_has_lost() -> None:
    report = drafted(first=declared(source="watch", declared_by="tocsin", severity="SEV9"))

    assert (report.declared_by, report.severity.name) == (None, "retired")
    assert "Declared by: Tocsin, from measurements" in render("postmortem/002.md.j2", report=report)


def test_a_severity_that_changed_twice() -> None:
    report = drafted(
        (1, "ana", happened.SeverityChanged(before="SEV3", after="SEV1")),
        (2, "ana", happened.SeverityChanged(before="SEV1", after="SEV2")),
        first=declared(severity="SEV3"),
    )

    assert [step.level for step in report.severities] == ["SEV3", "SEV1", "SEV2"]
    assert report.severity.level == "SEV2"
    assert "SEV3 from 21:40, SEV1 from 21:41, SEV2 from 21:42" in render("postmortem/002.md.j2", report=report)


def test_a_mitigation_that_was_not_made_has_no_after() -> None:
    expired = plan(PlanState.EXPIRED, approver=None, detail="", baseline=reading(0, bad=True))
    text = render("postmortem/002.md.j2", report=drafted(plans=[expired]))

    assert "| nobody | expired | replicas 3; errors 20.0%, p95 900 ms, 10 req/s | - |" in text


def test_after_a_reopening_only_the_last_resolution_counts() -> None:
    report = drafted(
        (5, "ana", happened.Resolved(summary="restarted")),
        (8, "ana", happened.Reopened(reason="it came back")),
        (20, "ben", happened.Resolved(summary="more workers")),
    )

    assert report.summary is not None
    assert (report.summary.text, report.duration) == ("more workers", timedelta(minutes=20))


@pytest.mark.parametrize(
    ("text", "task"),
    [
        ("@ana add an alert by 2026-11-01", Task("add an alert", "Ana", date(2026, 11, 1))),
        ("@ben: write it down", Task("write it down", "Ben", None)),
        ("ask @zoe about quotas", Task("ask @zoe about quotas", "zoe", None)),
        ("<@ana> rotate keys (due 2026-12-24)", Task("rotate keys", "Ana", date(2026, 12, 24))),
        ("mail a@b.example by 2026-13-45", Task("mail a@b.example by 2026-13-45", None, None)),
        ("@ana", Task("@ana", "Ana", None)),
    ],
)
def test_who_does_what_by_when(text: str, task: Task) -> None:
    assert drafted((1, "ana", note(NoteKind.ACTION, text))).actions == (task,)
