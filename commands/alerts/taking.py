"""Alerts are taken in batches: folded, judged by the rules, grouped; what the rules say is done in the transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from commands.alerts.grouping import Folding, fold, group_for, is_flapping, joined, silenced
from commands.alerts.rules import Rules, Verdict
from commands.alerts.telling import hears, open_incidents, tell
from commands.context import Call, Services
from commands.domain.alert import Alert, Group, Known, Silence, Then
from commands.domain.incident import Declared, Incident
from commands.duty import effective
from commands.errors import Conflict
from commands.handlers.incident_declare import MAX_TITLE, open_incident
from commands.paging import at_declaration
from commands.people import SYSTEM, Person
from commands.ports import Contact, Transaction
from commands.presentation.alerts import call_for_commander, not_run
from commands.presentation.words import cut

#: What alerts of several services would open within this time is one trouble, so one incident.
_AT_ONCE = timedelta(minutes=1)


@dataclass(frozen=True)
class Desk:
    """What decides about alerts. `tell_every`: a group's cards change at most so often."""

    services: Services
    rules: Rules
    folding: Folding
    tell_every: timedelta
    platform: str


@dataclass
class _Batch:
    """What is read once for all alerts of a batch, and what changes."""

    known: dict[str, Known]
    groups: dict[str, Group]
    silences: list[Silence]
    over: frozenset[str]
    incidents: dict[str, list[Incident]] = field(default_factory=dict)
    changed: dict[str, Known] = field(default_factory=dict)
    touched: dict[str, Group] = field(default_factory=dict)

    def put(self, group: Group) -> None:
        self.groups[group.id] = self.touched[group.id] = group


def take(alerts: Iterable[Alert], tx: Transaction, desk: Desk) -> None:
    """Take a batch of alerts in, in their order."""
    batch_of = list(alerts)
    batch = _open(tx, tx.alerts.known({one.key for one in batch_of}), desk)
    for alert in batch_of:
        _take(alert, batch, tx, desk)
    _close(batch, tx, desk)


def revive(alerts: Iterable[Known], ended: Sequence[Silence], tx: Transaction, desk: Desk) -> None:
    """What these silences covered, and still fires, is looked at as if it came now."""
    batch = _open(tx, {}, desk)
    for known in alerts:
        placed = _place(known, batch, tx, desk) if any(one.covers(known.alert) for one in ended) else None
        if placed is not None and placed.group:
            batch.changed[known.alert.key] = placed
    _close(batch, tx, desk)


def _open(tx: Transaction, known: dict[str, Known], desk: Desk) -> _Batch:
    groups = {group.id: group for group in tx.alerts.open_groups()}
    over = frozenset(one.id for one in groups.values() if _ended(one, tx) or _is_calm(one, tx, desk))
    return _Batch(known, groups, tx.alerts.silences(), over)


def _close(batch: _Batch, tx: Transaction, desk: Desk) -> None:
    tx.alerts.keep(list(batch.changed.values()))
    for group in batch.touched.values():
        tx.alerts.save(group)
    for group in batch.touched.values():
        if group.then is Then.DECLARE and not group.incident:
            _declare(group, tx, desk)


def _declare(group: Group, tx: Transaction, desk: Desk) -> None:
    """One incident: that of its service, else the one that alerts opened a moment ago, else a new one."""
    open_ones = [one for one in tx.incidents.recent(open_only=True, limit=100) if not one.private]
    open_ones = [one for one in open_ones if hears(one, tx)]
    own = [one for one in open_ones if one.service == group.service]
    just = [one for one in open_ones if one.source == "alerts" and tx.now - one.declared_at <= _AT_ONCE]
    if own or just:
        joins = group.model_copy(update={"incident": (own or just)[0].id})
        tell(joins, tx, desk.services, window=desk.folding.window)
    else:
        open_by_itself(group, tx, desk)


def _take(alert: Alert, batch: _Batch, tx: Transaction, desk: Desk) -> None:
    before = batch.known.get(alert.key)
    heard, turn = fold(before, alert, tx.now, desk.folding)
    if turn == "late" or (before is None and not heard.firing):
        return
    group = batch.groups.get(heard.group)
    damped = before is not None and is_flapping(before, tx.now)
    gone = group is None or group.id in batch.over
    if heard.firing and gone and (turn == "began" or not heard.group):
        placed = _place(heard, batch, tx, desk)
        if placed is None:
            return
        heard = placed
    elif group is not None and turn != "same" and not damped:
        when = {"last_at": tx.now} if heard.firing else {}
        batch.put(group.model_copy(update=when | {"dirty": True}))
    batch.known[alert.key] = batch.changed[alert.key] = heard


def _place(heard: Known, batch: _Batch, tx: Transaction, desk: Desk) -> Known | None:
    """Where an alert belongs that is in no open group; None where nobody wants to know of it."""
    alert, verdict = heard.alert, desk.rules.verdict(heard.alert, desk.services.scheme)
    if verdict.then is Then.IGNORE:
        return None
    incidents = _incidents(alert.service, batch, tx)
    listed = verdict.then is Then.ATTACH and not incidents
    if listed or silenced(alert, batch.silences, tx.now):
        return heard.model_copy(update={"group": ""})
    taking = [one for one in batch.groups.values() if one.id not in batch.over]
    group = group_for(alert, taking, tx.now, desk.folding)
    if group is None:
        group = _begin(alert, verdict, incidents, batch, tx, desk)
    group = joined(group, verdict.then, _worse(group.worst, verdict, desk), tx.now)
    batch.put(group.model_copy(update={"run": group.run or verdict.run}))
    return heard.model_copy(update={"group": group.id})


def _incidents(service: str, batch: _Batch, tx: Transaction) -> list[Incident]:
    if service not in batch.incidents:
        batch.incidents[service] = [one for one in open_incidents(service, tx) if not one.private]
    return batch.incidents[service]


def _begin(
    alert: Alert, verdict: Verdict, incidents: list[Incident], batch: _Batch, tx: Transaction, desk: Desk
) -> Group:
    """A suggestion asks; whatever else a rule says goes to an incident that is open already."""
    begun = new_group(alert, verdict.then, verdict.severity, tx, desk.platform)
    if incidents and verdict.then is not Then.SUGGEST:
        begun = begun.model_copy(update={"incident": incidents[0].id})
    tx.alerts.save(begun)
    batch.put(begun)
    return begun


def new_group(alert: Alert, then: Then, worst: str, tx: Transaction, platform: str) -> Group:
    """A group of one alert; the caller stores it."""
    return Group(
        id=tx.alerts.next_group(),
        service=alert.service,
        then=then,
        title=cut(f"{alert.title}: {first}" if (first := alert.description.partition("\n")[0]) else alert.title, 200),
        worst=worst,
        opened_at=tx.now,
        last_at=tx.now,
        platform=platform,
    )


def _worse(worst: str, verdict: Verdict, desk: Desk) -> str:
    scheme = desk.services.scheme
    return min((worst, verdict.severity), key=lambda one: scheme.get(one).rank)


def open_by_itself(group: Group, tx: Transaction, desk: Desk) -> None:
    """An incident that a rule declares: nobody is in charge yet, so it is to call somebody."""
    call = Call(SYSTEM, group.platform, desk.services.announce_in, f"{group.id}:declare", tx.now, None, desk.services)
    incident = declare(group, SYSTEM, group.worst, call, tx)
    opened = group.model_copy(update={"incident": incident.id, "calling": True, "owed": group.run})
    tell(opened, tx, desk.services, window=desk.folding.window)


def declare(group: Group, person: Person, severity: str, call: Call, tx: Transaction) -> Incident:
    """Open an incident for a group."""
    declared = Declared(
        incident=tx.incidents.next_id(tx.now),
        severity=severity,
        title=cut(group.title, MAX_TITLE),
        service=group.service,
        declared_by=person.id,
        channel="",
        platform=call.platform,
        source="alerts" if person is SYSTEM else "person",
    )
    return open_incident(declared, call, tx, [])


def call_somebody(group: Group, found: list[Contact], tx: Transaction, desk: Desk) -> None:
    """Ask for a commander, unless there is one by now."""
    if not tx.alerts.group(group.id).calling:
        return  # another process has
    incident = tx.incidents.get(group.incident)
    on_duty = effective(found, incident.service, desk.services, tx)
    tx.alerts.save(tx.alerts.group(group.id).model_copy(update={"calling": False}))
    shown = call_for_commander(incident, on_duty)
    if shown is None:
        return
    for contact in on_duty:
        if contact.person:
            tx.messages.add_member(incident.channel, contact.person)
    tx.messages.post(incident.channel, shown, key=f"{group.id}:commander")
    call = Call(SYSTEM, group.platform, incident.channel, f"{group.id}:page", tx.now, incident, desk.services)
    with contextlib.suppress(Conflict):  # somebody has called them already
        at_declaration(incident, on_duty, call, tx)


def handed_in(group: Group, line: str, refused: str, tx: Transaction) -> None:
    """A line of the rule was answered; `refused`: why not, which nobody else would read."""
    now = tx.alerts.group(group.id)
    if line not in now.owed:
        return
    tx.alerts.save(now.model_copy(update={"owed": tuple(one for one in now.owed if one != line)}))
    if refused:
        channel = tx.incidents.get(group.incident).channel
        tx.messages.post(channel, not_run(line, refused), key=f"{group.id}:refused:{line}")


def look_after(tx: Transaction, desk: Desk) -> None:
    """What is due: cards to change, groups to close."""
    for group in tx.alerts.open_groups():
        if _is_over(group, tx, desk):
            tx.alerts.save(group.model_copy(update={"closed": True, "dirty": False}))
        elif is_due(group, tx, desk):
            tell(group, tx, desk.services, window=desk.folding.window)


def is_due(group: Group, tx: Transaction, desk: Desk) -> bool:
    """Whether people are to read of it now."""
    rested = group.told_at is None or tx.now - group.told_at >= desk.tell_every
    changed = group.look_at is not None and tx.now >= group.look_at
    return rested and (group.dirty or changed or _moved_on(group, tx))


def _moved_on(group: Group, tx: Transaction) -> bool:
    """Its incident has another status than its card was drawn for: the next step is another."""
    return bool(group.incident) and group.status != tx.incidents.get(group.incident).status.value


def _is_over(group: Group, tx: Transaction, desk: Desk) -> bool:
    """Nothing of it fires, which people have read, and it takes in no more."""
    if group.dirty or group.told != 0 or _moved_on(group, tx):
        return False
    return _ended(group, tx) if group.incident else _is_calm(group, tx, desk)


def _is_calm(group: Group, tx: Transaction, desk: Desk) -> bool:
    """People read of its end, and nothing came since for a window: what comes now is a new trouble."""
    return not group.incident and group.told == 0 and tx.now - group.last_at > desk.folding.window


def _ended(group: Group, tx: Transaction) -> bool:
    """Its incident is over."""
    return bool(group.incident) and not tx.incidents.get(group.incident).status.is_open
