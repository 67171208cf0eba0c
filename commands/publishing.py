"""What the public is told: proposed, checked, approved, corrected, taken back. Pages outside are told by durable work.

Each step is a decision in one transaction. The built-in page shows what is published in that very moment; for every
page outside there is an errand (`bot/errands.py` does them).
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from commands import leaks
from commands.context import Call, Services
from commands.domain.errand import Integration
from commands.domain.event import PublicTold
from commands.domain.incident import Incident, Role
from commands.domain.public import PublicImpact, PublicState, PublicStatus, PublicUpdate, What, due, told
from commands.errors import Conflict, Malformed, NotAllowed, NotFound
from commands.people import OrgRole, Person
from commands.ports import Transaction

#: The kind of integration that a page outside is.
PAGE = "status page"
MOST_TEXT = 4000
_APPROVERS = (Role.COMMANDER, Role.COMMS)
#: How far back an incident is looked for whose updates a page may still show as open.
LOOKS_BACK = timedelta(days=90)


def may_approve(person: Person, incident: Incident) -> bool:
    """The communications lead, the commander, or an admin; also once the incident is over, when it is told so."""
    return OrgRole.ADMIN in person.roles or bool(set(_APPROVERS) & set(incident.held_by(person.id)))


def check_may_approve(person: Person, incident: Incident) -> None:
    """Raises NotAllowed."""
    if may_approve(person, incident):
        return
    asked = incident.holder(Role.COMMS) or incident.holder(Role.COMMANDER)
    raise NotAllowed(
        "What the public is told is not for you to decide.",
        hint="decides that." if asked else "The communications lead, the incident commander or an admin decides that.",
        who=asked or "",
        example="" if asked else "/incident role claim comms",
    )


def draft(
    incident: Incident, status: PublicStatus, *, title: str, text: str, by: str, cause: str, services: Services
) -> PublicUpdate:
    """An update that nobody has approved; impact and components as the incident suggests them."""
    resolved = status is PublicStatus.RESOLVED
    components = tuple(one.id for one in services.publicity.components if one.service == incident.service)
    return PublicUpdate(
        id=f"pub-{hashlib.sha256(cause.encode()).hexdigest()[:8]}",
        incident=incident.id,
        title=title,
        status=status,
        text=text,
        impact=PublicImpact.NONE if resolved else _impact(incident, services),
        components=components,
        written_by=by,
        written_at=services.clock.now(),
        drill=bool(incident.drill),
    )


def _impact(incident: Incident, services: Services) -> PublicImpact:
    by_rank = {1: PublicImpact.CRITICAL, 2: PublicImpact.MAJOR, 3: PublicImpact.MINOR}
    return by_rank.get(services.scheme.get(incident.severity).rank, PublicImpact.NONE)


def title_of(incident: Incident, services: Services) -> str:
    """`API issues`: the component as the public knows it, else the service."""
    named = next((one.name for one in services.publicity.components if one.service == incident.service), "")
    return f"{named or incident.service[:1].upper() + incident.service[1:]} issues"


def found_leaks(update: PublicUpdate, services: Services) -> list[leaks.Leak]:
    """What keeps an update, or its correction, from being published."""
    return leaks.leaks(public_text(update), services.directory, services.publicity.blocked)


def check_text(text: str, services: Services, *, example: str) -> None:
    """Raises Malformed for what is too long, empty, or not for the public."""
    if len(text) > MOST_TEXT:
        raise Malformed(f"That has {len(text):,} characters; at most {MOST_TEXT:,} fit on the status page.")
    leaks.check(text, services.directory, services.publicity.blocked, example=example)


def public_text(update: PublicUpdate) -> str:
    """What the public reads of it once it is approved, word for word (runbook 002, section 2.4.5)."""
    head = f"Title: [{update.status.value.upper()}] {update.title}\nStatus: {update.status.value.capitalize()}"
    return f"{head}\n{update.correction or update.text}"


def publish(update_id: str, version: int, call: Call, tx: Transaction) -> PublicUpdate:
    """Approve what was previewed: it is public now, and each page outside is to be told.

    Raises NotAllowed, Conflict (it was changed since, or another was quicker) and Malformed.
    """
    update, incident = _waiting(update_id, version, tx)
    check_may_approve(call.person, incident)
    check_text(public_text(update), call.services, example=f"/status edit {update.id} what may be said")
    if incident.private and not update.wanted:
        raise Conflict("The incident is private.", example=f"/status post {update.status.value} --public what is known")
    correction = update.stands
    changes: dict[str, object] = {"approved_by": call.person.id}
    if correction:
        earlier = (*update.earlier, update.text)
        changes |= {"text": update.correction, "correction": "", "earlier": earlier, "corrected_at": tx.now}
    else:
        changes |= {"state": PublicState.PUBLISHED, "published_at": tx.now}
    changed = tx.public.change(update, **changes)
    _record(changed, "corrected" if correction else "published", call, tx)
    order(changed, What.CORRECT if correction else What.PUBLISH, call.services, tx)
    return changed


def discard(update_id: str, version: int, call: Call, tx: Transaction) -> PublicUpdate:
    """Nobody reads it: for whoever wrote it, and for whom may approve it. Raises as `publish`."""
    update, incident = _waiting(update_id, version, tx)
    if call.person.id != update.written_by:
        check_may_approve(call.person, incident)
    if update.stands:
        return tx.public.change(update, correction="")
    return tx.public.change(update, state=PublicState.DISCARDED)


def edit(update: PublicUpdate, text: str, call: Call, tx: Transaction) -> PublicUpdate:
    """Another text for a draft, or a correction of what is public that waits to be approved. Raises Conflict."""
    check_text(text, call.services, example=f"/status edit {update.id} what may be said")
    if update.state in {PublicState.DISCARDED, PublicState.RETRACTED}:
        raise Conflict(f"That update was {update.state.value}.", example=f"/status post {update.status.value}")
    if text == update.text:
        raise Conflict("That is what it says already.")
    if update.stands:
        return tx.public.change(update, correction=text)
    return tx.public.change(update, text=text, written_by=call.person.id, written_at=tx.now)


def retract(update: PublicUpdate, why: str, call: Call, tx: Transaction) -> PublicUpdate:
    """Take back what is public. Raises NotAllowed and Conflict."""
    check_may_approve(call.person, tx.incidents.get(update.incident))
    if not update.stands:
        raise Conflict(f"That update is not public; it is a {update.state.value} one.", example="/status")
    changed = tx.public.change(update, state=PublicState.RETRACTED, correction="")
    _record(changed, "retracted", call, tx, why=why)
    order(changed, What.RETRACT, call.services, tx)
    return changed


def order(update: PublicUpdate, what: What, services: Services, tx: Transaction) -> None:
    """Each page outside is to show it; that of a drill, none."""
    for name in () if update.drill else services.publicity.pages:
        said = f"{what.value} {update.id}"
        tx.errands.order(page_called(name), incident=update.incident, subject=update.id, what=said)


def page_called(name: str) -> Integration:
    """A page outside, as an integration."""
    return Integration(kind=PAGE, name=name)


def in_sight(update_id: str, call: Call, tx: Transaction) -> PublicUpdate:
    """An update whose incident somebody may read. Raises NotFound."""
    update = tx.public.get(update_id)
    if not tx.messages.may_read(tx.incidents.get(update.incident).channel, call.person.id):
        raise NotFound(f"There is no update {update_id[:60]}.", example="/status")
    return update


def _waiting(update_id: str, version: int, tx: Transaction) -> tuple[PublicUpdate, Incident]:
    update = tx.public.get(update_id)
    if update.version != version or not update.waits:
        raise Conflict("That preview is out of date.", hint="Use the newest one.", example="/status")
    return update, tx.incidents.get(update.incident)


def _record(update: PublicUpdate, what: str, call: Call, tx: Transaction, *, why: str = "") -> None:
    event = PublicTold.model_validate(
        {
            "update": update.id,
            "what": what,
            "status": update.status.value,
            "text": update.text,
            "why": why,
            "drill": update.drill,
        }
    )
    tx.incidents.record(update.incident, event, actor=call.person.id)
    detail = {"what": what, "incident": update.incident, "text": update.text, "why": why}
    tx.audit.append("public", actor=call.person.id, subject=update.id, detail=detail)


def next_due(incident: Incident, tx: Transaction, services: Services) -> tuple[bool, datetime | None]:
    """Whether the public was told anything of an open incident, and when it is to hear next."""
    standing = [one for one in told(tx.public.of_incident(incident.id)) if one.updates]
    last = standing[0].latest.published_at if standing else None
    return last is not None, due(last or incident.declared_at, services.scheme.get(incident.severity).update_every)
