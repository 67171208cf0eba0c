"""The story so far, for whoever takes over or comes back: from the record alone, most important first, and short."""

from __future__ import annotations

from datetime import datetime, timedelta

from commands.cards import Code, Fact, Link, Rich, Table, When, fact, rich
from commands.charts import Chart
from commands.context import Call
from commands.domain.incident import Incident, Noted, NoteKind, SeverityChanged
from commands.domain.plan import FINAL, Plan, PlanState
from commands.domain.reminder import ReminderKind, deadlines
from commands.domain.sli import Reading
from commands.domain.timeline import Entry
from commands.drafting import counting
from commands.ports import Transaction
from commands.presentation.incident import related_facts, role_facts
from commands.presentation.lease import lease_words
from commands.presentation.measured import Window, measured_chart
from commands.presentation.reminder import title_of
from commands.presentation.words import cut, lasting
from commands.presentation.work import listed, work_facts

#: What is longer than this is read where it was said.
_LENGTH, _TRIED, _LINKS = 160, 5, 5
#: How far back the chart goes, and how much of the time before the declaration it shows.
_FURTHEST, _BEFORE = timedelta(hours=6), timedelta(minutes=10)
_NEVER_MADE = frozenset({PlanState.CANCELLED, PlanState.VETOED, PlanState.EXPIRED})
_ALL = "/incident timeline --all"


def package_facts(
    incident: Incident, entries: list[Entry], reading: Reading | None, call: Call, tx: Transaction
) -> tuple[Fact, ...]:
    """How it stands, what it does to people, who does what, what is next, what is known, where to look."""
    return (
        fact("Status", incident.status.value),
        fact("Open for" if incident.status.is_open else "Lasted", lasting(incident.duration(call.now))),
        *((fact("Now", reading.words()),) if reading else ()),
        *_noted("Impact", NoteKind.IMPACT, entries),
        *_severities(entries),
        *role_facts(incident),
        *_next(incident, call, tx),
        Fact(label="Pending", value=_pending(tx.plans.of_incident(incident.id))),
        *_temporary(incident, tx),
        *work_facts(incident.work),
        *_noted("Decided", NoteKind.DECISION, entries),
        *related_facts(incident),
        *_links(incident),
    )


def _noted(label: str, kind: NoteKind, entries: list[Entry]) -> tuple[Fact, ...]:
    """The newest first."""
    notes = [one.event.text for one in entries if isinstance(one.event, Noted) and one.event.marked is kind]
    lines = [rich(cut(text, _LENGTH)) for text in reversed(notes)]
    return (Fact(label=label, value=listed(lines, _ALL)),) if lines else ()


def _severities(entries: list[Entry]) -> tuple[Fact, ...]:
    """Only what changed: what it is now stands in the title."""
    changes = [(one.at, one.event) for one in entries if isinstance(one.event, SeverityChanged)]
    lines = [
        rich(
            f"{change.before} → {change.after} at ",
            When(at=at),
            f" ({cut(change.reason, _LENGTH)})" if change.reason else "",
        )
        for at, change in reversed(changes)
    ]
    return (Fact(label="Severity", value=listed(lines, _ALL)),) if lines else ()


def _next(incident: Incident, call: Call, tx: Transaction) -> tuple[Fact, ...]:
    """What is due, soonest first. Tasks stand beside it, and a role that was just taken needs no handover."""
    told = tx.reminders.of(incident.id)
    owed = sorted(deadlines(incident, call.services.scheme, call.services.pace), key=lambda one: one.due_at)
    lines = []
    for one in owed:
        known = told.get(one.key)
        if known and known.due_at and not known.message and not one.again:
            continue
        if one.kind is ReminderKind.TASK or (one.kind is ReminderKind.ROLE and one.due_at > call.now):
            continue
        late = ", overdue" if one.due_at < call.now else ""
        lines.append(rich(f"{title_of(incident, one.key)} (", When(at=one.due_at), f"{late})"))
    return (Fact(label="Next", value=listed(lines, "/reminders")),) if lines else ()


def _pending(plans: list[Plan]) -> Rich:
    lines = [rich(f"{plan.summary} ({plan.state.value})") for plan in plans if plan.state not in FINAL]
    return listed(lines, "/plans") if lines else rich("nothing")


def _temporary(incident: Incident, tx: Transaction) -> tuple[Fact, ...]:
    standing = ((tx.plans.get(lease.plan), lease) for lease in tx.leases.standing())
    lines = [
        rich(f"{plan.summary} (", *lease_words(one), ")") for plan, one in standing if plan.incident == incident.id
    ]
    return (Fact(label="Temporary", value=listed(lines, "/leases")),) if lines else ()


def _links(incident: Incident) -> tuple[Fact, ...]:
    lines = [rich(Link(url=one.url, text=cut(one.label or one.url, 80))) for one in reversed(incident.links)]
    return (Fact(label="Links", value=listed(lines, _ALL, most=_LINKS)),) if lines else ()


def tried(plans: list[Plan]) -> Table | None:
    """What was changed, and what each did to the SLIs; the newest, oldest first."""
    made = [plan for plan in plans if plan.state in FINAL and (plan.took_effect or plan.state not in _NEVER_MADE)]
    rows = [
        (
            rich(When(at=plan.created_at)),
            rich(plan.summary),
            rich(cut(f"{plan.outcome}: {plan.result}".rstrip(": "), 200)),
        )
        for plan in made[-_TRIED:]
    ]
    if len(made) > _TRIED:
        rows.insert(0, (rich("before"), rich(f"{len(made) - _TRIED} more"), rich("all: ", Code(text=_ALL))))
    return Table(columns=("At", "Tried", "Result"), rows=tuple(rows)) if rows else None


def package_chart(incident: Incident, call: Call, tx: Transaction) -> Chart | None:
    """Errors and p95 with the changes that were made, where enough was measured."""
    until = incident.resolved_at or call.now
    since: datetime = max(incident.declared_at - _BEFORE, until - _FURTHEST)
    window = Window(incident.service, since, until, call.services.zone)
    readings = counting(incident, tx.samples.between(incident.service, since, until))
    return measured_chart(window, readings, tx.plans.of_incident(incident.id), call.services.objectives)
