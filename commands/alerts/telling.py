"""Telling people of a group: a card in the announcements or in the incident's channel, edited as the alerts go on."""

from __future__ import annotations

from datetime import timedelta

from commands.context import HOME, Services
from commands.domain.alert import Group, Tally, Then
from commands.domain.event import Alerted
from commands.domain.incident import Incident
from commands.people import SYSTEM
from commands.ports import Transaction, Urgency
from commands.presentation.alerts import alerts_card, named, suggestion

#: The timeline tells of a storm when it has become so many times larger.
_MUCH_MORE = 10
#: How often a group is looked at of which some alerts flap.
_WHILE_FLAPPING = timedelta(minutes=1)

#: So many open incidents are offered, those of the service first.
_ATTACHABLE = 2


def tell(group: Group, tx: Transaction, services: Services, *, window: timedelta) -> Group:
    """Bring what people read up to date. Without news it changes nothing that they see."""
    tally = tx.alerts.tally(group.id)
    if group.incident:
        incident = tx.incidents.get(group.incident)
        told = _in_incident(group, incident, tally, tx, services).model_copy(update={"status": incident.status.value})
    elif group.then.rank < Then.SUGGEST.rank:
        told = group
    else:
        told = _suggested(group, tally, tx, services)
    flaps = tx.now + _WHILE_FLAPPING if tally.flapping else None
    quiet = group.last_at + window if not tally.firing and not group.incident else None
    seen = {"dirty": False, "told_at": tx.now, "told": tally.firing, "look_at": flaps or quiet}
    told = told.model_copy(update=seen)
    tx.alerts.save(told)
    return told


def _suggested(group: Group, tally: Tally, tx: Transaction, services: Services) -> Group:
    open_ones = [one for one in tx.incidents.recent(open_only=True, limit=100) if not one.private]
    nearest = sorted(open_ones, key=lambda one: one.service != group.service)[:_ATTACHABLE]
    shown = suggestion(group, tally, nearest, services)
    places = [services.announce_in]
    if group.platform and group.platform != HOME:
        places.append(services.standing(services.announce_in, group.platform))
    cards = tuple(f"{group.id}:card:{place}" for place in places)
    for key, place in zip(cards, places, strict=True):
        if key in group.cards:
            tx.messages.edit(key, shown)
        else:
            tx.messages.post(place, shown, key=key, urgency=Urgency.ANSWER)
    return group.model_copy(update={"cards": cards})


def _in_incident(group: Group, incident: Incident, tally: Tally, tx: Transaction, services: Services) -> Group:
    """In the incident's channel, and on its timeline where the story goes on."""
    key = f"{group.id}:alerts"
    shown = alerts_card(group, tally, incident, services)
    if group.noted:
        tx.messages.edit(key, shown)
    else:
        tx.messages.post(incident.channel, shown, key=key)
        _say_where(group, incident, tally, tx, services)
    over, again = group.told > 0 and not tally.firing, group.told == 0 and tally.firing > 0
    if not (over or again or tally.alerts >= max(group.noted, 1) * _MUCH_MORE or not group.noted):
        return group
    happened = Alerted(alerts=tally.alerts, firing=tally.firing, what=named(tally))
    tx.incidents.record(incident.id, happened, actor=SYSTEM.id)
    return group.model_copy(update={"noted": max(tally.alerts, 1)})


def _say_where(group: Group, incident: Incident, tally: Tally, tx: Transaction, services: Services) -> None:
    """Who read the suggestion reads there what became of it; its buttons are void."""
    if incident.private:
        return
    for key in group.cards:
        tx.messages.edit(key, suggestion(group, tally, [], services, became=incident))


def open_incidents(service: str, tx: Transaction) -> list[Incident]:
    """Those of a service, newest first."""
    found = [one for one in tx.incidents.recent(open_only=True, limit=100) if one.service == service]
    return [one for one in found if hears(one, tx)]


def hears(incident: Incident, tx: Transaction) -> bool:
    """Whether alerts may belong to it: to a drill while its fault can cause them; what else comes is real."""
    return incident.drill is None or incident.drill.spoils(tx.now, ended=incident.resolved_at)
