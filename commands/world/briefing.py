"""An incident in a few facts, for those who do not work on it: made from its events, the same for the same events."""

from __future__ import annotations

from collections.abc import Iterable

from commands import leaks
from commands.context import Services
from commands.domain import incident as happened
from commands.domain.event import ActionFinished, ActionStarted, Alerted
from commands.domain.incident import Incident, NoteKind, Role, Status
from commands.domain.plan import Plan, PlanState
from commands.domain.stakeholder import Brief, Form, Why
from commands.domain.timeline import Entry
from commands.domain.work import Outcome
from commands.ports import Transaction
from commands.presentation.words import cut
from commands.publishing import title_of

_MOST, _LENGTH = 5, 300
_DOING = {
    Status.INVESTIGATING: "The cause is being looked for.",
    Status.IDENTIFIED: "The cause is known, and a fix is being made.",
    Status.MONITORING: "A fix is in place, and is being watched.",
}
_PLAIN_TITLE = "Service issues"


def brief_of(
    incident: Incident, form: Form, why: Why, services: Services, tx: Transaction, *, changed: str = "", words: str = ""
) -> Brief:
    """What a place of this form is told now. `changed`: what is new; `words`: said in the place of the facts."""
    severity = services.scheme.get(incident.severity)
    facts = Brief(
        incident=incident.id,
        form=form,
        why=why,
        at=tx.now,
        title=incident.title,
        severity=severity.id,
        severity_name=severity.name,
        status=incident.status.value,
        since=incident.declared_at,
        ended=None if incident.merged else incident.resolved_at,  # it goes on in another
        next_at=incident.next_update_due(services.scheme),
        changed=changed,
        words=words,
        link=services.page_of(incident.channel) if form is Form.TACTICAL else "",
    )
    entries = tx.incidents.timeline(incident.id)
    if form is Form.EXECUTIVE:
        return _executive(facts, incident, entries, services)
    return _tactical(facts, incident, entries, tx.plans.of_incident(incident.id))


def _tactical(brief: Brief, incident: Incident, entries: list[Entry], plans: list[Plan]) -> Brief:
    """Conditions, actions, needs."""
    conditions = (f"Service {incident.service}", *_conditions(incident, entries, brief.changed))
    actions = _short(_actions(incident, entries)) or ("No change has been made.",)
    needs = _short(_needs(incident, plans)) if incident.status.is_open else ()
    return brief.model_copy(
        update={"conditions": _short(conditions), "actions": actions, "needs": needs or ("Nothing at the moment.",)}
    )


def _conditions(incident: Incident, entries: list[Entry], changed: str) -> list[str]:
    alerts = [one.event for one in entries if isinstance(one.event, Alerted)][-1:]
    confirmed = [one.text for one in incident.work.of(Outcome.CONFIRMED)]
    cause = marked(entries, NoteKind.CAUSE) or "; ".join(confirmed)
    return [
        *(
            f"{label}: {text}"
            for label, text in (("Impact", marked(entries, NoteKind.IMPACT)), ("Cause", cause))
            if text
        ),
        *(f"Alerts: {one.firing:,} of {one.alerts:,} firing" for one in alerts),
        *(f"Last word: {one}" for one in [_last_word(entries)] if one and one != changed),
    ]


def _last_word(entries: list[Entry]) -> str:
    said = [one.event.note for one in entries if isinstance(one.event, happened.StatusChanged) and one.event.note]
    return said[-1] if said else ""


def _actions(incident: Incident, entries: list[Entry]) -> list[str]:
    """What was done and is being done, the newest first."""
    over = {one.event.plan for one in entries if isinstance(one.event, ActionFinished)}
    done: list[str] = []
    for entry in reversed(entries):
        match entry.event:
            case ActionFinished(summary=summary, outcome=outcome):
                done.append(f"{outcome.capitalize()}: {summary}")
            case ActionStarted(plan=plan, summary=summary) if plan not in over:
                done.append(f"Under way: {summary}")
            case happened.Resolved(summary=summary) if summary:
                done.append(f"Resolution: {summary}")
            case happened.Noted(text=text, marked=NoteKind.RESOLUTION):
                done.append(f"Resolution: {text}")
            case _:
                continue
    taken = [f"{one.id}, under way: {one.text}" for one in incident.work.open_tasks if one.person]
    return [*dict.fromkeys(done), *taken]


def _needs(incident: Incident, plans: list[Plan]) -> list[str]:
    free = [role.full_name.lower() for role in Role if incident.holder(role) is None]
    waiting = [f"A yes to: {one.summary}" for one in plans if one.state is PlanState.PLANNED]
    nobody = [f"Somebody for {one.id}: {one.text}" for one in incident.work.open_tasks if not one.person]
    return [*([f"Somebody as {', '.join(free)}"] if free else []), *waiting, *nobody]


def _executive(brief: Brief, incident: Incident, entries: list[Entry], services: Services) -> Brief:
    """What customers notice, since when, what is being done. What must not go outside is said in neutral words."""
    severity = services.scheme.get(incident.severity)
    general = f"{(severity.criteria or severity.name).capitalize().rstrip('.')}."
    over = f"It is over{'' if incident.status is Status.RESOLVED else '; the review follows'}."
    after = "It goes on in another incident." if incident.merged else over
    return brief.model_copy(
        update={
            "title": _clean(title_of(incident, services), services) or _PLAIN_TITLE,
            "notices": _clean(marked(entries, NoteKind.IMPACT), services) or general,
            "doing": _DOING.get(incident.status, after),
            "changed": _clean(brief.changed, services),
        }
    )


def _clean(text: str, services: Services) -> str:
    found = leaks.leaks(text, services.directory, services.publicity.blocked)
    return "" if found else cut(text, _LENGTH)


def marked(entries: Iterable[Entry], kind: NoteKind) -> str:
    """The newest note that was marked so."""
    texts = [one.event.text for one in entries if isinstance(one.event, happened.Noted) and one.event.marked is kind]
    return texts[-1] if texts else ""


def _short(lines: Iterable[str]) -> tuple[str, ...]:
    """The first few, each on one line."""
    whole = [cut(" ".join(line.split()), _LENGTH) for line in lines]
    return (*whole[:_MOST], *([f"{len(whole) - _MOST} more"] if len(whole) > _MOST else []))
