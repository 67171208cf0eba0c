"""A night to write a postmortem of, and other pieces that its tests are made from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from markdown_it import MarkdownIt

from commands.domain import incident as happened
from commands.domain.event import ActionDecided
from commands.domain.incident import Incident, IncidentEvent, Noted, NoteKind, Role, begin, evolve
from commands.domain.plan import Plan, PlanState, Target
from commands.domain.severity import SEV1_TO_SEV4
from commands.domain.sli import Objectives, Reading
from commands.domain.timeline import Entry
from commands.people import Directory, Person
from commands.postmortem import Report, draft

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
    (21, "ben", ActionDecided(plan="plan-1", summary="Scale gateway from 3 to 5", decision="confirmed")),
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


def night() -> Report:
    readings = [reading(60 * n, bad=-2 <= n <= 5) for n in range(-10, 9)]
    return drafted(*NIGHT, readings=readings, plans=[plan()], zone="Europe/Berlin")
