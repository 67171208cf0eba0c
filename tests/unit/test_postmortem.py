"""A postmortem tells what really happened, and says so where nobody knows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from commands.domain import incident as happened
from commands.domain.incident import Incident, IncidentEvent, Noted, NoteKind, Role, Status, begin, evolve
from commands.domain.plan import Plan, PlanState, Target
from commands.domain.severity import SEV1_TO_SEV4
from commands.domain.sli import Objectives, Reading
from commands.domain.timeline import Entry
from commands.people import Directory, Person
from commands.postmortem import LONGEST_LINE, Report, Task, draft
from templates.render import names, render

SEEDS = Path(__file__).resolve().parents[2].parent / "shared" / "seeds"
START = datetime(2026, 10, 24, 21, 40, tzinfo=UTC)  # 23:40 in Berlin, in the night in which summer time ends
PEOPLE = Directory([Person(id="ana", name="Ana"), Person(id="ben", name="Ben")])

Happened = tuple[float, str, IncidentEvent]


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def declared(**changes: Any) -> happened.Declared:
    facts = {"incident": "incident-20261024-001", "severity": "SEV2", "title": "Checkout slow", "service": "gateway",
             "declared_by": "ana", "channel": "incident-20261024-001", "platform": "console"}  # fmt: skip
    return happened.Declared(**facts | changes)


def note(kind: NoteKind, text: str) -> Noted:
    return Noted(text=text, marked=kind)


def story(*events: Happened, first: happened.Declared | None = None) -> tuple[Incident, list[Entry]]:
    begun = first or declared()
    entries = [Entry(position=1, at=START, actor=begun.declared_by, event=begun)]
    incident = begin(begun, START)
    for position, (minutes, actor, event) in enumerate(events, start=2):
        entries.append(Entry(position=position, at=at(minutes), actor=actor, event=event))
        incident = evolve(incident, event, actor=actor, at=at(minutes))
    return incident, entries


def drafted(
    *events: Happened,
    first: happened.Declared | None = None,
    readings: Sequence[Reading] = (),
    plans: Sequence[Plan] = (),
    zone: str = "UTC",
) -> Report:
    incident, entries = story(*events, first=first)
    return draft(
        incident=incident, entries=entries, plans=plans, readings=readings, objectives=Objectives(),
        scheme=SEV1_TO_SEV4, directory=PEOPLE, zone=zone, now=at(300),
    )  # fmt: skip


def reading(seconds: float, *, bad: bool = False, window: float = 60) -> Reading:
    """Ten requests a second; when bad, one in five fails and the rest are slow."""
    requests = round(10 * window)
    errors = requests // 5 if bad else 0
    return Reading(
        at=START + timedelta(seconds=seconds), window_seconds=window, requests=requests, errors=errors,
        error_rate=errors / requests, rps=10, p95_ms=900 if bad else 20,
    )  # fmt: skip


def plan(state: PlanState = PlanState.DONE, **changes: Any) -> Plan:
    facts: dict[str, Any] = {
        "id": "plan-1", "action": "scale", "summary": "Scale gateway from 3 to 5", "arguments": {"replicas": 5},
        "target": Target(kind="deployment", name="gateway", uid="u1"), "fingerprint": {}, "before": {"replicas": 3},
        "after": {"replicas": 5}, "undo": "/gw undo", "requester": "ana", "incident": "incident-20261024-001",
        "channel": "c", "platform": "console", "created_at": at(20), "approve_by": at(25), "execute_by": at(35),
        "state": state, "approver": "ben", "detail": "5 of 5 workers ready",
    }  # fmt: skip
    return Plan(**facts | changes)


def headings(markdown: str) -> list[tuple[str, str]]:
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    return [(t.tag, tokens[i + 1].content) for i, t in enumerate(tokens) if t.type == "heading_open"]


def kinds(markdown: str) -> list[str]:
    return [t.type for t in MarkdownIt("commonmark").enable("table").parse(markdown) if t.type != "inline"]


NIGHT: tuple[Happened, ...] = (
    (2, "ana", happened.RoleAssigned(role=Role.COMMANDER, person="ana", how="claimed")),
    (5, "ana", happened.SeverityChanged(before="SEV2", after="SEV1", reason="every second one")),
    (21, "ben", happened.ActionDecided(plan="plan-1", summary="Scale gateway from 3 to 5", decision="confirmed")),
    (30, "ben", note(NoteKind.CAUSE, "the pool had no room")),
    (31, "ben", note(NoteKind.IMPACT, "checkout was slow")),
    (32, "ben", note(NoteKind.DECISION, "keep v1")),
    (33, "ben", note(NoteKind.ACTION, "@ana add an alert by 2026-11-01")),
    (34, "ben", note(NoteKind.LESSON, "went well: paging")),
    (35, "ben", note(NoteKind.LESSON, "no dashboard")),
    (36, "ben", happened.Linked(url="https://a.example/graph", label="Graph")),
    (150, "ben", happened.RoleAssigned(role=Role.COMMANDER, person="ben", how="handover", previous="ana")),
    (210, "ben", Noted(text="quiet now")),
    (250, "ben", happened.Resolved(summary="more workers")),
)

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
| First bad reading to declaration | 2 minutes |
| Declaration to first role taken | 2 minutes (asked for: 1 hour) |
| Declaration to resolution | 4 hours 10 minutes |

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


def night() -> Report:
    readings = [reading(60 * n, bad=-2 <= n <= 5) for n in range(-10, 9)]
    return drafted(*NIGHT, readings=readings, plans=[plan()], zone="Europe/Berlin")


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


# ---------------------------------------------------------------- impact


def test_overlapping_windows_count_each_request_once() -> None:
    every_ten_seconds = [reading(10 * n, bad=True) for n in range(61)]

    impact = drafted((10, "ana", happened.Resolved()), readings=every_ten_seconds).impact

    # The first reading speaks for the minute before it: 11 minutes of ten requests a second.
    assert (impact.requests, impact.failed, impact.share) == (6600, 1320, 0.2)
    assert impact.covered == impact.outside == timedelta(minutes=11)


def test_windows_with_gaps_between_count_only_what_was_measured() -> None:
    sparse = [reading(60 * n, window=30) for n in range(1, 6)]

    impact = drafted((10, "ana", happened.Resolved()), readings=sparse).impact

    assert (impact.requests, impact.covered) == (1500, timedelta(seconds=150))


def test_the_order_of_readings_and_repeated_ones_do_not_matter() -> None:
    some = [reading(60 * n, bad=n < 3) for n in range(1, 8)]

    assert drafted(readings=[*reversed(some), *some]).impact.requests == drafted(readings=some).impact.requests


@pytest.mark.parametrize(
    ("readings", "since", "detected"),
    [
        ([reading(-180), reading(-120, bad=True), reading(-60, bad=True)], at(-3), at(-2)),
        ([reading(-180, bad=True), reading(-120), reading(-60, bad=True)], at(-2), at(-1)),
        ([reading(-120, bad=True), reading(-60)], START, None),
        ([reading(-600, bad=True)], START, None),
        ([reading(-600, bad=True), reading(-60, bad=True)], at(-2), at(-1)),
    ],
)
def test_only_the_breach_that_led_to_the_declaration_counts(
    readings: list[Reading], since: datetime, detected: datetime | None
) -> None:
    report = drafted(readings=readings)

    assert (report.impact.since, report.response.detected_at) == (since, detected)


def test_what_is_measured_after_the_resolution_does_not_count() -> None:
    report = drafted((5, "ana", happened.Resolved()), readings=[reading(60), reading(600, bad=True)])

    assert (report.impact.readings, report.impact.failed) == (1, 0)


def test_a_gateway_that_does_not_answer_is_outside_objectives() -> None:
    down = [Reading(at=at(n / 6), up=False) for n in range(1, 13)]
    text = render("postmortem/002.md.j2", report=drafted(readings=down))

    assert "outside objectives for 2 minutes. Nothing answered for 2 minutes." in text


@given(spacing=st.floats(1, 120), window=st.floats(1, 120), count=st.integers(1, 30))
@settings(deadline=None)
def test_no_more_is_counted_than_the_traffic_that_there_was(spacing: float, window: float, count: int) -> None:
    readings = [
        Reading(at=START + timedelta(seconds=spacing * n), window_seconds=window, requests=1000, errors=1000,
                error_rate=1.0, rps=1000 / window)
        for n in range(1, count + 1)
    ]  # fmt: skip
    impact = drafted(readings=readings).impact

    assert impact.requests <= 1000 / window * spacing * count + 1
    assert impact.requests <= 1000 * count + 1
    assert impact.failed == impact.requests


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

    assert "| nobody | expired | replicas 3; errors 20.0%, p95 900 ms, 10 requests/s | - |" in text


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


# ---------------------------------------------------------------- whatever is typed


def everything(text: str) -> tuple[Happened, ...]:
    role, offer = Role.COMMANDER, "offer-1"
    return (
        (1, "ana", happened.RoleAssigned(role=role, person="ana")),
        (2, "ana", happened.StatusChanged(before=Status.INVESTIGATING, after=Status.IDENTIFIED, note=text)),
        (3, "ana", happened.SeverityChanged(before="SEV2", after="SEV1", reason=text)),
        *((4, "ana", note(kind, text)) for kind in NoteKind),
        (5, "ana", happened.Linked(url="https://a.example/", label=text)),
        (6, "ana", happened.HandoverOffered(offer=offer, roles=(role,), outgoing="ana", incoming="ben")),
        (7, "ben", happened.HandoverAnswered(offer=offer, accepted=True, person="ben")),
        (8, "ana", happened.RoleReleased(role=role, person="ana")),
        (9, "ana", happened.ActionPlanned(plan="p", summary=text)),
        (10, "ana", happened.ActionDecided(plan="p", summary=text, decision="confirmed")),
        (11, "tocsin", happened.ActionStarted(plan="p", summary=text)),
        (12, "tocsin", happened.ActionFinished(plan="p", summary=text, outcome="done", detail=text)),
        (13, "tocsin", happened.Measured(text=text)),
        (14, "ana", happened.Resolved(summary=text)),
        (15, "ana", happened.Reopened(reason=text)),
        (16, "ana", happened.Resolved(summary=text)),
        (17, "ana", happened.Captured(source="m", at=at(3), text=text, author="ben", permalink="https://a.example/p1")),
        (18, "tocsin", happened.CaptureChanged(source="m", text=text)),
        (19, "tocsin", happened.CaptureRemoved(source="another")),
    )


#: Edits and removals change what another line says, and have none of their own.
WITHOUT_A_LINE = 2


def full(text: str) -> Report:
    return drafted(*everything(text), first=declared(title=text), plans=[plan(summary=text, detail=text)])


def timeline(markdown: str) -> list[str]:
    return re.findall(r"(?m)^- \d\d:\d\d - .*", markdown.split("## Timeline")[1].split("### Measured", maxsplit=1)[0])


@pytest.mark.parametrize("template", names())
def test_every_event_is_on_the_timeline(template: str) -> None:
    events = everything("x")
    told = {type(event) for _, _, event in events} | {happened.Declared}

    assert told == set(happened.IncidentEvent.__origin__.__args__)  # type: ignore[attr-defined]
    assert len(timeline(render(f"postmortem/{template}.md.j2", report=full("x")))) == len(events) + 1 - WITHOUT_A_LINE


@pytest.mark.parametrize("template", names())
@given(text=st.one_of(st.text(min_size=1, max_size=60), st.text(alphabet="<>#|`*_-+1.=[]()!&~\\ a", min_size=1)))
@settings(deadline=None, max_examples=40)
def test_the_structure_does_not_depend_on_what_was_typed(template: str, text: str) -> None:
    words = f"{text} x".replace("@", "a")
    one_line = " ".join(words.split())

    calm = kinds(render(f"postmortem/{template}.md.j2", report=full("x")))

    assert kinds(render(f"postmortem/{template}.md.j2", report=full(one_line))) == calm


@pytest.mark.parametrize("template", names())
@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "# x | y", "`a`", "a\n\n# b\n- c", "שלום עולם", "🔥" * 9, "long " * 20_000]
)
def test_hostile_and_long_notes(template: str, text: str) -> None:
    markdown = render(f"postmortem/{template}.md.j2", report=full(text))

    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)
    assert "<script" not in html
    assert [h for h, _ in headings(markdown)] == [h for h, _ in headings(render(
        f"postmortem/{template}.md.j2", report=full("x")))]  # fmt: skip
    assert len(timeline(markdown)) == len(everything("x")) + 1 - WITHOUT_A_LINE


def test_a_long_note_is_cut_on_the_timeline_and_whole_in_its_section() -> None:
    report = drafted((1, "ana", note(NoteKind.CAUSE, "y" * 100_000)))

    assert report.timeline[-1].text.endswith("… (cut here; it has 100,019 characters)")
    assert len(report.timeline[-1].text) < LONGEST_LINE + 60
    assert "y" * 100_000 in render("postmortem/002.md.j2", report=report)


# ---------------------------------------------------------------- the runbooks' own headings

HEADINGS = {
    "002": ["Timeline", "Root Cause", "Resolution", "Action Items", "Lessons Learned"],
    "004": ["Timeline", "Root Cause", "Resolution", "Lessons Learned", "Follow-up Actions"],
}
OPENING = {
    "002": ("Incident Post-Mortem: ", ["Date", "Severity", "Duration", "Impact"]),
    "004": ("Incident Report: ", ["Date", "Duration", "Severity", "Impact"]),
}


def labels(markdown: str) -> list[str]:
    return re.findall(r"(?m)^\*\*(\w+)(?::\*\*|\*\*:)", markdown)


@pytest.mark.parametrize("template", names())
def test_the_headings_are_the_runbooks(template: str) -> None:
    text = render(f"postmortem/{template}.md.j2", report=night())
    title, opening = OPENING[template]

    assert [words for tag, words in headings(text) if tag == "h2"] == HEADINGS[template]
    assert [words for tag, words in headings(text) if tag == "h1"] == [f"{title}Checkout slow"]
    assert labels(text)[:4] == opening


@pytest.mark.parametrize("template", names())
def test_the_runbook_itself_has_these_headings(template: str) -> None:
    found = sorted(SEEDS.glob(f"{template}*"))
    if not found:
        pytest.skip(f"the runbook is not beside this checkout ({SEEDS})")
    blocks = re.findall(r"(?s)```markdown\n(.*?)```", found[0].read_text(encoding="utf-8"))
    report = next(block for block in blocks if block.startswith(f"# {OPENING[template][0]}"))

    assert [words for tag, words in headings(report) if tag == "h2"] == HEADINGS[template]
    assert labels(report) == OPENING[template][1]
