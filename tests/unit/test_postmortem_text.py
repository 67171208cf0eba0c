"""Whatever people typed, a postmortem keeps its structure, which is the one of the runbooks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from commands.domain import incident as happened
from commands.domain.drill import DrillReviewed, DrillStopped, FaultChanged, Mark
from commands.domain.event import (
    ActionDecided,
    ActionFinished,
    ActionLeased,
    ActionPlanned,
    ActionStarted,
    Alerted,
    CaptureChanged,
    Captured,
    CaptureRemoved,
    EvidenceKept,
    Paged,
    PublicTold,
    StakeholdersTold,
    TicketChanged,
)
from commands.domain.incident import NoteKind, Role, Status
from commands.domain.moments import KeyMoment, MomentSet
from commands.domain.work import (
    HypothesisPut,
    HypothesisSettled,
    ItemTicked,
    MeetingSet,
    Outcome,
    Related,
    TaskAdded,
    TaskAssigned,
    TaskDone,
)
from commands.postmortem import Report
from commands.retelling import LONGEST_LINE
from templates.render import names, render
from tests.unit.postmortems import Happened, at, declared, drafted, headings, kinds, night, note, plan

SEEDS = Path(__file__).resolve().parents[2].parent / "shared" / "seeds"


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
        (9, "ana", ActionPlanned(plan="p", summary=text)),
        (10, "ana", ActionDecided(plan="p", summary=text, decision="confirmed")),
        (11, "tocsin", ActionStarted(plan="p", summary=text)),
        (12, "tocsin", ActionFinished(plan="p", summary=text, outcome="done", detail=text)),
        (13, "tocsin", happened.Measured(text=text)),
        (13, "tocsin", FaultChanged(what="ended", why=text)),
        (13, "ana", DrillStopped(why=text)),
        (14, "ana", happened.Resolved(summary=text)),
        (14, "tocsin", DrillReviewed(marks=(Mark(what=text, points=1, of=2, why=text),))),
        (15, "ana", happened.Reopened(reason=text)),
        (16, "ana", happened.Resolved(summary=text)),
        (17, "ana", Captured(source="m", at=at(3), text=text, author="ben", permalink="https://a.example/p1")),
        (18, "tocsin", CaptureChanged(source="m", text=text)),
        (19, "tocsin", CaptureRemoved(source="another")),
        (20, "tocsin", EvidenceKept(plan="p", summary=text, sha256="0", missing=("Log",))),
        (20, "tocsin", ActionLeased(plan="p", summary=text, what="kept", until=at(19), why=text)),
        (21, "tocsin", Alerted(alerts=2, firing=1, what=text)),
        (21, "ana", PublicTold(update="pub-1", what="published", status="identified", text=text)),
        (21, "ana", Paged(page="page-1", what="called", people=("ben",), title="Gateway engineer", why=text)),
        (21, "ana", StakeholdersTold(places=("support",), form="executive", text=text)),
        (21, "tocsin", TicketChanged(system="Jira", ticket="OPS-1", what=text, by=text)),
        *_worked(text),
        (31, "ana", MeetingSet(at=at(99), minutes=30)),
        (31, "ana", MeetingSet(at=at(99), minutes=30, cancelled=True)),
        (31, "ana", MomentSet(moment=KeyMoment.BEGAN, at=at(-2))),
        (32, "ana", MomentSet(moment=KeyMoment.BEGAN)),
    )


def _worked(text: str) -> tuple[Happened, ...]:
    ruled_out, confirmed = Outcome.RULED_OUT, Outcome.CONFIRMED
    return (
        (21, "ana", TaskAdded(task="T1", text=text, person="ben", due_at=at(30))),
        (22, "ana", TaskAssigned(task="T1", text=text, person="ana")),
        (23, "ana", TaskAdded(task="T2", text=text)),
        (24, "ben", TaskDone(task="T2", text=text)),
        (25, "ben", HypothesisPut(hypothesis="H1", text=text)),
        (26, "ben", HypothesisSettled(hypothesis="H1", text=text, outcome=ruled_out, why=text)),
        (27, "ben", HypothesisPut(hypothesis="H2", text=text)),
        (29, "ben", ItemTicked(text=text)),
        (29, "ben", Related(incident="i", channel="i", title=text)),
        (30, "ben", happened.Merged(into="i", channel="i", title=text)),
        (28, "ben", HypothesisSettled(hypothesis="H2", text=text, outcome=confirmed, why=text)),
    )


#: Edits and removals change what another line says, and have none of their own.
WITHOUT_A_LINE = 2


def full(text: str) -> Report:
    return drafted(*everything(text), first=declared(title=text), plans=[plan(summary=text, detail=text)])


def timeline(markdown: str) -> list[str]:
    return re.findall(r"(?m)^- \d\d:\d\d - .*", re.split(r"(?m)^#{2,3} ", markdown.split("## Timeline")[1])[0])


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
    "full": [
        "Summary",
        "Impact",
        "Detection and response",
        "Timeline",
        "Contributing causes",
        "Resolution",
        "What went well",
        "What could be better",
        "Action items",
    ],
}
OPENING = {
    "002": ("Incident Post-Mortem: ", ["Date", "Severity", "Duration", "Impact"]),
    "004": ("Incident Report: ", ["Date", "Duration", "Severity", "Impact"]),
    "full": ("Postmortem: ", ["Incident", "Date", "Severity", "Duration"]),
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


@pytest.mark.parametrize("template", ["002", "004"])
def test_the_runbook_itself_has_these_headings(template: str) -> None:
    found = sorted(SEEDS.glob(f"{template}*"))
    if not found:
        pytest.skip(f"the runbook is not beside this checkout ({SEEDS})")
    blocks = re.findall(r"(?s)```markdown\n(.*?)```", found[0].read_text(encoding="utf-8"))
    report = next(block for block in blocks if block.startswith(f"# {OPENING[template][0]}"))

    assert [words for tag, words in headings(report) if tag == "h2"] == HEADINGS[template]
    assert labels(report) == OPENING[template][1]
