"""Stakeholders are owed an update: by what happened to an incident, in the transaction in which it happened.

A channel is told by an ordinary message; of every other place the record keeps that it is to be told (an errand).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from commands.cards import Card, Tone
from commands.context import Services
from commands.domain import incident as happened
from commands.domain.errand import Integration
from commands.domain.event import StakeholdersTold
from commands.domain.incident import Incident, IncidentEvent
from commands.domain.stakeholder import Brief, Form, Kind, Place, StakeholderUpdate, Why
from commands.errors import Conflict
from commands.ports import Room, Transaction, Urgency
from commands.presentation.stakeholder import brief_card
from commands.world.briefing import brief_of

log = logging.getLogger(__name__)
#: Of these hears also whoever was told before, though the incident is not as bad any more.
_FOR_ALL_TOLD = {Why.SEVERITY, Why.REOPENED, Why.MERGED, Why.RESOLVED}


def tell_of(incident: Incident, events: Iterable[IncidentEvent], services: Services, tx: Transaction) -> None:
    """Whoever is to be told of what has just happened to an incident is owed it, if it is anything to tell."""
    news = [found for event in events if (found := _news(event))]
    if not news or not services.stakeholders or incident.drill:
        return
    why, changed = max(news, key=lambda one: list(Why).index(one[0]))
    told = {one.place for one in tx.stakeholders.of(incident.id)}
    places = [one for one in services.stakeholders if _concerns(one, incident, why, told)]
    briefs = {form: brief_of(incident, form, why, services, tx, changed=changed) for form in {p.form for p in places}}
    for place in places:
        _tell_if_it_can(place, briefs[place.form], services, tx)


def _concerns(place: Place, incident: Incident, why: Why, told: set[str]) -> bool:
    if incident.private and not place.private:
        return False
    return place.wants(incident.severity) or (why in _FOR_ALL_TOLD and place.name in told)


def _news(event: IncidentEvent) -> tuple[Why, str] | None:
    """Why somebody is to be told, and in a sentence what is new."""
    match event:
        case happened.Declared():
            return Why.DECLARED, ""
        case happened.SeverityChanged(before=before, after=after):
            return Why.SEVERITY, f"Severity: {after}, was {before}."
        case happened.StatusChanged(before=before, after=after, note=note) if after.is_open:
            return (Why.UPDATE if before is after else Why.STATUS), note
        case happened.Resolved(summary=summary):
            return Why.RESOLVED, summary
        case happened.Reopened(reason=reason):
            return Why.REOPENED, f"It is not over. {reason}".strip()
        case happened.Merged():
            return Why.MERGED, "It is the same as another incident, and goes on there."
        case _:
            return None


def send(
    incident: Incident, form: Form, words: str, by: str, services: Services, tx: Transaction
) -> tuple[list[Place], list[Place]]:
    """What somebody tells the places of a form, now and whatever the severity; where it went, and where not."""
    places = [one for one in services.stakeholders if one.form is form]
    brief = brief_of(incident, form, Why.SENT, services, tx, words=words)
    went = [one for one in places if incident.drill or _tell_if_it_can(one, brief, services, tx)]
    names = tuple(place.name for place in went)
    told = StakeholdersTold(places=names, form=form.value, text=words, drill=bool(incident.drill))
    tx.incidents.record(incident.id, told, actor=by)
    return went, [one for one in places if one not in went]


def _tell_if_it_can(place: Place, brief: Brief, services: Services, tx: Transaction) -> bool:
    try:
        tell(place, brief, services, tx)
    except Conflict as taken:  # its channel is somebody's else; nobody else goes without
        log.warning("stakeholders: %s is not told: %s", place.name, taken.words())
        return False
    return True


def tell(place: Place, brief: Brief, services: Services, tx: Transaction) -> None:
    """One place is owed one brief."""
    number = sum(1 for one in tx.stakeholders.of(brief.incident) if one.place == place.name) + 1
    update = StakeholderUpdate(
        id=f"{brief.incident}:{place.name}:{number}",
        incident=brief.incident,
        place=place.name,
        number=number,
        at=tx.now,
        told_at=tx.now if place.kind is Kind.CHANNEL else None,
        brief=brief,
    )
    if place.kind is Kind.CHANNEL:
        where = services.standing(place.channel, place.platform)
        tx.messages.open_channel(Room(name=where, platform=place.platform, private=False))
        tx.messages.post(where, _shown(brief, services), key=update.id, urgency=Urgency.NORMAL)
        tx.stakeholders.add(update)
        return
    tx.stakeholders.add(update)
    tx.errands.order(
        stakeholder_called(place.name),
        incident=brief.incident,
        subject=update.id,
        what=f"update {number} ({brief.why.value})",
        body=update.model_dump(mode="json"),
    )


def stakeholder_called(name: str) -> Integration:
    """As `/tocsin integrations` shows a place."""
    return Integration(kind="stakeholder", name=name)


def _shown(brief: Brief, services: Services) -> Card:
    bad = services.scheme.get(brief.severity).rank <= 2
    return brief_card(brief, Tone.GOOD if brief.ended else Tone.CRITICAL if bad else Tone.WARNING)
