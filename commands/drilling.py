"""Drills: an incident that is practised. It is marked, its fault is real, and nobody outside is told of it.

The fault is injected and ended by errands (`bot/drills.py`), written down with the decision. Each fault also has an
expiry of its own at the gateway, so that it ends whatever becomes of Tocsin.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from commands.context import Call, Services
from commands.domain.drill import Drill, DrillReviewed, DrillStopped, Fault, FaultChanged, Scenario
from commands.domain.errand import Integration
from commands.domain.event import ActionStarted
from commands.domain.incident import Declared, Incident, IncidentEvent, Merged, Resolved
from commands.domain.sli import Reading
from commands.drafting import findings, order_draft
from commands.drill_review import Seen, marks_of
from commands.errors import Conflict
from commands.handlers.common import close_void_offer
from commands.handlers.incident_declare import open_incident
from commands.handlers.incident_end import cancel_waiting
from commands.paging import at_declaration
from commands.people import SYSTEM
from commands.ports import Contact, Transaction
from commands.presentation.drill import ended_card, real_card, review_card, rules_card

#: Faults are injected into the gateway.
FAULTS = Integration(kind="fault injection", name="")
#: The work that tells of the end of a drill's time.
TIMER = "drill-time"
_LOOKED_AT = 50
#: A reading says how the service did at the end of a drill if it is no older.
_FRESH = timedelta(minutes=2)


def breaking(service: str, tx: Transaction) -> Incident | None:
    """The drill whose fault may be in the figures of a service now."""
    recent = tx.incidents.recent(open_only=False, limit=_LOOKED_AT)
    return next(
        (
            one
            for one in recent
            if one.service == service and one.drill and one.drill.spoils(tx.now, ended=one.resolved_at)
        ),
        None,
    )


def refuse_now(service: str, tx: Transaction, *, breaks: bool) -> None:
    """Nothing is practised beside what is real, nor two things at once. Raises Conflict."""
    for one in tx.incidents.recent(open_only=True, limit=_LOOKED_AT):
        if one.service == service and one.drill:
            raise Conflict(f"A drill goes on already: #{one.channel}.", hint="End it there:", example="/drill stop")
        if one.service == service and not one.private:
            raise Conflict(f"{one.id} is open, and is real.", hint="Practise when it is over.")
    freeze = tx.freezes.current() if breaks else None
    if freeze:
        raise Conflict("All changes are frozen.", hint="Without a fault it can be talked through: add --tabletop.")


def refuse_unwell(service: str, reading: Reading | None, services: Services) -> None:
    """Nothing is broken on purpose that does badly already. Raises Conflict."""
    if reading is None or not reading.up or services.objectives.breached(reading):
        now = reading.words() if reading else "its measurements do not answer"
        raise Conflict(
            f"{service} is not well: {now}.", hint="Nothing is broken on purpose then. To talk it through: --tabletop."
        )


def begin(
    name: str,
    scenario: Scenario,
    fault: Fault | None,
    lasts: timedelta,
    on_duty: list[Contact],
    call: Call,
    tx: Transaction,
) -> Incident:
    """The incident of the drill, with its channel; its fault is owed to the gateway from now on."""
    services = call.services
    severity = services.scheme.parse(scenario.severity) if scenario.severity else services.scheme.levels[1]
    drill = Drill(
        name=name,
        expects=scenario.expects,
        until=tx.now + lasts,
        fault=fault,
        cured_by=scenario.cured_by,
        mitigate_within=timedelta(minutes=scenario.mitigate_within_minutes),
        resolve_within=timedelta(minutes=scenario.resolve_within_minutes),
    )
    declared = Declared(
        incident=tx.incidents.next_id(tx.now),
        severity=severity.id,
        title=f"DRILL: {scenario.title}",
        service=services.default_service,
        declared_by=call.person.id,
        channel="",
        platform=call.platform,
        drill=drill,
    )
    incident = open_incident(declared, call, tx, [])
    tx.messages.post(incident.channel, rules_card(incident), key=f"{incident.id}:drill")
    at_declaration(incident, on_duty, call, tx)
    if fault:
        body = {"fault": fault.model_dump(), "actor": call.person.id}
        tx.errands.order(FAULTS, incident=incident.id, subject=incident.id, what="inject the drill's fault", body=body)
    tx.work.enqueue(TIMER, key=f"{incident.id}:{TIMER}", payload={"incident": incident.id}, delay=lasts)
    detail = {"scenario": name, "fault": fault.words() if fault else "", "until": drill.until.isoformat()}
    tx.audit.append("drill", actor=call.person.id, subject=incident.id, detail={"what": "begun", **detail})
    return incident


def stop(incident: Incident, why: str, call: Call, tx: Transaction) -> Incident:
    """It is over, however far it came; the review follows with what happened (see `follow`)."""
    cancel_waiting(incident, call, tx)
    tx.incidents.record(incident.id, DrillStopped(why=why), actor=call.person.id)
    over = tx.incidents.record(incident.id, Resolved(summary="The drill was stopped."), actor=call.person.id)
    order_draft(over, tx)
    close_void_offer(incident, over, tx)
    return over


def follow(incident: Incident, events: Iterable[IncidentEvent], services: Services, tx: Transaction) -> None:
    """What follows for a drill from what has just happened; part of the transaction in which it happened."""
    for event in events:
        match event:
            case Declared() if incident.drill is None and not incident.private:
                _give_way(incident, tx)
            case ActionStarted(plan=plan) if incident.drill and tx.plans.get(plan).action in incident.drill.cured_by:
                incident = end_fault(incident, f"{event.summary} is what helps", tx)
            case Resolved() | Merged() if incident.drill:
                incident = end_fault(incident, "the drill is over", tx)
                _review(incident, services, tx)


def _give_way(real: Incident, tx: Transaction) -> None:
    """Something is really wrong: nothing is broken on purpose beside it."""
    for one in tx.incidents.recent(open_only=True, limit=_LOOKED_AT):
        if one.drill and one.service == real.service:
            end_fault(tx.incidents.get(one.id), f"{real.id} is real", tx)
            tx.messages.post(one.channel, real_card(real), key=f"{one.id}:gives-way:{real.id}")


def end_fault(incident: Incident, why: str, tx: Transaction) -> Incident:
    """The gateway is to be as it was; once, and not where the fault is over by itself."""
    drill = incident.drill
    if drill is None or drill.fault is None or drill.until <= tx.now:
        return incident
    tx.errands.order(FAULTS, incident=incident.id, subject=incident.id, what="end the drill's fault", body={})
    return tx.incidents.record(incident.id, FaultChanged(what="ended", why=why), actor=SYSTEM.id)


def reviewed(incident: Incident, services: Services, tx: Transaction) -> DrillReviewed:
    """How it went, so far, from what is recorded."""
    entries = tx.incidents.timeline(incident.id)
    end = incident.resolved_at or tx.now
    readings = tx.samples.between(incident.service, end - _FRESH, end)
    level = findings(incident, services, tx).report.severities[0].level
    public = tx.public.of_incident(incident.id)
    seen = Seen(
        incident=incident,
        entries=entries,
        severity=services.scheme.get(level),
        last=readings[-1] if readings else None,
        met=bool(readings) and services.objectives.met(readings[-1]),
        drafted=bool(public),
        published=any(one.published_at for one in public),
        now=tx.now,
    )
    return DrillReviewed(marks=marks_of(seen))


def kept_review(incident: Incident, tx: Transaction) -> DrillReviewed | None:
    """The newest review that was kept with the incident."""
    found = [one.event for one in tx.incidents.timeline(incident.id) if isinstance(one.event, DrillReviewed)]
    return found[-1] if found else None


def _review(incident: Incident, services: Services, tx: Transaction) -> None:
    review = reviewed(incident, services, tx)
    tx.incidents.record(incident.id, review, actor=SYSTEM.id)
    tx.messages.post(incident.channel, review_card(incident, review), key=f"{incident.id}:review:{incident.version}")


def tell_time_is_over(incident_id: str, tx: Transaction) -> None:
    """The fault has ended by itself, and the drill goes on."""
    incident = tx.incidents.get(incident_id)
    if incident.drill and incident.status.is_open:
        tx.messages.post(incident.channel, ended_card(incident), key=f"{incident.id}:drill-time")
