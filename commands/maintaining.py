"""Maintenance windows at work: planned, announced, begun, ended; each step is a decision in one transaction.

What is due follows from the record, as with the clocks of incidents: each look announces what begins within a day,
and asks people to begin or to end what is due. Nothing begins or ends by itself; what nobody began
until its end lapses.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from commands import leaks
from commands.alerts.silencing import LONGEST, silence_service
from commands.context import HOME, Call, Services
from commands.domain.maintenance import Maintenance, MaintenanceState, Notice
from commands.domain.reminder import Ask
from commands.errors import Conflict
from commands.people import SYSTEM
from commands.ports import Transaction, Urgency
from commands.presentation.maintenance import asking, asking_over, card_key, window_card
from commands.publishing import page_called

#: Runbook 001: users are notified a day before, and the metrics are watched for half an hour afterwards.
NOTICE, WATCHED = timedelta(hours=24), timedelta(minutes=30)
_AGAIN = timedelta(minutes=30)

_BEGUN, _OVER = "The maintenance has begun.", "The maintenance is over."
_CANCELLED, _LAPSED = "The maintenance was cancelled.", "The maintenance did not take place."


def check_public(texts: tuple[str, ...], services: Services, *, example: str) -> None:
    """Raises Malformed for what must not be public."""
    leaks.check("\n".join(texts), services.directory, services.publicity.blocked, example=example)


def plan(maintenance: Maintenance, services: Services, tx: Transaction) -> Maintenance:
    """It is planned; everybody reads it in the announcements, and what begins within a day is public at once."""
    tx.maintenances.add(maintenance)
    _audit(maintenance, "planned", maintenance.planned_by, tx)
    if maintenance.starts_at - tx.now <= NOTICE:
        maintenance = announce(maintenance, maintenance.planned_by, services, tx)
    for channel in _channels(maintenance, services, tx):
        shown = window_card(maintenance, services)
        tx.messages.post(channel, shown, key=card_key(maintenance, channel), urgency=Urgency.LATER)
    return maintenance


def announce(maintenance: Maintenance, by: str, services: Services, tx: Transaction) -> Maintenance:
    """The public reads of it. Raises Conflict."""
    _check(maintenance, MaintenanceState.PLANNED, "announced")
    if maintenance.announced_at:
        raise Conflict("That maintenance was announced already.", example="/maintenance")
    text = maintenance.details or "We will do maintenance on this service."
    return _change(maintenance, "announced", by, services, tx, text=text, announced_at=tx.now)


def start(maintenance: Maintenance, call: Call, tx: Transaction) -> Maintenance:
    """It begins; nobody is told of the alerts of its service until its end. Raises Conflict."""
    _check(maintenance, MaintenanceState.PLANNED, "begun")
    silences = _silenced(maintenance, maintenance.ends_at, call, tx)
    changes = {"state": MaintenanceState.RUNNING, "started_at": tx.now, "silences": silences}
    changes |= {} if maintenance.announced_at else {"announced_at": tx.now}
    return _change(maintenance, "begun", call.person.id, call.services, tx, text=_BEGUN, **changes)


def end(maintenance: Maintenance, call: Call, tx: Transaction) -> Maintenance:
    """It is over; whoever ended it is asked to look again after half an hour. Raises Conflict."""
    _check(maintenance, MaintenanceState.RUNNING, "ended")
    _unsilenced(maintenance, tx)
    look = Ask(
        id=f"ask-{maintenance.id}",
        channel=maintenance.channel,
        person=call.person.id,
        asked_by=call.person.id,
        text=f"see that all is well after {maintenance.title}: /gw status, /gw errors",
        due_at=tx.now + WATCHED,
    )
    tx.reminders.ask(look)
    changes = {"state": MaintenanceState.DONE, "ended_at": tx.now, "silences": ()}
    return _change(maintenance, "ended", call.person.id, call.services, tx, text=_OVER, **changes)


def cancel(maintenance: Maintenance, call: Call, tx: Transaction) -> Maintenance:
    """It does not take place, or is broken off. Raises Conflict."""
    _check(maintenance, None, "cancelled")
    _unsilenced(maintenance, tx)
    changes = {"state": MaintenanceState.CANCELLED, "ended_at": tx.now, "silences": ()}
    return _change(maintenance, "cancelled", call.person.id, call.services, tx, text=_CANCELLED, **changes)


def extend(maintenance: Maintenance, span: timedelta, call: Call, tx: Transaction) -> Maintenance:
    """It takes so much longer; one whose end is over, from now on. Raises Conflict."""
    _check(maintenance, None, "extended")
    until = max(maintenance.ends_at, tx.now) + span
    running = maintenance.state is MaintenanceState.RUNNING
    silences = _silenced(maintenance, until, call, tx) if running else maintenance.silences
    if running:
        _unsilenced(maintenance, tx)
    text = "The maintenance takes longer." if running else "The maintenance will take longer."
    changes = {"ends_at": until, "silences": silences}
    return _change(maintenance, "extended", call.person.id, call.services, tx, text=text, **changes)


def _change(
    maintenance: Maintenance, what: str, by: str, services: Services, tx: Transaction, *, text: str, **changes: Any
) -> Maintenance:
    """One step: kept, audited, shown; told to the public if it knows of it, or is to know from now on."""
    public = not maintenance.internal and (maintenance.is_public or "announced_at" in changes)
    if public:
        changes["notices"] = (*maintenance.notices, Notice(at=tx.now, text=text))
    if maintenance.asked:
        tx.messages.edit(maintenance.asked, asking_over(maintenance, what, by))
    changed = tx.maintenances.change(maintenance, **changes | {"asked": "", "asked_at": None})
    _audit(changed, what, by, tx)
    for channel in _channels(changed, services, tx):
        tx.messages.edit(card_key(changed, channel), window_card(changed, services))
    for page in services.publicity.pages if public else ():
        tx.errands.order(page_called(page), incident="", subject=changed.id, what=f"maintenance {changed.id}, {what}")
    return changed


def _check(maintenance: Maintenance, state: MaintenanceState | None, what: str) -> None:
    if not maintenance.state.stands or (state and maintenance.state is not state):
        raise Conflict(f"That maintenance is {maintenance.state.value}; it cannot be {what}.", example="/maintenance")


def _silenced(maintenance: Maintenance, until: datetime, call: Call, tx: Transaction) -> tuple[str, ...]:
    span = min(until - tx.now, LONGEST)
    if not maintenance.service or not maintenance.silent or span <= timedelta(0):
        return ()
    return (silence_service(maintenance.service, span, f"maintenance: {maintenance.title}", call, tx).id,)


def _unsilenced(maintenance: Maintenance, tx: Transaction) -> None:
    for one in maintenance.silences:
        tx.alerts.end_silence(one)


def _audit(maintenance: Maintenance, what: str, by: str, tx: Transaction) -> None:
    detail = {"what": what, "title": maintenance.title, "until": maintenance.ends_at.isoformat()}
    tx.audit.append("maintenance", actor=by, subject=maintenance.id, detail=detail)


def _channels(maintenance: Maintenance, services: Services, tx: Transaction) -> list[str]:
    """Where everybody reads of it: the announcements here, and of the platform where it was planned."""
    there = services.standing(services.announce_in, maintenance.platform)
    elsewhere = maintenance.platform != HOME and tx.messages.may_read(there, maintenance.planned_by)
    return [services.announce_in, *([there] if elsewhere else [])]


# ---------------------------------------------------------------- what is due


def due(tx: Transaction) -> list[str]:
    """Those of which there is anything to do at this moment."""
    return [one.id for one in tx.maintenances.standing() if _step(one, tx.now)]


def _step(one: Maintenance, now: datetime) -> str:
    if one.state is MaintenanceState.PLANNED and now >= one.ends_at:
        return "lapse"
    if one.state is MaintenanceState.PLANNED and not one.announced_at and one.starts_at - now <= NOTICE:
        return "announce"
    return "ask" if one.is_overdue(now) and not (one.asked_at and now - one.asked_at < _AGAIN) else ""


def attend(maintenance_id: str, services: Services, tx: Transaction) -> None:
    """Do what is due, once."""
    maintenance = tx.maintenances.get(maintenance_id)
    match _step(maintenance, tx.now):
        case "lapse":
            changes = {"state": MaintenanceState.LAPSED, "ended_at": tx.now}
            _change(maintenance, "lapsed", SYSTEM.id, services, tx, text=_LAPSED, **changes)
        case "announce":
            _tell_of_notice(announce(maintenance, SYSTEM.id, services, tx), services, tx)
        case "ask":
            _ask(maintenance, tx)


def _tell_of_notice(maintenance: Maintenance, services: Services, tx: Transaction) -> None:
    shown = window_card(maintenance, services, notice=True)
    tx.messages.post(maintenance.channel, shown, key=f"{maintenance.id}:notice", urgency=Urgency.NORMAL)


def _ask(maintenance: Maintenance, tx: Transaction) -> None:
    if maintenance.asked:
        tx.messages.edit(maintenance.asked, asking_over(maintenance, "asked again below", ""))
    key = f"{maintenance.id}:ask:{maintenance.version}"
    tx.messages.post(maintenance.channel, asking(maintenance, tx.now), key=key, urgency=Urgency.NORMAL)
    tx.maintenances.change(maintenance, asked_at=tx.now, asked=key)
