"""Tickets are kept in step with their incidents: each change is an errand, written down with what happened."""

from __future__ import annotations

from collections.abc import Iterable

from commands.context import Services
from commands.domain import incident as happened
from commands.domain.incident import Incident, IncidentEvent
from commands.domain.ticket import Step, Ticket
from commands.ports import Transaction
from commands.presentation.words import cut

_COMMENT, _TITLE = 2000, 200


def keep_in_step(incident: Incident, events: Iterable[IncidentEvent], services: Services, tx: Transaction) -> None:
    """Every system that has a ticket of the incident, or is to have one, is owed what is new."""
    news = [comment for event in events if (comment := _comment(event)) is not None]
    if not news or not services.tickets or incident.drill:
        return
    known = tx.tickets.of(incident.id)
    step = _step(incident, "\n".join(one for one in news if one), services)
    for desk in services.tickets:
        if desk.name not in known:
            if not desk.wants(incident.severity) or not incident.status.is_open:
                continue
            if incident.private and not desk.private:
                continue
            tx.tickets.put(Ticket(incident=incident.id, system=desk.name, made_at=tx.now))
        what = f"{incident.id}, {incident.status.value}"
        body = step.model_dump(mode="json")
        tx.errands.order(desk.called, incident=incident.id, subject=incident.id, what=what, body=body)


def _step(incident: Incident, comment: str, services: Services) -> Step:
    severity = services.scheme.get(incident.severity)
    lines = (
        f"{severity.id}, {severity.name}. Service: {incident.service}.",
        f"Declared at {incident.declared_at:%Y-%m-%d %H:%M} UTC as {incident.id}.",
        services.page_of(incident.channel),
    )
    return Step(
        incident=incident.id,
        number=incident.version,
        title=cut(incident.title, _TITLE),
        severity=severity.id,
        rank=severity.rank,
        status=incident.status.value,
        service=incident.service,
        description="\n".join(line for line in lines if line),
        comment=cut(comment, _COMMENT),
        resolution=cut(comment, _COMMENT) if incident.resolved_at else "",
    )


def _comment(event: IncidentEvent) -> str | None:
    """What a ticket is told of it; None for what is no news there."""
    match event:
        case happened.Declared():
            return ""
        case happened.SeverityChanged(before=before, after=after, reason=reason):
            return f"Severity: {after}, was {before}. {reason}".strip()
        case happened.StatusChanged(before=before, after=after, note=note):
            what = f"Update, still {after.value}" if before is after else f"Status: {after.value}"
            return f"{what}. {note}".strip()
        case happened.Resolved(summary=summary):
            return f"Resolved. {summary}".strip()
        case happened.Reopened(reason=reason):
            return f"Opened again. {reason}".strip()
        case happened.Merged(into=into):
            return f"Closed as a duplicate of {into}."
        case _:
            return None
